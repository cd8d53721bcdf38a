"""International bank accounts (ISO 13616): as long as their country says, with two check digits (ISO 7064, mod 97)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from palier.config import Redaction
from palier.interfaces import Entity

_START = re.compile(r"(?<![^\W_])[A-Za-z]{2}[ .\-]?[0-9OoIl]{2}(?=[ .\-]{0,2}[A-Za-z0-9]{0,4}[ .\-]{0,2}[0-9])")
_CHARACTER = re.compile(r"[ .\-_/]{0,2}([A-Za-z0-9])")
_LENGTH = re.compile(r"([0-9]+)!")
_AS_DIGITS = str.maketrans("OIL", "011")


class Iban:
    types = ("IBAN",)

    def find(self, text: str) -> Iterator[Entity]:
        for match in _START.finditer(text):
            country = match.group()[:2].upper()
            if length := _length(country):
                number, end = _characters(text, match.start(), length)
                touched = text[end : end + 1].isalnum()
                if len(number) == length and not touched and (_valid(number) or _valid(_with_digits(number))):
                    yield Entity("IBAN", match.start(), end, text[match.start() : end], 1.0)


def _characters(text: str, start: int, count: int) -> tuple[str, int]:
    """The first `count` letters and digits from `start`, at most two separators between any two; where they end."""
    found: list[str] = []
    position = start
    while len(found) < count and (match := _CHARACTER.match(text, position)):
        found.append(match.group(1))
        position = match.end()
    return "".join(found).upper(), position


def _with_digits(number: str) -> str:
    """An O read as 0 and an I as 1, where the country may want digits."""
    return number[:2] + number[2:].translate(_AS_DIGITS)


@lru_cache(maxsize=700)
def _length(country: str) -> int:
    """Characters of the country's IBAN, by the registry that python-stdnum carries; 0 where there is none."""
    from stdnum import numdb

    known = numdb.get("iban").info(country)[0][1].get("bban", "")
    return 4 + sum(map(int, _LENGTH.findall(known))) if known else 0


def _valid(number: str) -> bool:
    from stdnum import iban

    return bool(iban.is_valid(number, check_country=False))


def build(settings: Redaction) -> Iban:
    return Iban()
