"""Dates of birth: a date shortly after a word that says so, or right before one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from palier.config import Redaction
from palier.interfaces import Entity

_MONTHS = (
    r"(?:janv(?:ier)?|f[ée]vr?(?:ier)?|mars|avr(?:il)?|mai|juin|juil(?:let)?|ao[uû]t|sept(?:embre)?|oct(?:obre)?"
    r"|nov(?:embre)?|d[ée]c(?:embre)?|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:tember)?|oct(?:ober)?|dec(?:ember)?)"
)
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_YEAR = r"(?:19|20)\d\d"
_DATE = re.compile(
    rf"(?<![\w.])(?:{_DAY} ?([/.\-]) ?{_DAY} ?\1 ?(?:{_YEAR}|\d\d)"
    rf"|{_DAY} {_DAY} {_YEAR}(?! \d)"
    rf"|{_YEAR}([/.\-])(?:1[0-2]|0?[1-9])\2{_DAY}"
    rf"|{_DAY}(?:er|st|nd|rd|th)?[ \-.]{{0,2}}(?:of )?{_MONTHS}\.?,?[ \-]{{0,2}}(?:{_YEAR}|'?\d\d)"
    rf"|{_MONTHS}\.? {_DAY}(?:st|nd|rd|th)?,? {_YEAR}"
    rf"|{_MONTHS}\.? {_YEAR})(?![\w]|[/.\-]\d)",
    re.IGNORECASE,
)
_BORN = re.compile(
    r"(?<![^\W_])(?:n[ée]{1,2}s?(?: \(?e\)?)?|n[ée]\(e\)|naissance|naquit|birth(?:day|date)?|born|d\.?o\.?b|b-day"
    r"|anniversaire|ddn|date_of_birth|birth_date)(?![^\W_])",
    re.IGNORECASE,
)
_AFTER = re.compile(r"[ ,]{0,2}\(?(?:date de naissance|date of birth|birthday|d\.?o\.?b\.?)", re.IGNORECASE)
_ENDS = re.compile(r"(?<!o\.b)(?<!O\.B)[.!?;]\s|\n\s*\n")
BEFORE, AFTER = 56, 24
"""Characters before a date, and after it, in which it is said to be of a birth, in the same sentence."""


class Birth:
    types = ("BIRTH_DATE",)

    def find(self, text: str) -> Iterator[Entity]:
        if not _BORN.search(text):
            return
        for match in _DATE.finditer(text):
            start, end = match.span()
            if _said_before(text, start) or _said_after(text, end):
                yield Entity("BIRTH_DATE", start, end, match.group(), 0.9)


def _said_before(text: str, start: int) -> bool:
    before = text[max(0, start - BEFORE) : start]
    return any(not _ENDS.search(before, said.end()) for said in _BORN.finditer(before))


def _said_after(text: str, end: int) -> bool:
    return _AFTER.match(text, end, end + AFTER) is not None


def build(settings: Redaction) -> Birth:
    return Birth()
