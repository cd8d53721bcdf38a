"""Two JSON values compared field by field: how many say the same, in whichever order and notation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from palier.text import figures, fold, tokens

DEEPEST = 32
"""Levels of nesting that are compared; what is deeper is one field that nothing equals."""
_PAIRS = 250_000
"""Fields said, times fields wanted: beyond, items of lists are compared by their place, which takes less time."""
_LONGEST_VALUE = 2_000
_FIGURES = frozenset({"number", "date", "amount", "telephone"})


class Agreement(NamedTuple):
    """Fields that are right, that were said, that were wanted."""

    right: int
    said: int
    wanted: int

    @property
    def f1(self) -> float:
        """1 where nothing was wanted nor said."""
        return 2 * self.right / (self.said + self.wanted) if self.said + self.wanted else 1.0

    def and_(self, other: Agreement) -> Agreement:
        """Both together."""
        return Agreement(self.right + other.right, self.said + other.said, self.wanted + other.wanted)


NOTHING = Agreement(0, 0, 0)


def compare(said: Any, wanted: Any) -> Agreement:
    """Compare parsed JSON. Null, "" and empty objects and lists have no field."""
    return _compare(said, wanted, 0, _count(said, 0) * _count(wanted, 0) <= _PAIRS)


def _compare(said: Any, wanted: Any, depth: int, paired: bool) -> Agreement:
    if depth > DEEPEST:
        return Agreement(0, int(not _empty(said)), int(not _empty(wanted)))
    if isinstance(said, dict) and isinstance(wanted, dict):
        found = NOTHING
        for key in {**wanted, **said}:
            found = found.and_(_compare(said.get(key), wanted.get(key), depth + 1, paired))
        return found
    if isinstance(said, list) and isinstance(wanted, list):
        return _lists(said, wanted, depth, paired)
    if any(isinstance(value, dict | list) or _empty(value) for value in (said, wanted)):
        return Agreement(0, _count(said, depth), _count(wanted, depth))
    return Agreement(int(same(said, wanted)), 1, 1)


def same(one: Any, other: Any) -> bool:
    """Whether two values that hold no others say the same: `29.9`, `"29,90"`; `"3 mars 2026"`, `"2026-03-03"`.

    An amount without currency is the same as one with any; two currencies are not.
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return _truth(one) == _truth(other)
    first, second = _normal(_text(one)), _normal(_text(other))
    if first == second:
        return True
    (value, unit), (known, other_unit) = first, second
    return value == known and "" in (unit, other_unit) and "words" not in (unit, other_unit)


def _lists(said: Sequence[Any], wanted: Sequence[Any], depth: int, paired: bool) -> Agreement:
    """Items are paired so that each wanted one meets the one that shares most with it, best pairs first."""
    left = {n: item for n, item in enumerate(said) if not _empty(item)}
    missing = {n: item for n, item in enumerate(wanted) if not _empty(item)}
    places = itertools.product(left, missing) if paired else ((n, n) for n in left.keys() & missing.keys())
    tried = [(_compare(left[n], missing[m], depth + 1, paired), n, m) for n, m in places]
    found = NOTHING
    for agreement, n, m in sorted(tried, key=lambda one: (-one[0].right, -one[0].f1, one[2], one[1])):
        if agreement.right and n in left and m in missing:
            found = found.and_(agreement)
            del left[n], missing[m]
    more, missed = (sum(_count(item, depth + 1) for item in items.values()) for items in (left, missing))
    return found.and_(Agreement(0, more, missed))


def _count(value: Any, depth: int) -> int:
    """Fields of `value`."""
    if depth > DEEPEST or not isinstance(value, dict | list):
        return int(not _empty(value))
    items = value.values() if isinstance(value, dict) else value
    return sum(_count(item, depth + 1) for item in items)


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip())


def _truth(value: Any) -> str:
    return str(value).strip().casefold()


def _text(value: Any) -> str:
    if isinstance(value, int | float):
        return f"{Decimal(str(value)):f}" if math.isfinite(value) else str(value)
    return str(value)[:_LONGEST_VALUE]


@lru_cache(maxsize=16384)
def _normal(text: str) -> tuple[str, str]:
    """(value, unit) of a figure, else (folded words, "words")."""
    stripped = text.strip()
    found = figures(stripped, names=False)
    if len(found) == 1 and found[0].kind in _FIGURES and len(found[0].text) == len(stripped):
        value, _, unit = found[0].value.partition(" ")
        return (value[:-1], "%") if value.endswith("%") else (value, unit)
    return " ".join(tokens(stripped)) or fold(stripped), "words"
