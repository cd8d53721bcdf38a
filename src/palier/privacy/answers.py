"""By what answers are known again: what they say that no document says, and that nobody had written before.

Copies of documents are known by the marks of the documents, under every disguise that is undone. What an answer adds is
marked too, but a mark must not make more of a text than it is. So an answer has no marks where it is encoded: what the
encoding holds is marked. None of what stands in documents of a lower label or in what the client wrote, as it is, in
ROT13, in reverse or both; nor of eight words that are such text but for a few. And none of a word, however it is
written.

What is looked up is read in the same way before such a mark counts. So whatever answers were recorded, text of public
documents stays public, in any disguise that is undone.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from palier.interfaces import MarkNumbers
from palier.privacy.disguises import plain
from palier.privacy.marks import GRAM, SHORT, Token, bare, grams, hashed, is_calendar, tokens_of, uncited, words_of

NEW = SHORT
"""Words of a gram that must stand in nothing known."""
READ = 3
"""Letters of what surely is a word: as many of those must be in a gram, else it may be an encoding."""
VIEWS = 4
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Marks of a part of a text that is read by itself. A row a piece: as it is, in ROT13, in reverse, both."""

    words: int
    grams: MarkNumbers
    """Of the eight words from each word on, (words - 7, 4)."""
    prose: NDArray[np.bool_]
    """Which of them are words of a language."""
    tokens: MarkNumbers
    """Of pieces of tokens, (n, 4)."""
    codes: NDArray[np.bool_]
    places: NDArray[np.int64]
    """The words from which and to which the token of each reaches, (n, 2)."""

    def marks(self, known: MarkNumbers, *, recorded: bool) -> MarkNumbers:
        """The rows that say something new beside `known` (sorted); `recorded`: only of words and codes."""
        grams_, tokens, new = self._beside(known)
        kept = ~grams_ & (new[GRAM:] - new[:-GRAM] >= NEW) if len(grams_) else grams_
        said = ~tokens & (new[self.places[:, 1]] > new[self.places[:, 0]])
        if recorded:
            kept, said = kept & self.prose, said & self.codes
        return np.concatenate([self.grams[kept], self.tokens[said]])

    def is_known(self, known: MarkNumbers) -> bool:
        """Whether every word stands in what is known."""
        return bool(self._beside(known)[2][-1] == 0)

    def _beside(self, known: MarkNumbers) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
        """Which grams and tokens are known, and how many words up to each are new.

        Those are in no known gram, and in no token that is known from end to end.
        """
        grams_, tokens = _any_of(known, self.grams), _any_of(known, self.tokens)
        edges = np.zeros(self.words + GRAM + 1, np.int64)
        firsts = np.flatnonzero(grams_)
        edges[firsts] += 1
        edges[firsts + GRAM] -= 1
        if len(tokens):
            firsts, at = np.unique(self.places[:, 0], return_index=True)
            whole = np.logical_and.reduceat(tokens, at)
            edges[firsts[whole]] += 1
            np.subtract.at(edges, self.places[at[whole], 1], 1)
        covered = np.cumsum(edges)[: self.words] > 0
        return grams_, tokens, np.concatenate([np.zeros(1, np.int64), np.cumsum(~covered)])


@dataclass(frozen=True, slots=True)
class Said:
    """What one text says."""

    stretches: Sequence[Stretch]

    def is_known(self, known: MarkNumbers) -> bool:
        """Whether every word stands in what is known."""
        return bool(self.stretches) and all(one.is_known(known) for one in self.stretches)

    def all_marks(self) -> MarkNumbers:
        """Of all its pieces, in every view: sorted, each once."""
        return united([one.grams for one in self.stretches] + [one.tokens for one in self.stretches])

    def to_record(self, known: MarkNumbers) -> MarkNumbers:
        """Its marks, sorted: as it stands, and nothing that is `known`."""
        return united([one.marks(known, recorded=True)[:, 0] for one in self.stretches])

    def to_look_up(self, known: MarkNumbers) -> MarkNumbers:
        """What may be a mark of an answer, sorted, and says more than what is `known`."""
        return united([one.marks(known, recorded=False) for one in self.stretches])


def read(key: bytes, texts: Sequence[str], limit: int) -> list[Said] | None:
    """What each of `texts` says; None for more than `limit` characters in all. A task of a worker process."""
    said: list[Said] = []
    for text in texts:
        stretches: list[Stretch] = []
        for stretch in plain(text):
            limit -= len(stretch)
            if limit < 0:
                return None
            stretches.append(_stretch(uncited(stretch), key))
        said.append(Said([one for one in stretches if len(one.grams) or len(one.tokens)]))
    return said


def as_it_stands(key: bytes, text: str) -> Said:
    """What a text says if it is no disguise."""
    return Said([_stretch(uncited(text), key)])


def _any_of(known: MarkNumbers, rows: MarkNumbers) -> NDArray[np.bool_]:
    """Which of `rows` have a mark in `known`, which is sorted."""
    if not len(known):
        return np.zeros(len(rows), np.bool_)
    places = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    found: NDArray[np.bool_] = (known[places] == rows).any(axis=1)
    return found


def _stretch(text: str, key: bytes) -> Stretch:
    words = words_of(text)
    pieces, codes, places = _tokens(text)
    long = [len(word) >= READ and word.isalpha() for word in words]
    read_ = np.concatenate([[0], np.cumsum(np.array(long, np.int64))])
    rows = _aligned(text, lambda view: list(grams(words_of(view)))) if len(words) >= GRAM else []
    return Stretch(
        words=len(words),
        grams=_hashed(rows, key),
        prose=(read_[GRAM:] - read_[:-GRAM] >= SHORT) if rows else np.zeros(0, np.bool_),
        tokens=_hashed(pieces, key),
        codes=np.array(codes, np.bool_),
        places=np.array(places, np.int64).reshape(-1, 2),
    )


def _tokens(text: str) -> tuple[list[tuple[str, ...]], list[bool], list[tuple[int, int]]]:
    """The pieces of its tokens in every view, whether each looks like a code, and where its token is."""
    pieces, codes, places = [], [], []
    for views in _aligned(text, lambda view: list(tokens_of(bare(view)))):
        token = views[0]
        if any(is_calendar(view.parts) for view in views):
            continue
        looks = token.codes()
        for start, end in _spans(views):
            pieces.append(tuple(_piece(view, start, end, turned > 1) for turned, view in enumerate(views)))
            codes.append((start, end) in looks)
            places.append((token.first, token.first + len(token.parts)))
    return pieces, codes, places


def _spans(views: Sequence[Token]) -> list[tuple[int, int]]:
    """The spans of a token; without articles, those that are spans in every view: a date in reverse is no token."""
    spans, size = views[0].spans(), len(views[0].letters)
    if not any(view.elided for view in views):
        for turned, view in enumerate(views[1:], 1):
            spans &= {(size - end, size - start) if turned > 1 else (start, end) for start, end in view.spans()}
    return sorted(spans)


def _piece(token: Token, start: int, end: int, turned: bool) -> str:
    letters = token.letters
    return (letters[len(letters) - end : len(letters) - start] if turned else letters[start:end]).casefold()


def _aligned(text: str, take: Callable[[str], list[T]]) -> Iterator[tuple[T, ...]] | list[tuple[T, ...]]:
    """What `take` finds in `text`, in a row with what it finds there in ROT13, in reverse, and in both."""
    found = take(text)
    if not found:
        return []
    turned = codecs.encode(text, "rot13")
    others = [take(turned), take(text[::-1])[::-1], take(turned[::-1])[::-1]]
    # letters that count as several may be fewer in reverse: then there is nothing to compare with
    return zip(found, *(other if len(other) == len(found) else found for other in others), strict=True)


def _hashed(rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]], key: bytes) -> MarkNumbers:
    packed = hashed((piece for row in rows for piece in row), key)
    return np.frombuffer(packed, "<i8").astype(np.int64, copy=False).reshape(-1, VIEWS)


def united(parts: Iterable[MarkNumbers]) -> MarkNumbers:
    """All of these marks, sorted, each once."""
    return np.unique(np.concatenate([np.empty(0, np.int64), *(part.ravel() for part in parts)]))
