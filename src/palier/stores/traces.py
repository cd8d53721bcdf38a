"""Traces in SQLite: the figures of a request for ever, its words for their retention."""

from __future__ import annotations

from collections.abc import Coroutine, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import msgspec

from palier.ids import SHORT_ID
from palier.interfaces import TraceSearch
from palier.stores import hours
from palier.stores.journal import Journaled
from palier.stores.marks import MARKED
from palier.stores.rows import Row, record, write
from palier.stores.schema import Schema, statements
from palier.stores.sqlite import Database
from palier.types import Label, Trace, TraceContent

TRACES = Schema(name="traces", application_id=0x706C7472)
SLICE = 500
"""Contents deleted by one job of `expire`, so that requests are recorded in between."""
SEARCHED = 20_000
"""Traces that one search looks through: a fraction of a second."""
INDEXED = 1_000
"""Traces that one job of `index` takes on."""
MARK_BYTES = 32 * 2**20
"""Marks of answers kept in all, four million; beyond, the oldest answers are known again only where they come whole."""
_EXPIRING = (
    ("traces", "expire"),
    ("audits", "expire"),
    ("audits", "expire_comments"),
    ("traces", "expire_marks"),
    ("traces", "expire_turns"),
    ("traces", "surplus_marks"),
    ("shadows", "expire"),
)
"""Files and names of the statements that forget."""


class SqliteTraces:
    """`Traces` and `Answers` in one file of SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path: str | Path) -> SqliteTraces:
        """Open or make the file. Raises `StoreError`."""
        return cls(Database.open(path, TRACES, journaled=_JOURNALED))

    @property
    def database(self) -> Database:
        """The file, for what is kept beside the traces."""
        return self._database

    async def close(self) -> None:
        """Finish what is queued, then close."""
        await self._database.close()

    def record(self, trace: Trace) -> Coroutine[Any, Any, None]:
        """Keep `trace`; it is durable when this returns. One recorded before under its id is replaced."""
        return self._database.journal(trace)

    async def label_of(self, digests: Sequence[str]) -> Label:
        """The most restrictive label of the answers recorded under `digests`; public where there is none.

        Raises `StoreError` where one of them is acknowledged and cannot be moved in: its label is not known then.
        """
        sql, asked = statements("traces")["rank_of_answers"], msgspec.json.encode(digests).decode()
        rank = await self._database.read(lambda connection: connection.execute(sql, (asked,)).get, digests, whole=True)
        return Label.PUBLIC if rank is None else list(Label)[rank]

    async def get(self, id: str) -> Trace | None:
        """The trace with its content, where that is still kept; see `interfaces.Traces.get`.

        Raises `StoreError` where it is not there, and traces wait that cannot be moved in: it may be one of them.
        """
        row = await self._database.read(lambda connection: _get(connection, id))
        if row is None and self._database.behind:
            await self._database.settle()
            row = await self._database.read(lambda connection: _get(connection, id))
        if row is None:
            return None
        return _with_words(*row)

    async def asked(self, name: str) -> bool:
        """Whether anything was asked by somebody of that name. Reads all figures there are: seconds for a million."""
        written = b'"principal":' + msgspec.json.encode(name)
        sql = statements("traces")["asked"]
        return bool(await self._database.read(lambda connection: connection.execute(sql, (written, name)).get))

    async def index(self) -> int:
        """Have all that is recorded found fast by the last digits of its id; how many those are that were not yet."""
        indexed = 0
        while count := await self._database.write(_index):
            indexed += count
        return indexed

    async def expire(self, now: float) -> int:
        """Delete words whose retention is over, and give their space back; how many there were.

        Those of traces, audits, feedback and shadows, and marks of old answers: nothing of them stays in the file or
        its log.
        """
        deleted = 0
        while count := await self._database.write(lambda connection: _expire(connection, now)):
            deleted += count
        if deleted or self._database.log_is_full:
            while await self._database.write(_vacuum):
                pass
            await self._database.truncate_log()
        return deleted

    async def list(
        self,
        *,
        before: float | None = None,
        before_id: str = "",
        limit: int = 50,
        route: str = "",
        status: str = "",
        tier: str = "",
    ) -> list[Trace]:
        """Newest first, of one time by id downwards, without content; see `interfaces.Traces.list`."""
        asked = _Asked.of(route, status, tier, before, before_id)
        rows = await self._database.read(lambda connection: _list(connection, asked, limit))
        return [msgspec.json.decode(figures, type=Trace) for (figures,) in rows]

    async def search(
        self,
        text: str,
        *,
        before: float | None = None,
        before_id: str = "",
        limit: int = 50,
        route: str = "",
        status: str = "",
        tier: str = "",
    ) -> TraceSearch:
        """Among the newest `SEARCHED` that fit, those that have `text`; see `interfaces.SearchableTraces`."""
        asked = _Asked.of(route, status, tier, before, before_id)
        return await self._database.read(lambda connection: _search(connection, asked, text, limit))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a list is of, as conditions and their values."""

    fits: str
    """Of route, status and tier; empty for all."""
    before: float | None
    values: dict[str, Any]

    @classmethod
    def of(cls, route: str, status: str, tier: str, before: float | None, before_id: str) -> _Asked:
        given = {"route": route, "status": status, "tier": tier}
        fits = " AND ".join(f"{column} = :{column}" for column, value in given.items() if value)
        return cls(fits, before, {**given, "before": before, "before_id": before_id})

    def spans(self, connection: apsw.Connection) -> Iterator[tuple[str, dict[str, Any], int | None]]:
        """Where to look, newest first: conditions, their values, and how many traces fit where that is known.

        All at once, or hour by hour those that hold what fits.
        """
        place = "" if self.before is None else "(created, id) < (:before, :before_id)"
        if not self.fits:
            yield place or "true", self.values, None
            return
        within = f"{self.fits} AND created >= :since AND created < :until"
        for since, count in hours.holding(connection, self.fits, self.values, self.before):
            until = since + hours.HOUR_S
            cut = self.before is not None and self.before < until
            conditions = f"{within} AND {place}" if cut else within
            yield conditions, {**self.values, "since": since, "until": until}, None if cut else count


def _list(connection: apsw.Connection, asked: _Asked, limit: int) -> list[tuple[bytes]]:
    found: list[tuple[bytes]] = []
    if limit <= 0:
        return found
    for conditions, values, _ in asked.spans(connection):
        sql = statements("traces")["list"].replace("filters", conditions)
        found += connection.execute(sql, {**values, "limit": limit - len(found)})
        if len(found) == limit:
            break
    return found


def _search(connection: apsw.Connection, asked: _Asked, text: str, limit: int) -> TraceSearch:
    written = msgspec.json.encode(text)[1:-1]
    sought = {"text": text, "name": b'"principal":"' + written, "words": written.decode().lower()}
    found: list[Trace] = []
    left = SEARCHED
    for conditions, values, count in asked.spans(connection):
        names = ("search", "search_end", "count")
        sql = {name: statements("traces")[name].replace("filters", conditions) for name in names}
        values = {**values, **sought, "window": left, "limit": limit - len(found)}
        found += [_with_words(*row) for row in connection.execute(sql["search"], values)]
        if len(found) == limit:
            return TraceSearch(traces=tuple(found), before=found[-1].created, before_id=found[-1].id)
        looked = connection.execute(sql["count"], values).get if count is None else min(count, left)
        if looked == left:
            ((created, last),) = connection.execute(sql["search_end"], values)
            return TraceSearch(traces=tuple(found), before=created, before_id=last)
        left -= looked
    return TraceSearch(traces=tuple(found))


def _with_words(figures: bytes, words: bytes | None) -> Trace:
    trace = msgspec.json.decode(figures, type=Trace)
    if words is None:
        return trace
    return msgspec.structs.replace(trace, content=msgspec.json.decode(words, type=TraceContent))


def _keys(trace: Trace) -> Sequence[Hashable]:
    """By what a conversation that goes on asks for it."""
    if trace.marked is None:
        return trace.answers
    return (*trace.answers, *trace.marked.turns, *((MARKED,) if trace.marked.marks else ()))


_JOURNALED = Journaled(write=write, read=Row.read, keys=_keys, called=lambda row: row.id, move=record)


def _get(connection: apsw.Connection, id: str) -> Any:
    """Figures and words of one trace, or None."""
    sql = statements("traces")
    if row := connection.execute(sql["get"], (id,)).fetchone():
        return row
    if len(id) != SHORT_ID or not id.isalnum():
        return None
    found = connection.execute(sql["ending"], {"digits": id}).fetchall()
    return connection.execute(sql["get"], found[0]).fetchone() if len(found) == 1 else None


def _index(connection: apsw.Connection) -> int:
    """A slice of what is not indexed yet; how many."""
    sql = statements("traces")
    ((after, last),) = connection.execute(sql["indexed"])
    until = min(last, after + INDEXED)
    if after < until:
        connection.execute(sql["index"], {"after": after, "until": until})
        connection.execute(sql["set_indexed"], (until,))
    return int(until - after)


def _expire(connection: apsw.Connection, now: float) -> int:
    """A slice of all kinds of words; what was drawn and has none left can no longer be asked of any tier."""
    deleted = 0
    for file, name in _EXPIRING:
        connection.execute(statements(file)[name], {"now": now, "limit": SLICE, "bytes": MARK_BYTES})
        deleted += connection.changes()
    if deleted:
        connection.execute(statements("audits")["lose"], {"reason": "its words were past their retention"})
    return deleted


def _vacuum(connection: apsw.Connection) -> int:
    """Give free pages back, a slice at a time; how many are left."""
    sql = statements("traces")
    for _ in connection.execute(sql["vacuum"]):
        pass
    return int(connection.execute(sql["free_pages"]).get)
