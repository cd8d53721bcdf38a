"""How far two texts say the same, by their words and their numbers."""

from __future__ import annotations

import re
from collections import Counter

from palier.text import figures, tokens

_MARKS = re.compile(r"\[\d{1,3}\]|^[ \t]*(?:\d{1,2}[.)]|[-*\u2022])[ \t]+", re.MULTILINE)
"""Citations and the marks of list items: their numbers say nothing."""
_NUMBERS = frozenset({"number", "date", "amount", "telephone"})
_MAX = 20_000
"""Characters of a text that are compared."""


def token_f1(text: str, reference: str) -> float:
    """F1 of the folded words of `text` against those of `reference`, in [0, 1]; symmetric. Two empty ones: 1."""
    said, known = Counter(tokens(_bare(text))), Counter(tokens(_bare(reference)))
    if not said and not known:
        return 1.0
    return 2 * (said & known).total() / (said.total() + known.total())


def numbers_agree(text: str, reference: str) -> bool:
    """Whether one has all the numbers, dates and amounts of the other; with none against some, they do not agree.

    Written differently they are the same (`29,99 €`, `29.99`; `3 mars 2026`, `2026-03-03`). Without its year, a date
    agrees with one of any year. Numbers in words are not read as numbers.
    """
    said, known = _numbers(text), _numbers(reference)
    if bool(said) != bool(known):
        return False
    return _within(said, known) or _within(known, said)


def agreement(text: str, reference: str) -> float:
    """`token_f1`, and 0 where the numbers do not agree. What audits call `f1`; symmetric."""
    return token_f1(text, reference) if numbers_agree(text, reference) else 0.0


def _bare(text: str) -> str:
    return _MARKS.sub(" ", text[:_MAX])


def _numbers(text: str) -> frozenset[str]:
    """Normal forms without their unit: one text may leave out what the other says."""
    found = figures(_bare(text), names=False)
    return frozenset(figure.value.partition(" ")[0].rstrip("%") for figure in found if figure.kind in _NUMBERS)


def _within(some: frozenset[str], others: frozenset[str]) -> bool:
    return all(value in others or any(_same_day(value, other) for other in others) for value in some)


def _same_day(date: str, other: str) -> bool:
    """One of two dates has no year (`--03-03`)."""
    yearless, whole = (date, other) if date.startswith("--") else (other, date)
    return yearless.startswith("--") and whole.endswith(yearless[1:])
