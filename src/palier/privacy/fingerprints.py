"""Labelled text known again: in questions, in tools' results, in turns that come back, also in part or disguised.

A label travels with a text as long as palier carries it. Once it was told, a client may write it again: then its marks
(`privacy.marks`) tell what it is. They are keyed hashes: who has the file without the key learns nothing from it.
Paraphrase is not known again; for that, a conversation that saw more than it was called keeps that label (`sticky`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from palier.errors import PalierError
from palier.interfaces import MarkNumbers, Marks, Turns, Workers
from palier.privacy.disguises import undisguised
from palier.privacy.marks import fold, hashed, pieces_of, probes_of
from palier.types import Label

METHOD = "marks/1"
"""Changes whenever the marks of a text do."""
MAX_PROBES = 1_000_000
"""Marks looked up for one request, at most. A request that needs more counts as the most confidential there is."""
MAX_READ = 12_000_000
"""Characters read for one request, at most, all that stands under disguises included (5 s); beyond as above."""
INLINE = 1_000
"""Characters probed on the event loop (2 ms); more is done in a worker process."""
LONG = 20_000
"""Characters of an answer marked on the event loop (5 ms); more is done in a worker process."""
SOME = 20_000
"""Marks put in order on the event loop (2 ms); more are in a thread."""
SEAM = 120
"""Characters on either side of where two turns meet."""
BLOCK, OVERLAP = 1_000_000, 1_000
"""Characters marked at once, and those that are marked with their neighbours on both sides."""
CACHE = 2_000_000
"""Marks of turns kept in memory, for those that are sent again (16 MB)."""
KEPT_S = 365 * 86_400.0
"""How long an answer is known again by its marks, and a conversation by its turns."""
MIN_TURN_WORDS = 4
TURN = 2_000
"""Characters of a turn that it is known by: the first ones."""
MAX_TURNS = 200
"""Turns of one conversation by which it is known again: the last ones."""


@dataclass(frozen=True, slots=True)
class FingerprintMarker:
    """`interfaces.Marker` with one key (1 to 64 bytes)."""

    key: bytes

    @property
    def name(self) -> str:
        """Names the key and the method, and tells nothing of the key."""
        return hashlib.blake2b(METHOD.encode(), key=self.key, digest_size=8, person=b"name").hexdigest()

    def __call__(self, texts: Sequence[str]) -> bytes:
        """See `interfaces.Marker`."""
        packed = (hashed(pieces_of(block), self.key) for text in texts for block in _blocks(text))
        return np.unique(np.frombuffer(b"".join(packed), "<i8")).tobytes()


def _blocks(text: str) -> Iterator[str]:
    """A very long text in parts that overlap, so that its pieces need not be in memory at once."""
    for start in range(0, max(len(text) - OVERLAP, 1), BLOCK):
        yield text[start : start + BLOCK + OVERLAP]


class AnswerMarks(Marks, Turns, Protocol):
    """What is known of answers."""

    def expect(self, label: Label) -> None:
        """An answer of this label is about to be written."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What a request's texts carry by what they quote, and their marks where they were looked up."""

    label: Label
    marks: MarkNumbers | None = None


class Fingerprints:
    """Looks up what clients write among the marks of documents and answers."""

    def __init__(self, marker: FingerprintMarker, documents: Marks, answers: AnswerMarks, workers: Workers) -> None:
        self._key = marker.key
        self._marker = marker
        self._documents = documents
        self._answers = answers
        self._workers = workers
        self._cache: OrderedDict[bytes, MarkNumbers] = OrderedDict()
        self._cached = 0

    @property
    def highest(self) -> Label:
        """No text that is looked up can carry more: at or below what a request carries anyway, it need not be."""
        return Label.highest(self._documents.highest, self._answers.highest)

    async def warm(self) -> None:
        """Have what is looked up in memory before the first request."""
        if self.highest is not Label.PUBLIC:
            nothing = np.empty(0, np.int64)
            await self._documents.ranks_of(nothing)
            await self._answers.ranks_of(nothing)

    async def label_of(self, texts: Sequence[str]) -> Label:
        """The label of `texts`, in the order of the conversation, by what they quote; public where they quote nothing.

        A mark that documents hold has the least restrictive of their labels, else the most restrictive of the answers
        that hold it. Raises `Busy`, `Unavailable` and `StoreError`.
        """
        return (await self.seen(texts)).label

    async def seen(self, texts: Sequence[str]) -> Seen:
        """As `label_of`, with the marks: they are what the client wrote, for `marks_of`."""
        highest = self.highest
        if highest is Label.PUBLIC:
            return Seen(Label.PUBLIC)
        marks = await self._probes([*texts, *_seams(texts)])
        if marks is None:
            return Seen(highest)
        known = await self._documents.ranks_of(marks)
        told = await self._answers.ranks_of(marks)
        rank = max([0, *known.values(), *(rank for mark, rank in told.items() if mark not in known)])
        return Seen(list(Label)[rank], marks)

    async def marks_of(self, answers: Sequence[str], label: Label, seen: Seen | None) -> MarkNumbers:
        """The marks by which `answers` are to be known again: not those of what the client wrote itself."""
        self._answers.expect(label)
        packed = None
        if sum(map(len, answers)) > LONG:
            with suppress(PalierError):
                packed = await self._workers.run(self._marker, answers)
        marks = np.frombuffer(packed or self._marker(answers), "<i8").astype(np.int64, copy=False)
        return marks if seen is None or seen.marks is None else _without(marks, seen.marks)

    async def above_documents(self, marks: MarkNumbers, label: Label) -> MarkNumbers:
        """Those of `marks` that stand in no document of a lower label."""
        try:
            known = await self._documents.ranks_of(marks)
        except PalierError:  # rather too many marks than none
            return marks
        return _without(marks, np.array(sorted(mark for mark, rank in known.items() if rank < label.rank), np.int64))

    def turns(self, principal: str, texts: Sequence[str], conversation: str = "") -> list[bytes]:
        """By what a conversation of `principal` is known again: turns of four words or more, and its own name."""
        said = [" ".join(fold(text[:TURN]).split()) for text in texts[-MAX_TURNS:]]
        named = [
            b"turn\0" + turn.encode("utf-8", "surrogatepass") for turn in said if turn.count(" ") >= MIN_TURN_WORDS - 1
        ]
        if conversation:
            named.append(b"conversation\0" + conversation.encode("utf-8", "surrogatepass"))
        whose = hashlib.blake2b(principal.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        return [hashlib.blake2b(whose + name, key=self._key, digest_size=16).digest() for name in dict.fromkeys(named)]

    async def label_of_turns(self, digests: Sequence[bytes]) -> Label:
        """The most restrictive label that a conversation with one of these turns saw."""
        return await self._answers.label_of_turns(digests) if digests else Label.PUBLIC

    async def _probes(self, texts: Sequence[str]) -> MarkNumbers | None:
        """The marks to look up for `texts`, sorted; None where they are more than may be."""
        names = {
            hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest(): text for text in texts
        }
        held = {name: self._cache[name] for name in names if name in self._cache}
        new = [name for name in names if name not in held]
        limit = MAX_PROBES - sum(map(len, held.values()))
        unseen = [names[name] for name in new]
        if sum(map(len, unseen)) <= INLINE:
            made = probe(self._key, unseen, limit)
        else:
            made = await self._workers.run(probe, self._key, unseen, limit)
        if made is None:
            return None
        held |= {name: np.frombuffer(packed, "<i8") for name, packed in zip(new, made, strict=True)}
        self._keep(held)
        if sum(map(len, held.values())) <= SOME:
            return _united(held.values())
        return await asyncio.to_thread(_united, list(held.values()))

    def _keep(self, used: dict[bytes, MarkNumbers]) -> None:
        for name, marks in used.items():
            if name not in self._cache:
                self._cached += len(marks)
            self._cache[name] = marks
            self._cache.move_to_end(name)
        while self._cached > CACHE or len(self._cache) > CACHE // 100:
            self._cached -= len(self._cache.popitem(last=False)[1])


def probe(key: bytes, texts: Sequence[str], limit: int) -> list[bytes] | None:
    """For each text the marks of all it may say, disguised or not: eight bytes each. A task of a worker process.

    None for more than `limit` in all, or where there is too much to read.
    """
    packed: list[bytes] = []
    read = 0
    if sum(map(len, texts)) > MAX_READ // 4:  # each is read in reverse, too, and in ROT13
        return None
    for text in texts:
        pieces: set[str] = set()
        for layer in undisguised(text):
            read += len(layer)
            found = probes_of(layer, limit) if read <= MAX_READ else None
            pieces |= found or set()
            if found is None or len(pieces) > limit:
                return None
        limit -= len(pieces)
        packed.append(hashed(pieces, key))
    return packed


def _united(parts: Iterable[MarkNumbers]) -> MarkNumbers:
    return np.unique(np.concatenate([np.empty(0, np.int64), *parts]))


def _without(marks: MarkNumbers, others: MarkNumbers) -> MarkNumbers:
    """Those of `marks` that are not among `others`, both sorted."""
    if not len(others):
        return marks
    places = np.minimum(np.searchsorted(others, marks), len(others) - 1)
    kept: MarkNumbers = marks[others[places] != marks]
    return kept


def _seams(texts: Sequence[str]) -> Iterator[str]:
    """Where a turn meets the next, and the one after that: a client's own turns have an answer between them."""
    for gap in (1, 2):
        for before, after in zip(texts, texts[gap:], strict=False):
            yield before[-SEAM:] + "\n" + after[:SEAM]
