"""What a telecom operator knows its customers by: IMEI, IMSI, ICCID, MSISDN."""

from __future__ import annotations

import re

from palier.privacy.recognisers.numbers import Kind, luhn, words

_IMEI = words("imei", "imeisv", r"num[ée]ro de s[ée]rie", "serial(?: number)?", "handset", "terminal")
_IMSI = words("imsi")
_ICCID = words("iccid", "icc", "sim", r"carte sim", r"sim card", "esim")
_MSISDN = words("msisdn", "num[ée]ro d'appel", "ligne mobile", "mobile", "line")

_BODIES = re.compile(r"(?:01|10|33|35|44|45|49|5[0-4]|86|91|9[89])\d{13}")
"""The bodies that allocate the first digits of handsets (GSMA TS.06)."""
_MOBILE = re.compile(r"33[67]\d{8}|324\d{8}|417[5-9]\d{7}|447\d{9}")


def is_imei(digits: str) -> bool:
    return digits.strip("0") != "" and luhn(digits)


def is_likely_imei(digits: str) -> bool:
    return _BODIES.fullmatch(digits) is not None and luhn(digits)


def is_imsi(digits: str) -> bool:
    """Starts with a country and a network that exist (ITU-T E.212)."""
    from stdnum import imsi

    return bool(imsi.is_valid(digits))


def is_iccid(digits: str) -> bool:
    """89, a country, an issuer, an account (ITU-T E.118): of 19 digits and of 20 the last is Luhn's."""
    return digits.startswith("89") and luhn(digits)


def is_iccid_without_check(digits: str) -> bool:
    return digits.startswith("89")


def is_mobile(digits: str) -> bool:
    """An international number written without its +: of a mobile in France, Belgium, Switzerland or Great Britain."""
    return _MOBILE.fullmatch(digits) is not None


def is_international(digits: str) -> bool:
    """A country and up to 15 digits in all (ITU-T E.164)."""
    return digits[0] != "0"


KINDS = (
    Kind("IMEI", (15,), is_likely_imei, _IMEI, bare=0.6),
    Kind("IMEI", (15,), is_imei, _IMEI, named=0.95),
    Kind("IMEI", (16,), str.isdigit, words("imeisv"), named=0.9),
    Kind("IMSI", (14, 15), is_imsi, _IMSI, named=0.96, groups=5),
    Kind("ICCID", (19, 20), is_iccid, _ICCID, bare=0.9),
    Kind("ICCID", (18,), is_iccid_without_check, _ICCID, named=0.9),
    Kind("MSISDN", (11, 12), is_mobile, _MSISDN, bare=0.6, named=0.95, shapes=frozenset({(11,), (12,)})),
    Kind("MSISDN", (10, 11, 12, 13, 14, 15), is_international, words("msisdn"), named=0.95, groups=6),
)
