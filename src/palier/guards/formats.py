"""How numbers, dates and amounts are written: the French way, the English way, or dates as ISO 8601.

What is found is what `palier.text.figures` finds. What may be read either way (`1,234` is a number in both) passes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import Literal, NamedTuple

from palier.text import Figure, fold
from palier.text.figures import Kind, written

Way = Literal["", "fr", "en"]
DateWay = Literal["", "fr", "en", "iso"]

_SPACE = "[ \u00a0\u202f]"
_NUMBERS = {
    "fr": rf"[-\u2212+]?(?:\d{{1,3}}(?:{_SPACE}\d{{3}})+|\d+)(?:,\d+)?",
    "en": r"[-\u2212+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?",
}
_NUMBER = {way: re.compile(rf"{number}(?:{_SPACE}?(?:%|[^\W\d].*))?") for way, number in _NUMBERS.items()}
_AMOUNT = {
    "fr": re.compile(rf"{_NUMBERS['fr']}{_SPACE}?[^\d.,]+(?:\d{{2}})?"),
    "en": re.compile(rf"(?:[€$£]{_SPACE}?)?{_NUMBERS['en']}(?:{_SPACE}?[^\d.,]+)?"),
}
_MONTHS = {
    "fr": r"janv(?:ier|\.)?|fevr(?:ier|\.)?|mars|avr(?:il|\.)|mai|juin|juil(?:let|\.)|aout|sept(?:embre|\.)?"
    r"|oct(?:obre|\.)?|nov(?:embre|\.)?|dec(?:embre|\.)?",
    "en": r"jan(?:uary|\.)?|feb(?:ruary|\.)?|mar(?:ch|\.)?|apr(?:il|\.)?|may|june?|july?|aug(?:ust|\.)?"
    r"|sept?(?:ember|\.)?|oct(?:ober|\.)?|nov(?:ember|\.)?|dec(?:ember|\.)?",
}
_DATE = {
    "iso": re.compile(r"\d{4}-\d{2}(?:-\d{2})?"),
    "fr": re.compile(rf"\d{{1,2}}/\d{{1,2}}/\d{{4}}|(?:\d{{1,2}}(?:er)? )?(?:{_MONTHS['fr']})(?: \d{{4}})?"),
    "en": re.compile(
        rf"\d{{1,2}}/\d{{1,2}}/\d{{4}}|(?:\d{{1,2}}(?:st|nd|rd|th)? )?(?:{_MONTHS['en']})(?:,? \d{{4}})?"
        rf"|(?:{_MONTHS['en']}) \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?"
    ),
}
_CALLED = {"fr": "the French way", "en": "the English way", "iso": "YYYY-MM-DD"}


_KINDS: tuple[Kind, ...] = ("number", "date", "amount")


class Formats(NamedTuple):
    """How each is to be written; "" where it does not matter."""

    numbers: Way = ""
    dates: DateWay = ""
    amounts: Way = ""


def wrong(text: str, formats: Formats) -> Iterator[tuple[Figure, str]]:
    """The figures that are written otherwise, or are no day of any year, and why. A figure's `start` counts in NFC."""
    kinds = {kind for kind, way in zip(_KINDS, formats, strict=True) if way}
    if not kinds:
        return
    for figure in written(unicodedata.normalize("NFC", text), kinds):
        if reason := _reason(figure, formats):
            yield figure, reason


def _reason(figure: Figure, formats: Formats) -> str:
    match figure.kind:
        case "number" if formats.numbers and not _NUMBER[formats.numbers].fullmatch(figure.text):
            return f"a number is not written {_CALLED[formats.numbers]}"
        case "amount" if formats.amounts and not _AMOUNT[formats.amounts].fullmatch(figure.text):
            return f"an amount is not written {_CALLED[formats.amounts]}"
        case "date" if formats.dates and not figure.value.startswith("T"):  # a time of day is no date
            return _wrong_date(figure, formats.dates)
    return ""


def _wrong_date(figure: Figure, way: DateWay) -> str:
    if not _DATE[way].fullmatch(re.sub(_SPACE, " ", fold(figure.text))):
        return f"a date is not written {_CALLED[way]}"
    return "" if _is_a_day(figure.value) else "a date is no day of the calendar"


def _is_a_day(value: str) -> bool:
    """Of `2026-03-03`, `2026-03` or `--03-03`; the 29th of February is a day where no year is said."""
    whole = value.replace("--", "2024-", 1) if value.startswith("--") else value
    try:
        date.fromisoformat(whole if whole.count("-") == 2 else f"{whole}-01")
    except ValueError:
        return False
    return True
