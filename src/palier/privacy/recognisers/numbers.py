"""Numbers that are told by their length, their check digits and the words around them, all in one pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from palier.config import Redaction
from palier.interfaces import Entity
from palier.privacy.recognisers.windows import windows

BEFORE, AFTER = 48, 16
"""Characters before and after a number in which a word may say what it is."""

_PART_OF_CODE = re.compile(r"[\-/][A-Za-z]")
"""After a number that is only told by its grouping: `417-22-6047-A`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of number: `check` says of its digits whether they can be one.

    `bare` is its score with no word around that says what it is (0: then it is none), `named` the score with one.
    """

    type: str
    lengths: tuple[int, ...]
    check: Callable[[str], bool]
    words: re.Pattern[str]
    bare: float = 0.0
    named: float = 1.0
    shapes: frozenset[tuple[int, ...]] = frozenset()
    """The groupings in which it is `bare`; none: any."""
    groups: int = 8
    """Most groups that it is written in."""


def words(*alternatives: str) -> re.Pattern[str]:
    """Whole words, any case."""
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(alternatives)})(?![^\W_])", re.IGNORECASE)


def named(text: str, start: int, end: int, pattern: re.Pattern[str]) -> bool:
    """Whether a word of `pattern` stands shortly before or right after."""
    return bool(
        pattern.search(text, max(0, start - BEFORE), start) or pattern.search(text, end, min(len(text), end + AFTER))
    )


class Numbers:
    """Every kind of number, by its length."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self.types = tuple(dict.fromkeys(kind.type for kind in kinds))
        self._kinds: dict[int, list[Kind]] = {}
        for kind in kinds:
            for length in kind.lengths:
                self._kinds.setdefault(length, []).append(kind)

    def find(self, text: str) -> Iterator[Entity]:
        said: dict[re.Pattern[str], bool] = {}
        for window in windows(text, min(self._kinds), max(self._kinds)):
            for kind in self._kinds.get(len(window.digits), ()):
                if len(window.shape) > kind.groups:
                    continue
                score = kind.bare if not kind.shapes or window.shape in kind.shapes else 0.0
                if kind.shapes and _PART_OF_CODE.match(text, window.end):
                    score = 0.0
                if kind.words not in said:
                    said[kind.words] = kind.words.search(text) is not None
                if not score and not said[kind.words]:
                    continue  # most numbers of most texts end here
                if not kind.check(window.digits):
                    continue
                if said[kind.words] and named(text, window.start, window.end, kind.words):
                    score = kind.named
                if score:
                    yield Entity(kind.type, window.start, window.end, text[window.start : window.end], score)


def build(settings: Redaction) -> Numbers:
    from palier.privacy.recognisers import bank, identity, telecom

    return Numbers((*bank.KINDS, *identity.KINDS, *telecom.KINDS))


_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_PLAIN = bytes.maketrans(b"0123456789", bytes(range(10)))


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit (ISO/IEC 7812-1); python-stdnum says the same in ten times the time."""
    raw = digits.encode()
    return (sum(raw[-1::-2].translate(_PLAIN)) + sum(raw[-2::-2].translate(_DOUBLED))) % 10 == 0
