"""Marks in SQLite, a row a document or an answer, and all of them in memory, sorted, to be looked up.

A mark is as good as a random number: an index of them in the file would write as many pages as a document has marks.
Rows of hashes lie together, and memory holds (mark, row) in a few sorted runs, each at least twice the next: twelve
bytes a mark. A row that is gone, or whose label changed, is not taken out: what is found is looked up in the file.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import apsw
import msgspec
import numpy as np
from numpy.typing import NDArray

from palier.errors import Busy, Unavailable
from palier.interfaces import Marker, MarkNumbers, Workers
from palier.stores.schema import statements
from palier.stores.sqlite import Database
from palier.types import Label

RUN = 1_000_000
"""Marks read from the file at once."""
SLACK = 1_024
"""Rows that may be gone and still in memory, whatever the number of those that are there."""
FILL, FILL_CHARACTERS = 64, 2_000_000
"""Documents marked in one step of `fill`, and characters of theirs, at most."""
MARKED = ("marks",)
"""The key of journaled traces whose answers are known again by marks."""
Rows = NDArray[np.uint32]
Run = tuple[MarkNumbers, Rows]


class MarkMemory:
    """The marks of one table's rows. Used by all readers' threads."""

    def __init__(self, file: str) -> None:
        self._sql = statements(file)
        self._lock = threading.Lock()
        self._runs: tuple[Run, ...] = ()
        self._last = 0
        self._rows = 0
        """How many are held, those that are gone included."""

    def find(self, connection: apsw.Connection, sought: MarkNumbers) -> tuple[NDArray[np.int64], Rows]:
        """Places in `sought` (sorted) and the rows that hold that mark, as many pairs as there are.

        Called before anything else is read on `connection`, whose snapshot then is no older than what is held.
        """
        with self._lock:
            last = int(connection.execute(self._sql["last_mark"]).get)
            if last > self._last:
                self._read(connection)
                self._last = last
            runs = self._runs
        places, rows = [], []
        for marks, owners in runs:
            first = np.searchsorted(marks, sought)
            hit = np.flatnonzero(marks[np.minimum(first, len(marks) - 1)] == sought)
            first, past = first[hit], np.searchsorted(marks, sought[hit], "right")
            places.append(np.repeat(hit, past - first))
            rows += [owners[a:b] for a, b in zip(first, past, strict=True)]
        if not rows:
            return np.empty(0, np.int64), np.empty(0, np.uint32)
        return np.concatenate(places), np.concatenate(rows)

    def _read(self, connection: apsw.Connection) -> None:
        """Take in the rows that are new; all anew where most of what is held is gone."""
        if self._rows > 2 * int(connection.execute(self._sql["count_marks"]).get) + SLACK:
            self._runs, self._last, self._rows = (), 0, 0
        runs = list(self._runs)
        for run in self._unread(connection):
            runs.append(run)
            while len(runs) > 1 and len(runs[-2][0]) < 2 * len(runs[-1][0]):
                newer, older = runs.pop(), runs.pop()
                runs.append(_merged(older, newer))
        self._runs = tuple(runs)

    def _unread(self, connection: apsw.Connection) -> Iterator[Run]:
        ids: list[int] = []
        blobs: list[bytes] = []
        size = 0
        for row, blob in connection.execute(self._sql["marks_after"], (self._last,)):
            ids.append(row)
            blobs.append(blob)
            self._rows += 1
            size += len(blob) // 8
            if size >= RUN:
                yield _sorted(ids, blobs)
                ids, blobs, size = [], [], 0
        if size:
            yield _sorted(ids, blobs)


class SqliteDocumentMarks:
    """`Marks` of documents, in the file of `SqliteKnowledge`, which writes them with each document.

    A mark that several documents hold has the least restrictive label among theirs: what stands in a public document is
    public.
    """

    def __init__(self, database: Database, marker: Marker | None, workers: Workers | None) -> None:
        self._database = database
        self._marker = marker
        self._workers = workers
        self._memory = MarkMemory("knowledge")
        self._highest = Label.RESTRICTED

    @property
    def highest(self) -> Label:
        """No document carries more: the most there may be until `fill` has looked."""
        return self._highest

    def expect(self, labels: Sequence[Label]) -> None:
        """Documents of these labels are about to be written."""
        self._highest = Label.highest(self._highest, *labels)

    async def ranks_of(self, marks: MarkNumbers) -> Mapping[int, int]:
        """See `interfaces.Marks`. A few milliseconds for some thousand marks among millions."""

        def run(connection: apsw.Connection) -> dict[int, int]:
            places, rows = self._memory.find(connection, marks)
            found = connection.execute(statements("knowledge")["labels_of_marks"], (_ids(rows),))
            return _lowest(marks, places, rows, {row: Label(label).rank for row, label in found})

        return await self._database.read(run)

    async def fill(self) -> int:
        """Mark the documents that have no marks of this marker; how many there were. To be done before any is served.

        Those that an earlier version or another key left. Each step is a commit: ended anywhere, it goes on there.
        """
        filled = after = 0
        while self._marker and (page := await self._database.read(partial(_unmarked, self._marker.name, after))):
            blobs = await marked_by(self._marker, [document for _, document in page], self._workers)
            await self._database.write(partial(_remark, self._marker.name, page, blobs))
            filled, after = filled + len(page), page[-1][0]
        self._highest = await self._database.read(_highest_label)
        return filled


class SqliteAnswerMarks:
    """`Marks` and `Turns` of answers, in the file of `SqliteTraces`, which writes them with each trace.

    A mark that several answers hold has the most restrictive label among theirs.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._memory = MarkMemory("traces")
        self._highest = Label.RESTRICTED

    @property
    def highest(self) -> Label:
        """No answer carries more, as far as `look` and `expect` know."""
        return self._highest

    async def look(self) -> None:
        """Find the highest label there is; until then it may be any, also where answers wait to be moved in."""
        rank = await self._database.read(lambda c: c.execute(statements("traces")["highest_mark"]).get)
        if not self._database.behind:
            self._highest = list(Label)[rank or 0]

    def expect(self, label: Label) -> None:
        """An answer of this label is about to be written."""
        self._highest = Label.highest(self._highest, label)

    async def ranks_of(self, marks: MarkNumbers) -> Mapping[int, int]:
        """See `interfaces.Marks`. Raises `StoreError` where an answer cannot be moved in that may hold some of them."""

        def run(connection: apsw.Connection) -> dict[int, int]:
            places, rows = self._memory.find(connection, marks)
            found = connection.execute(statements("traces")["ranks_of_marks"], (_ids(rows),))
            return _highest(marks, places, rows, dict(found))

        return await self._database.read(run, (MARKED,), whole=True)

    async def label_of_turns(self, digests: Sequence[bytes]) -> Label:
        """See `interfaces.Turns`."""
        asked = msgspec.json.encode([digest.hex() for digest in digests]).decode()
        sql = statements("traces")["rank_of_turns"]
        rank = await self._database.read(lambda connection: connection.execute(sql, (asked,)).get, digests, whole=True)
        return list(Label)[rank or 0]


class Markable(NamedTuple):
    """What of a document is told to clients, and known again."""

    title: str
    text: str
    url: str
    name: str


async def marked_by(marker: Marker, documents: Sequence[Markable], workers: Workers | None) -> list[bytes]:
    """The marks of each document, made in the workers where there are any that can."""
    if workers is not None:
        with suppress(Busy, Unavailable):
            return await workers.run(mark_all, marker, documents)
    return await asyncio.to_thread(mark_all, marker, documents)


def mark_all(marker: Marker, documents: Sequence[Markable]) -> list[bytes]:
    """The marks of each document: of its text by itself and below its title, and of what it is called."""
    return [marker(_texts(title, text), [url, name]) for title, text, url, name in documents]


_BRIEF = 1_000
"""Characters below which a text may be too short for a gram, and known only whole."""


def _texts(title: str, text: str) -> list[str]:
    return [text, f"{title}\n{text}"] if len(text) < _BRIEF else [f"{title}\n{text}"]


def _unmarked(marker: str, after: int, connection: apsw.Connection) -> list[tuple[int, Markable]]:
    values = {"after": after, "marker": marker, "limit": FILL}
    page: list[tuple[int, Markable]] = []
    size = 0
    for row, *document in connection.execute(statements("knowledge")["unmarked"], values):
        found = Markable(*document)
        size += len(found.text)
        if page and size > FILL_CHARACTERS:
            break
        page.append((row, found))
    return page


def _remark(
    marker: str, page: Sequence[tuple[int, Markable]], blobs: Sequence[bytes], connection: apsw.Connection
) -> None:
    """Keep the marks of those documents that are what they were when they were read."""
    for (row, document), marks in zip(page, blobs, strict=True):
        values = {"document": row, "marker": marker, "marks": marks, **document._asdict()}
        connection.execute(statements("knowledge")["remark"], values)


def _highest_label(connection: apsw.Connection) -> Label:
    sql = statements("knowledge")["is_labelled"]
    return next((label for label in reversed(Label) if connection.execute(sql, (label.value,)).get), Label.PUBLIC)


def _sorted(ids: Sequence[int], blobs: Sequence[bytes]) -> Run:
    marks = np.frombuffer(b"".join(blobs), "<i8").astype(np.int64, copy=False)
    rows = np.repeat(np.array(ids, np.uint32), [len(blob) // 8 for blob in blobs])
    order = np.argsort(marks, kind="stable")
    return marks[order], rows[order]


def _merged(one: Run, other: Run) -> Run:
    """Both sorted runs as one, in time and memory of their size."""
    size = len(one[0]) + len(other[0])
    marks, rows = np.empty(size, np.int64), np.empty(size, np.uint32)
    taken = np.searchsorted(one[0], other[0], "right") + np.arange(len(other[0]))
    left = np.ones(size, bool)
    left[taken] = False
    marks[taken], rows[taken] = other
    marks[left], rows[left] = one
    return marks, rows


def _ids(rows: Rows) -> str:
    return msgspec.json.encode(np.unique(rows).tolist()).decode()


def _lowest(marks: MarkNumbers, places: NDArray[np.int64], rows: Rows, ranks: Mapping[int, int]) -> dict[int, int]:
    return _ranked(marks, places, rows, ranks, min)


def _highest(marks: MarkNumbers, places: NDArray[np.int64], rows: Rows, ranks: Mapping[int, int]) -> dict[int, int]:
    return _ranked(marks, places, rows, ranks, max)


def _ranked(
    marks: MarkNumbers,
    places: NDArray[np.int64],
    rows: Rows,
    ranks: Mapping[int, int],
    choose: Callable[[int, int], int],
) -> dict[int, int]:
    """The rank of each mark that was found, `choose` deciding between rows. One that is in no row now is none."""
    found: dict[int, int] = {}
    for mark, row in zip(marks[places].tolist(), rows.tolist(), strict=True):
        if (rank := ranks.get(row)) is not None:
            found[mark] = choose(found.get(mark, rank), rank)
    return found
