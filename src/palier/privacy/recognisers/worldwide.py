"""Addresses of any country, told by what stands around them: a flat, an army's post office, a word that announces one.

Streets of whatever language have no word in common, but most are written as a number, some names and another number,
with a flat, a town and a postcode after them, on a line each or on one, also where they are quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from palier.config import Redaction
from palier.interfaces import Entity
from palier.privacy.recognisers.vocabulary import PARTICLES, UPPER, capitalised, is_common, lowered
from palier.text.stopwords import BOTH

BACK = 110
"""Characters before a flat in which its street is looked for."""

_GAP = r"[\s,>?]{1,12}"
"""Between two parts: new lines, and what quotes them."""
_CAP = rf"[{UPPER}](?:[^\W_]|['’.\-/](?=[^\W_])){{0,29}}\.?"
_SMALL = rf"(?:(?:{'|'.join(sorted(PARTICLES, key=len, reverse=True))})\.?(?![^\W_]))"
LABEL = (
    r"(?!(?i:tel|t[ée]l[ée]phone|phone|mobile|fax|order|commande|client|customer|ref|ticket|invoice|facture|n°|dear"
    r"|bonjour|hello|cordialement|regards|thanks|merci)\b)"
)
_NUMBER = r"\d{1,6}[A-Za-z]?"
_STREET_BEFORE = re.compile(
    rf"(?<![\w.,])(?:{_NUMBER} {{1,2}}){{1,2}}(?:[^\W\d_](?:\w|['’.\-/]){{0,29}} {{1,2}}){{0,7}}?"
    rf"(?:[^\W\d_](?:\w|['’.\-/]){{0,29}}|\d{{1,5}}[A-Za-z]?\.?){_GAP}\Z"
)
_UNIT = r"(?:apt|apartment|suite|ste|unit|flat|appartement|appt)\.? {0,2}(?:n° ?)?#?\d{1,5}[a-d]?(?![^\W_])"
_UNITS = re.compile(rf"(?<![^\W_]){_UNIT}(?:{_GAP}{_UNIT}){{0,2}}")
_POSTCODE_TAIL = re.compile(
    rf"(?:{_GAP}(?:{LABEL}{_CAP}|{_SMALL}|\([^()\n]{{1,24}}\))(?![^\W_])){{1,9}}{_GAP}\d{{4,6}}(?![\w.,]\w|\w)"
)
_TOWN_TAIL = re.compile(
    rf"{_GAP}(?!St\b)(?P<first>{_CAP})(?:(?: |, |{_GAP})(?:{_CAP}|\([^()\n]{{1,24}}\))| {_SMALL}(?= [^\W\d_])){{0,5}}"
    r"(?=\s*(?:[.;:!?)\"]|\n|\Z))"
)
_COMMA_TAIL = re.compile(rf"(?:, {_CAP}(?: {_CAP}){{0,2}}(?: \([^()\n]{{1,24}}\))?){{2,3}}(?![^\W_])")
_ARMY = re.compile(
    rf"(?:(?:PSC|Unit|CMR) \d{{2,6}},?{_GAP}Box \d{{2,6}}|(?:US[A-Z]{{1,3}}|HMS) {_CAP}(?: {_CAP})?){_GAP}"
    r"[AFD]PO,? A[AEP],? \d{5}(?!\d)"
)
_STATES = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AIT]"
    r"|W[AIVY])"
)
_AMERICAN_TOWN = re.compile(rf"(?<![\w.]){_CAP}(?:[ \-]{_CAP}){{0,2}}, ?{_STATES},? \d{{5}}(?:-\d{{4}})?(?![\w\-])")

_ANNOUNCED = re.compile(
    r"(?<![^\W_])(?:address(?: of [^.\n?!]{1,60}?)? is|address\b[:?]?(?: it(?:['’]s| is))?|side of"
    r"|(?:live[sd]?|living|resid(?:es?|ed|ing)|stay(?:s|ed|ing)?|located|situated|deliver(?:ed|y)?|sent|shipp?(?:ed)?"
    r"|return(?:ed)?|moved?|moving|arrived|stop|habite|adresse) (?:it |them |this |back )?(?:at|to|on|in|au|est)"
    r"|adresse ?:)\s{0,3}(?::\s{1,3}|\s)(?=[^\W_])",
)
_NOT_A_STREET = (
    r"(?i:gate|terminal|room|platform|version|windows|page|chapter|step|level|line|route|unit|floor|box|order|ticket"
    r"|quai|porte|step|phase|apt|suite|section|article|ios|android)\b"
)
_STREET_AFTER = re.compile(
    rf"(?P<first>(?:{_NUMBER} {{1,2}}){{0,2}})(?!{_NOT_A_STREET})(?:{_CAP}|{_SMALL})"
    rf"(?: {{1,2}}(?:{_CAP}|{_SMALL})){{0,5}}"
    r"(?P<second> {1,2}\d{1,5}[a-dA-D]?(?![\w]|[.,:]\d))"
)
_PLACE = (
    rf"(?:{_NUMBER} )?(?:{_CAP}|{_SMALL} {_CAP})(?: (?:{_CAP}|{_SMALL}(?= [{UPPER}]))){{0,4}}"
    r"(?: \d{1,5}(?: St\b\.?)?)?"
)
_CORNER = re.compile(rf"(?<![^\W_])corner of (?P<one>{_PLACE}) and (?P<other>{_PLACE})")


class Worldwide:
    types = ("ADDRESS",)

    def find(self, text: str) -> Iterator[Entity]:
        seen = capitalised(text)
        for start, end, score in _spans(seen):
            while text[end - 1] in " .,":
                end -= 1
            yield Entity("ADDRESS", start, end, text[start:end], score)


def _spans(text: str) -> Iterator[tuple[int, int, float]]:
    small = lowered(text)
    for match in _UNITS.finditer(small):
        end = tail(text, match.end())
        start = _street_before(text, match.start())
        if start < match.start():
            yield start, end, 0.9
        elif match.group()[0] not in "uf" and "app" not in match.group():
            yield match.start(), end, 0.6
    for match in _ARMY.finditer(text):
        yield *match.span(), 0.9
    for match in _AMERICAN_TOWN.finditer(text):
        yield *match.span(), 0.75
    for match in _ANNOUNCED.finditer(small):
        street = _STREET_AFTER.match(text, match.end())
        if street and (street["first"] or len(street["second"].strip(" ,")) > 1):
            yield match.end(), tail(text, street.end(), lines=False), 0.88
    for match in _CORNER.finditer(text):
        yield *match.span("one"), 0.88
        yield *match.span("other"), 0.88


def _street_before(text: str, unit: int) -> int:
    """Where the street before a flat begins; `unit` itself where none is seen."""
    match = _STREET_BEFORE.search(text, max(0, unit - BACK), unit)
    if match is None:
        return unit
    words = match.group().split()
    if next((word for word in words if not word[0].isdigit()), "") in BOTH:
        return unit  # `5 of the course, flat 2`
    if any(word[0].isupper() for word in words) or words[-1].rstrip(".,>?").isdigit():
        return match.start()
    return unit


def tail(text: str, end: int, *, lines: bool = True) -> int:
    """Where the address whose street or flat ends at `end` ends: after its town, its country and its postcode.

    Without `lines` what has no postcode must stand on the same line: the next may be a signature.
    """
    if match := _POSTCODE_TAIL.match(text, end) or _COMMA_TAIL.match(text, end):
        return match.end()
    match = _TOWN_TAIL.match(text, end) if lines else None
    if match is None or is_common(match["first"]):
        return end
    return match.end()


def build(settings: Redaction) -> Worldwide:
    return Worldwide()
