"""Unit vectors kept in memory, as far as a limit goes: the same answers as the file's, ten times sooner.

A collection is held as it was at one version, in blocks that are never written again. A later version shares the blocks
nothing was deleted from and reads only the passages that are new, so that a search during ingestion stays cheap. A
reader whose snapshot is older than what is held, or whose collection is over the limit, reads the file instead.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import apsw
import numpy as np
from numpy.typing import NDArray

from palier.interfaces import Vectors
from palier.stores.documents import Collection
from palier.stores.schema import statements

BLOCK_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Block:
    """Some passages of a collection: their numbers and audiences, shape (n,), and vectors, shape (n, dimension)."""

    passages: NDArray[np.int64]
    audiences: NDArray[np.int64]
    matrix: Vectors

    def only(self, rows: NDArray[np.bool_]) -> Block:
        """The block without what is not in `rows`; itself when all is."""
        if rows.all():
            return self
        return Block(self.passages[rows], self.audiences[rows], self.matrix[rows])


@dataclass(frozen=True, slots=True)
class Held:
    """A collection as it was at `version`."""

    version: int
    removals: int
    blocks: tuple[Block, ...]

    @property
    def size(self) -> int:
        """Bytes of its vectors."""
        return sum(block.matrix.nbytes for block in self.blocks)


class VectorMemory:
    """Collections held in memory, the least recently searched leaving first. Used by all readers' threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[int, Held] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes of vectors that are held."""
        return sum(held.size for held in list(self._held.values()))

    def nearest(
        self, connection: apsw.Connection, collection: Collection, query: Vectors, audiences: Sequence[int], limit: int
    ) -> list[tuple[int, float]] | None:
        """The `limit` passages of `audiences` nearest to `query`, with their cosines; None: read the file."""
        held = self._current(connection, collection)
        if held is None:
            return None
        length = float(np.linalg.norm(query))
        return _nearest(held.blocks, query / (length or 1.0), np.array(audiences, dtype=np.int64), limit)

    def _current(self, connection: apsw.Connection, collection: Collection) -> Held | None:
        sql = statements("knowledge")["version"]
        version, removals, passages = next(connection.execute(sql, (collection.id,)))
        size = passages * collection.dimension * 4
        with self._lock:
            held = self._held.pop(collection.id, None)
            if size > self._limit:
                return None
            if held is None or held.version < version:
                held = Held(version, removals, _read(connection, collection, held, removals))
                self._make_room(held.size)
            self._held[collection.id] = held
            return held if held.version == version else None

    def _make_room(self, size: int) -> None:
        while self._held and self.size + size > self._limit:
            self._held.popitem(last=False)


def _read(connection: apsw.Connection, collection: Collection, held: Held | None, removals: int) -> tuple[Block, ...]:
    """The blocks of the connection's moment, made from those of an earlier one."""
    sql = statements("knowledge")
    blocks = held.blocks if held else ()
    if held and held.removals != removals:
        rows = connection.execute(sql["passages_of_collection"], (collection.id,))
        left = np.fromiter((passage for (passage,) in rows), dtype=np.int64)
        blocks = tuple(block.only(np.isin(block.passages, left)) for block in blocks)
    # Passages are numbered upwards and never written again: what is new stands behind the last.
    last = max((int(block.passages[-1]) for block in held.blocks), default=0) if held else 0
    new = connection.execute(sql["vectors_after"], {"collection": collection.id, "last": last})
    return tuple(_merged([*blocks, *_blocks(new, collection.dimension)]))


def _blocks(rows: Iterator[tuple[int, int, bytes]], dimension: int) -> Iterator[Block]:
    while some := list(islice(rows, BLOCK_ROWS)):
        passages, audiences, vectors = zip(*some, strict=True)
        matrix = np.frombuffer(b"".join(vectors), dtype=np.float32).reshape(-1, dimension)
        yield Block(np.array(passages, dtype=np.int64), np.array(audiences, dtype=np.int64), matrix)


def _merged(blocks: Iterable[Block]) -> list[Block]:
    """Neighbours joined as far as a block goes, so that many small writes do not make many small blocks."""
    merged: list[Block] = []
    for block in blocks:
        if merged and len(merged[-1].passages) + len(block.passages) <= BLOCK_ROWS:
            last = merged.pop()
            block = Block(
                np.concatenate((last.passages, block.passages)),
                np.concatenate((last.audiences, block.audiences)),
                np.concatenate((last.matrix, block.matrix)),
            )
        if len(block.passages):
            merged.append(block)
    return merged


def _nearest(
    blocks: Iterable[Block], query: Vectors, audiences: NDArray[np.int64], limit: int
) -> list[tuple[int, float]]:
    """The best of the rows that may be read; no other row is ranked.

    `vecdot`, not `@`: a matrix product here starts the threads of the linear algebra library, which on a busy machine
    wait for each other ten times longer than the product takes.
    """
    passages, cosines = [], []
    for block in blocks:
        rows = np.flatnonzero(np.isin(block.audiences, audiences))
        if 4 * len(rows) < len(block.passages):  # gathering a few rows is cheaper than multiplying them all
            cosines.append(np.vecdot(block.matrix[rows], query))
        else:
            cosines.append(np.vecdot(block.matrix, query)[rows])
        passages.append(block.passages[rows])
    if not passages:
        return []
    numbers, scores = np.concatenate(passages), np.concatenate(cosines)
    if limit < len(scores):
        # All that ties with the last one: among equals, the passage that came first wins, as in the file.
        worst = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        numbers, scores = numbers[scores >= worst], scores[scores >= worst]
    best = np.lexsort((numbers, -scores))[:limit]
    return [(int(numbers[i]), float(scores[i])) for i in best]
