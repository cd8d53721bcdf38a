"""What a text must hold for a regular expression to find anything in it: letters that stand in every match.

Looking for some hundred short strings takes a tenth of what it takes to try as many expressions at every place of a
text, nearly all of which find nothing. Read off the expression as Python's own parser sees it (as trigram indexes of
code do: Cox, 2012); of one that says nothing of the kind, or that the parser of this Python shows otherwise, nothing
is known, and it is tried everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palier.text.stopwords import BOTH

SHORTEST = 3
"""Of fewer letters, beside those of stop words, nearly every text has them."""

LONG = 8
"""Of so many letters it tells something, be they all of stop words, where nothing else does."""


_DOT = re.compile(r"\u0307|\\(?:u0307|U00000307|N\{COMBINING DOT ABOVE\})", re.IGNORECASE)
"""It belongs to the letter before, which `plainly` writes in another way where it is an `i`: nothing is known of it."""


def needed(pattern: str) -> frozenset[str]:
    """Strings as `plainly` writes them: any text that `pattern` matches holds one. None where none are known."""
    if _DOT.search(pattern):
        return frozenset()
    try:
        from re import _parser  # type: ignore[attr-defined]  # there is no public one

        return _of(_parser.parse(pattern))
    except (ImportError, AttributeError, TypeError, ValueError):
        return frozenset()


def plainly(text: str) -> str:
    """`text` so that letters which are one to `re.IGNORECASE` are one."""
    return text.casefold().replace("i\u0307", "i").replace("ı", "i")  # small letters of İ and I, in Turkish


class Parts:
    """What many patterns need, looked for in one text: of thousands of strings, those are looked for whose every three
    letters are in it."""

    def __init__(self, needed: Sequence[frozenset[str]]) -> None:
        """`needed`: of each pattern."""
        self.unknown = tuple(number for number, parts in enumerate(needed) if not parts)
        """The patterns of which nothing is known."""
        self._of: dict[str, list[int]] = {}
        for number, parts in enumerate(needed):
            for part in parts:
                self._of.setdefault(part, []).append(number)
        threes = [_threes(part) for part in self._of]
        self._threes = np.concatenate([*threes, np.empty(0, np.uint16)])
        self._starts = np.cumsum([0, *map(len, threes)])[:-1]

    def likely(self, text: str) -> Iterator[tuple[str, Sequence[int]]]:
        """Those that may be in `text`, as `plainly` writes it, and the patterns that need each.

        All that are in it are among them, and in most texts few others. Whoever looks for them may give others a turn
        between: of a text of all letters in all orders, it is every one.
        """
        if not self._of or not text:
            return
        there = np.zeros(2**16, np.bool_)
        there[_threes(text)] = True
        likely = np.logical_and.reduceat(there[self._threes], self._starts).tolist()
        for maybe, (part, numbers) in zip(likely, self._of.items(), strict=True):
            if maybe:
                yield part, numbers


def _threes(text: str) -> NDArray[np.uint16]:
    """A number for each three letters that follow one another."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    mixed: NDArray[np.uint32] = (codes[:-2] * np.uint32(31) + codes[1:-1]) * np.uint32(31) + codes[2:]
    return mixed.astype(np.uint16)


def _of(sequence: Iterable[tuple[Any, Any]]) -> frozenset[str]:
    """Of what must stand one after the other, that which texts have least: the longest at least, of the fewest."""
    choices: list[frozenset[str]] = []
    run = ""
    for kind, what in sequence:
        if str(kind) == "LITERAL":
            run += chr(what)
            continue
        choices.append(frozenset({plainly(run)}))
        run = ""
        choices.append(_part(str(kind), what))
    choices.append(frozenset({plainly(run)}))
    rare = [some for some in choices if some and min(map(_telling, some)) >= SHORTEST]
    rare = rare or [some for some in choices if some and min(map(len, some)) >= LONG]
    return max(rare, key=lambda some: (min(map(_telling, some)), -len(some)), default=frozenset())


def _telling(part: str) -> int:
    """Letters of it that are of no stop word."""
    return sum(len(word) for word in part.split() if word not in BOTH)


def _part(kind: str, what: Any) -> frozenset[str]:
    if kind == "SUBPATTERN":
        return _of(what[3])
    if kind == "ATOMIC_GROUP":
        return _of(what)
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and what[0]:
        return _of(what[2])
    if kind == "BRANCH":
        each = [_of(one) for one in what[1]]
        return frozenset().union(*each) if all(each) else frozenset()
    return frozenset()
