"""Which words and patterns of many stand in the sentences of a text, of which next to none do.

Words are looked for where their longest word is in the text, patterns where the letters are that each of their matches
holds (`literals`). What is left is tried sentence by sentence, and others have their turn meanwhile: thousands of names
in a long text hold up nobody, and the time limit of the guard is kept.
"""

from __future__ import annotations

import asyncio
import re
import time
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from palier.guards.literals import Parts, needed, plainly
from palier.guards.said import unescaped
from palier.text import fold, tokens

_TURN_S = 0.005
"""Seconds after which others have a turn."""
_EMPHASIS = re.compile(r"[*_~`]+")


class Read(NamedTuple):
    """A sentence as rules read it."""

    words: str
    """Its words, folded, each between spaces."""
    readings: tuple[str, ...]
    """As it stands; in other spaces, without signs of no width nor emphasis; and that without accents. Where it has
    escapes of JSON, the last two also with these read: it may be JSON within words, or within a string of JSON."""
    letters: str
    """What `literals.Parts` are looked for in."""


@lru_cache(maxsize=512)
def read(sentence: str) -> Read:
    """Remembered: several guards of a place read the same text."""
    plains = list(dict.fromkeys(map(_plain, (sentence, unescaped(sentence)))))
    readings = tuple(dict.fromkeys((sentence, *(reading for plain in plains for reading in (plain, fold(plain))))))
    letters = "\n".join(dict.fromkeys(map(plainly, readings)))
    return Read(f" {'  '.join(' '.join(tokens(plain)) for plain in plains)} ", readings, letters)


class Phrases:
    """Many phrases, found among words: a phrase is looked for where the longest word of it is."""

    def __init__(self, phrases: Iterable[str]) -> None:
        """`phrases`: words as `tokens` gives them, one space between; an empty one is found nowhere."""
        self._padded = [f" {phrase} " for phrase in phrases]
        self._by_word: dict[str, list[int]] = {}
        for number, phrase in enumerate(self._padded):
            if words := phrase.split():
                self._by_word.setdefault(max(words, key=len), []).append(number)

    def within(self, words: str) -> list[int]:
        """The numbers of those that stand in `words` (each between spaces), rising."""
        there = self._there(words) if self._by_word else ()
        return sorted(number for word in there for number in self._by_word[word] if self._padded[number] in words)

    def likely(self, words: str) -> bool:
        """Whether the longest word of any is there: quick, and of most texts, no."""
        return bool(self._by_word) and bool(self._there(words))

    def _there(self, words: str) -> set[str]:
        return self._by_word.keys() & set(words.split(" "))


class Turns:
    """Gives others their turn in a long computation."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _TURN_S

    @property
    def over(self) -> bool:
        """Whether it is time to `give` one."""
        return time.monotonic() > self._until

    async def give(self) -> None:
        """Let others go on; the guard that took too long ends here."""
        await asyncio.sleep(0)
        self._until = time.monotonic() + _TURN_S


class Written:
    """The words and patterns of rules, by the numbers of these."""

    def __init__(self, rules: Sequence[tuple[Sequence[str], Sequence[re.Pattern[str]]]]) -> None:
        """`rules`: the phrases (`Phrases`) and the patterns of each."""
        self._phrases = Phrases(phrase for phrases, _ in rules for phrase in phrases)
        self._phrase_of = [number for number, (phrases, _) in enumerate(rules) for _ in phrases]
        self._patterns = [(number, pattern) for number, (_, patterns) in enumerate(rules) for pattern in patterns]
        self._parts = Parts([needed(pattern.pattern) for _, pattern in self._patterns])

    async def places(self, sentences: Sequence[str]) -> dict[int, set[int]]:
        """Of each sentence that holds words or a match of some rule, the numbers of these rules."""
        found: dict[int, set[int]] = {}
        turns, reads = Turns(), list[Read]()
        for sentence in sentences:
            if turns.over:
                await turns.give()
            reads.append(read(sentence))
        await self._by_words(reads, found, turns)
        await self._by_patterns(reads, found, turns)
        return found

    async def _by_words(self, reads: Sequence[Read], found: dict[int, set[int]], turns: Turns) -> None:
        if not self._phrases.likely("".join(one.words for one in reads)):
            return
        for place, one in enumerate(reads):
            if turns.over:
                await turns.give()
            for number in self._phrases.within(one.words):
                found.setdefault(place, set()).add(self._phrase_of[number])

    async def _by_patterns(self, reads: Sequence[Read], found: dict[int, set[int]], turns: Turns) -> None:
        if not self._patterns:
            return
        letters = "\n".join(one.letters for one in reads)
        starts = list(accumulate((len(one.letters) + 1 for one in reads), initial=0))[:-1]
        everywhere: set[int] = set(self._parts.unknown)
        some: dict[int, set[int]] = {}
        for part, numbers in self._parts.likely(letters):
            if turns.over:
                await turns.give()
            at = letters.find(part)
            while at >= 0:
                place = bisect_right(starts, at) - 1
                some.setdefault(place, set()).update(numbers)
                at = letters.find(part, starts[place + 1]) if place + 1 < len(starts) else -1
        for place in sorted(some) if not everywhere else range(len(reads)):
            for number in sorted(everywhere | some.get(place, set())):
                if turns.over:
                    await turns.give()
                rule, pattern = self._patterns[number]
                if rule in found.get(place, ()):
                    continue
                if any(pattern.search(reading) for reading in reads[place].readings):
                    found.setdefault(place, set()).add(rule)


def _plain(text: str) -> str:
    """As it is read: compatibility forms made one (NFKC), without what has no width or marks emphasis, one space."""
    seen = text
    if not text.isascii():
        seen = unicodedata.normalize("NFKC", text)
        if not seen.isprintable():  # what has no width is not; neither is a line's end
            seen = "".join(c for c in seen if c.isascii() or unicodedata.category(c) != "Cf")
    return " ".join(_EMPHASIS.sub("", seen).split())
