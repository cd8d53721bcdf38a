"""Words and stretches of letters as numbers, by hashing: what a head reads of a text beside its sentence embedding.

A text becomes the words it holds, each two that follow each other, and the stretches of three to five characters of its
words, counted into `dimension` buckets by a hash whose sign is drawn too, so that what falls together cancels out on
average (feature hashing: Weinberger et al., 2009). No vocabulary is kept: what nobody trained on is in no file.

A text has ten times as many stretches as words. Where the two are kept `apart`, each has half of the buckets and half
of the weight: else the words, which say more, are drowned.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palier.text import tokens
from palier.types import Data

MAX_CHARACTERS = 4000
"""Of a text, only so much is read, as by the encoder."""
_WORD_CHARACTERS = 40
"""Of a word, its stretches within so many characters: a line of base64 is one word."""
_TOGETHER = 1024
"""Texts that are counted at once: each word of theirs is cut once."""

_FEW_PLACES = 2**15
"""Up to so many buckets of all texts together, each is looked at: faster than to sort, for one text."""


class Ngrams(Data, frozen=True, kw_only=True):
    """How texts are read: up to `words` words together, stretches of `shortest` to `longest` characters, buckets."""

    dimension: int = 4096
    """A power of two."""
    words: int = 2
    shortest: int = 3
    longest: int = 5
    apart: bool = False
    """Words in the lower half of the buckets, stretches in the upper, either of the same length in all."""

    def __post_init__(self) -> None:
        power = self.dimension > 0 and not self.dimension & (self.dimension - 1)
        if not power or self.dimension > 2**20 or not 0 <= self.words <= 3:
            raise ValueError("n-grams: the dimension is a power of two up to 2**20, and 0 to 3 words go together")
        if not 1 <= self.shortest <= self.longest <= 8:
            raise ValueError("n-grams: stretches have 1 to 8 characters")


@dataclass(frozen=True, slots=True)
class Counted:
    """The buckets of n texts, row after row: those of text i stand at `starts[i]` to `starts[i + 1]`."""

    buckets: NDArray[np.int32]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]
    dimension: int
    apart: bool = False

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, rows: NDArray[np.intp]) -> Counted:
        """Some of the texts, in the order of `rows`."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        places = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], lengths)
        return Counted(self.buckets[places], self.values[places], starts, self.dimension, self.apart)

    def rows(self) -> NDArray[np.intp]:
        """The text of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def weighted(self, weights: NDArray[np.float32]) -> Counted:
        """Each bucket times its weight (dimension,), each text brought to length 1 again; an empty one stays empty.

        Of those that keep words and stretches apart, each of the two is brought to the square root of a half.
        """
        values = self.values * weights[self.buckets]
        parts = 2 if self.apart else 1
        part = self.rows() * parts + (self.buckets >= self.dimension // 2 if self.apart else 0)
        squares = np.bincount(part, weights=values * values, minlength=len(self) * parts)
        norms = np.sqrt(parts * np.maximum(squares, np.finfo(np.float32).tiny)).astype(np.float32)
        values = (values / norms[part]).astype(np.float32)
        return Counted(self.buckets, values, self.starts, self.dimension, self.apart)

    def dense(self) -> NDArray[np.float32]:
        """(n, dimension)."""
        table = np.zeros((len(self), self.dimension), np.float32)
        table[self.rows(), self.buckets] = self.values
        return table


def count(texts: Sequence[str], settings: Ngrams) -> Counted:
    """The n-grams of each text: 1 + log of how often one is there, its sign by the hash, added up in its bucket."""
    found = [_counted(texts[at : at + _TOGETHER], settings) for at in range(0, len(texts), _TOGETHER)]
    buckets, values, lengths = zip(*found, strict=True) if found else ((), (), ())
    return Counted(
        np.concatenate([*buckets, np.empty(0, np.int32)]),
        np.concatenate([*values, np.empty(0, np.float32)]),
        np.cumsum(np.concatenate([np.zeros(1, np.int64), *lengths])),
        settings.dimension,
        settings.apart,
    )


def _counted(
    texts: Sequence[str], settings: Ngrams
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]:
    """Buckets and values of all texts, one after the other, and how many each has."""
    codes, lengths = _codes(texts, settings)
    text = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)  # its words at 2 i, its stretches at 2 i + 1
    if not settings.apart:
        text &= ~np.uint64(1)
    keys, often = np.unique(text << np.uint64(32) | codes, return_counts=True)
    # CRC-32 is linear in what it reads: a multiplication (Knuth's) spreads what differs in a few bits.
    mixed = keys.astype(np.uint32) * np.uint32(2654435761)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(2246822519)
    signs = np.where(mixed & np.uint32(0x80000000), np.float32(-1), np.float32(1))
    weight = signs * (1 + np.log(often)).astype(np.float32)
    buckets = settings.dimension // 2 if settings.apart else settings.dimension
    rows = (keys >> np.uint64(32)).astype(np.int64) // (1 if settings.apart else 2)
    place, values = _added(rows * buckets + (mixed & np.uint32(buckets - 1)), weight, len(texts) * settings.dimension)
    filled = np.bincount(place // settings.dimension, minlength=len(texts))
    return (place % settings.dimension).astype(np.int32), values, filled.astype(np.int64)


def _added(
    places: NDArray[np.int64], weights: NDArray[np.float32], most: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which places below `most` there are, rising, and the sum of the weights of each; a sum may be 0."""
    if most > _FEW_PLACES:
        place, of = np.unique(places, return_inverse=True)
        return place, np.bincount(of, weights=weights, minlength=len(place)).astype(np.float32)
    sums = np.bincount(places, weights=weights, minlength=most)
    place = np.flatnonzero(np.bincount(places, minlength=most))
    return place, sums[place].astype(np.float32)


def rarity(counted: Counted) -> NDArray[np.float32]:
    """How rare each bucket is, (dimension,): the smoothed inverse document frequency (Spaerck Jones, 1972)."""
    texts = np.bincount(counted.buckets, minlength=counted.dimension)
    return (1 + np.log((1 + len(counted)) / (1 + texts))).astype(np.float32)


def _codes(texts: Sequence[str], settings: Ngrams) -> tuple[NDArray[np.uint32], list[int]]:
    """One number for each n-gram, text after text, and how many words and how many stretches each text has."""
    sizes = settings.words, settings.shortest, settings.longest
    codes = [np.empty(0, np.uint32)]
    lengths: list[int] = []
    for text in texts:
        words = [_word(word, *sizes) for word in tokens(text[:MAX_CHARACTERS])]
        together = _together(words, settings.words)
        codes += [np.array(together, np.uint32), *(word.stretches for word in words)]
        lengths += [len(together), sum(len(word.stretches) for word in words)]
    return np.concatenate(codes), lengths


class _Word(NamedTuple):
    """A word as it is counted."""

    begun: tuple[int, ...]
    """By size, the number of so many words of which it is the first, so far."""
    after: bytes
    """What stands for it behind others."""
    stretches: NDArray[np.uint32]
    """A number for each stretch of its characters."""


@lru_cache(maxsize=16384)
def _word(word: str, most: int, shortest: int, longest: int) -> _Word:
    """Remembered: texts are made of words that were read before."""
    begun = tuple(zlib.crc32(f"{n}:{word}".encode("utf-8", "replace")) for n in range(1, most + 1))
    whole = f" {word[:_WORD_CHARACTERS]} ".encode("utf-32-le", "replace")
    stretches = [
        zlib.crc32(whole[at : at + size], size)
        for size in range(shortest * 4, longest * 4 + 1, 4)
        for at in range(0, len(whole) - size + 1, 4)
    ]
    return _Word(begun, f" {word}".encode("utf-8", "replace"), np.array(stretches, np.uint32))


def _together(words: Sequence[_Word], most: int) -> list[int]:
    """A number for each word and each few together; never that of a stretch of the same letters."""
    codes: list[int] = []
    for size in range(1, most + 1):
        so_far = [word.begun[size - 1] for word in words[: max(len(words) - size + 1, 0)]]
        for ahead in range(1, size):
            so_far = [zlib.crc32(word.after, code) for word, code in zip(words[ahead:], so_far, strict=False)]
        codes += so_far
    return codes
