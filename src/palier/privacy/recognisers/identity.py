"""Numbers of persons and firms: NIR, SIREN, SIRET, US SSN, and the national ones of Belgium, Switzerland and Canada.

Check digits and the rules of each are python-stdnum's. What has letters in it, as the NIR of Corsica has, is found by
`Letters`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from palier.config import Redaction
from palier.interfaces import Entity
from palier.privacy.recognisers.numbers import Kind, luhn, named, words

_SECURITY = words(
    "nir",
    "insee",
    r"s[ée]cu(?:rit[ée] sociale)?",
    r"num[ée]ro de s[ée]cu(?:rit[ée] sociale)?",
    r"n[°o] ?s[ée]cu",
    "nss",
    "assur[ée]e?",
    "carte vitale",
    "ameli",
)
_SIREN = words(
    "siren", "rcs", "r\\.c\\.s\\.?", "registre du commerce", "soci[ée]t[ée]", "immatricul[ée]e?", "entreprise"
)
_SIRET = words("siret", "[ée]tablissement", "entreprise")
_SSN = words("ssn", r"ssns?", r"social security(?: (?:number|no\.?|nr))?", "soc sec", "social")
_BELGIUM = words("registre national", "niss", "rijksregister", "nn", "national register(?: number)?")
_SWITZERLAND = words("avs", "ahv", "navs", "oasi", "ahvn13")
_CANADA = words("nas", "sin", "social insurance(?: number)?", "assurance sociale")

_NIR = re.compile(r"[1-478]\d\d(?:0[1-9]|1[0-2]|[2-9]\d)\d{10}")


def is_nir(digits: str) -> bool:
    """15 digits: sex, year, month, department, commune, order, key."""
    from stdnum.fr import nir

    return _NIR.fullmatch(digits) is not None and bool(nir.is_valid(digits))


def is_like_nir(digits: str) -> bool:
    """Of its form, with whatever key: mistyped, it still tells who it is."""
    return _NIR.fullmatch(digits) is not None


def is_nir_without_key(digits: str) -> bool:
    return _NIR.fullmatch(digits + "00") is not None


def is_siren(digits: str) -> bool:
    return luhn(digits) and digits != "000000000"


def is_siret(digits: str) -> bool:
    """Luhn over the whole and over the SIREN; La Poste's own establishments by the sum of their digits."""
    from stdnum.fr import siret

    return luhn(digits[:9]) and digits[:9] != "000000000" and bool(siret.is_valid(digits))


def is_ssn(digits: str) -> bool:
    from stdnum.us import ssn

    return bool(ssn.is_valid(digits))


def is_like_ssn(digits: str) -> bool:
    """Of its form, if only of those that were never given out (they stand in examples)."""
    return _LIKE_SSN.fullmatch(digits) is not None


def is_belgian(digits: str) -> bool:
    from stdnum.be import nn

    return bool(nn.is_valid(digits))


def is_swiss(digits: str) -> bool:
    from stdnum.ch import ssn

    return digits.startswith("756") and bool(ssn.is_valid(digits))


def is_canadian(digits: str) -> bool:
    return luhn(digits)


KINDS = (
    Kind("NIR", (15,), is_nir, _SECURITY, bare=0.95),
    Kind("NIR", (15,), is_like_nir, _SECURITY, named=0.9),
    Kind("NIR", (13,), is_nir_without_key, _SECURITY, named=0.9),
    Kind("SIRET", (14,), is_siret, _SIRET, bare=0.7),
    Kind("SIREN", (9,), is_siren, _SIREN, named=0.95),
    Kind("US_SSN", (9,), is_ssn, _SSN, bare=0.8, named=0.97, shapes=frozenset({(3, 2, 4)})),
    Kind("US_SSN", (9,), is_like_ssn, _SSN, named=0.97),
    Kind("BE_NN", (11,), is_belgian, _BELGIUM, bare=0.6, shapes=frozenset({(2, 2, 2, 3, 2), (6, 3, 2), (6, 5)})),
    Kind("CH_AHV", (13,), is_swiss, _SWITZERLAND, bare=0.95),
    Kind("CA_SIN", (9,), is_canadian, _CANADA, named=0.95),
)

_LIKE_SSN = re.compile(r"(?!000|666|9)[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4}")
_CORSICAN = re.compile(
    r"(?<![^\W_])[1-478][ .\-]?\d\d[ .\-]?\d\d[ .\-]?2[ABab][ .\-]?\d{3}[ .\-]?\d{3}(?:[ .\-/]{0,2}\d\d)?(?![^\W_])"
)
_BRITISH = re.compile(r"(?<![^\W_])[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ \-]?(?:\d\d[ \-]?){3}[A-D](?![^\W_])", re.I)
_NINO = words("national insurance(?: (?:number|no\\.?))?", "ni(?: (?:number|no\\.?))?", "nino")


class Letters:
    """Numbers with letters in them: the NIR of Corsica (2A, 2B), the British national insurance number."""

    types = ("NIR", "UK_NINO")

    def find(self, text: str) -> Iterator[Entity]:
        for match in _CORSICAN.finditer(text):
            number = "".join(filter(str.isalnum, match.group()))
            if _is_corsican(number) or (len(number) == 13 and named(text, *match.span(), _SECURITY)):
                yield Entity("NIR", *match.span(), match.group(), 0.95)
        for match in _BRITISH.finditer(text):
            strong = match.group()[:2].isupper() or named(text, *match.span(), _NINO)
            if strong and match.group()[:2].upper() not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}:
                yield Entity("UK_NINO", *match.span(), match.group(), 0.85)


def _is_corsican(number: str) -> bool:
    from stdnum.fr import nir

    return bool(nir.is_valid(number))


def build(settings: Redaction) -> Letters:
    return Letters()
