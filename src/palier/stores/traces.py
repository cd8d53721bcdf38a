"""Traces in SQLite: the figures of a request for ever, its words for their retention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import msgspec

from palier.ids import SHORT_ID
from palier.interfaces import TraceSearch
from palier.stores import hours
from palier.stores.schema import Schema, statements
from palier.stores.sqlite import Database
from palier.types import Label, Trace, TraceContent

TRACES = Schema(name="traces", application_id=0x706C7472)
SLICE = 500
"""Contents deleted by one job of `expire`, so that requests are recorded in between."""
SEARCHED = 20_000
"""Traces that one search looks through: a fraction of a second."""
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
MANY = 64
"""Rows of one statement at most."""


@dataclass(frozen=True, slots=True)
class Row:
    """A trace as it is kept: the values of its row in each table."""

    id: str
    counted: Trace
    figures: tuple[str | float | bytes | None, ...]
    content: tuple[str | float | bytes, ...] | None
    answers: tuple[tuple[str, int], ...]
    marks: tuple[str | int | float | bytes, ...] | None = None
    turns: tuple[tuple[bytes, str, int, float], ...] = ()

    @classmethod
    def of(cls, trace: Trace) -> Row:
        """`trace`, its words apart from its figures."""
        content, marked, rank = trace.content, trace.marked, trace.label.rank
        bare = msgspec.structs.replace(trace, content=None, marked=None) if content or marked else trace
        figures = msgspec.json.encode(bare)
        return cls(
            trace.id,
            bare,
            (trace.id, trace.created, trace.route, trace.status, trace.tier, figures),
            (trace.id, content.label.value, content.expires, msgspec.json.encode(content)) if content else None,
            tuple((digest, rank) for digest in trace.answers),
            (trace.id, rank, marked.expires, marked.marks) if marked and marked.marks else None,
            tuple((digest, trace.id, rank, marked.expires) for digest in marked.turns) if marked else (),
        )


class SqliteTraces:
    """`Traces` and `Answers` in one file of SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path: str | Path) -> SqliteTraces:
        """Open or make the file. Raises `StoreError`."""
        return cls(Database.open(path, TRACES))

    @property
    def database(self) -> Database:
        """The file, for what is kept beside the traces."""
        return self._database

    async def close(self) -> None:
        """Finish what is queued, then close."""
        await self._database.close()

    async def record(self, trace: Trace) -> None:
        """Keep `trace`; it is durable when this returns. One recorded before under its id is replaced."""
        await self._database.append(record, Row.of(trace))

    async def label_of(self, digests: Sequence[str]) -> Label:
        """The most restrictive label of the answers recorded under `digests`; public where there is none."""
        sql, asked = statements("traces")["rank_of_answers"], msgspec.json.encode(digests).decode()
        rank = await self._database.read(lambda connection: connection.execute(sql, (asked,)).get)
        return Label.PUBLIC if rank is None else list(Label)[rank]

    async def get(self, id: str) -> Trace | None:
        """The trace with its content, where that is still kept; see `interfaces.Traces.get`."""
        row = await self._database.read(lambda connection: _get(connection, id))
        if row is None:
            return None
        return _with_words(*row)

    async def asked(self, name: str) -> bool:
        """Whether anything was asked by somebody of that name. Reads all figures there are: seconds for a million."""
        written = b'"principal":' + msgspec.json.encode(name)
        sql = statements("traces")["asked"]
        return bool(await self._database.read(lambda connection: connection.execute(sql, (written, name)).get))

    async def expire(self, now: float) -> int:
        """Delete words whose retention is over, and give their space back; how many there were.

        Those of traces, audits, feedback and shadows, and marks of old answers: nothing of them stays in the file or
        its log.
        """
        deleted = 0
        while count := await self._database.write(lambda connection: _expire(connection, now)):
            deleted += count
        if deleted:
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
        conditions, values = _filters(route, status, tier, before, before_id)
        sql = statements("traces")["list"].replace("filters", conditions)
        values |= {"limit": max(limit, 0)}
        rows = await self._database.read(lambda connection: list(connection.execute(sql, values)))
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
        conditions, values = _filters(route, status, tier, before, before_id)
        written = msgspec.json.encode(text)[1:-1]
        values |= {"text": text, "name": b'"principal":"' + written, "words": written.decode().lower()}
        values |= {"window": SEARCHED, "limit": max(limit, 0)}

        def run(connection: apsw.Connection) -> TraceSearch:
            sql = {name: statements("traces")[name].replace("filters", conditions) for name in ("search", "search_end")}
            found = [_with_words(*row) for row in connection.execute(sql["search"], values)]
            if len(found) == limit:
                return TraceSearch(traces=tuple(found), before=found[-1].created, before_id=found[-1].id)
            end = connection.execute(sql["search_end"], values).fetchone()
            return TraceSearch(traces=tuple(found), before=end[0] if end else None, before_id=end[1] if end else "")

        return await self._database.read(run)


def _filters(
    route: str, status: str, tier: str, before: float | None, before_id: str
) -> tuple[str, dict[str, str | float | bytes | None]]:
    """The conditions of a list, and their values."""
    asked = {"route": route, "status": status, "tier": tier}
    conditions = [f"{column} = :{column}" for column, value in asked.items() if value]
    if before is not None:
        conditions.append("(created, id) < (:before, :before_id)")
    return " AND ".join(conditions) or "true", {**asked, "before": before, "before_id": before_id}


def _with_words(figures: bytes, words: bytes | None) -> Trace:
    trace = msgspec.json.decode(figures, type=Trace)
    if words is None:
        return trace
    return msgspec.structs.replace(trace, content=msgspec.json.decode(words, type=TraceContent))


def record(connection: apsw.Connection, rows: list[Row]) -> None:
    """All of `rows`, a few statements for many; of those with one id the last counts."""
    kept = list({row.id: row for row in rows}.values())
    hours.count(connection, [row.counted for row in kept])
    _insert(connection, "record", [row.figures for row in kept])
    _insert(connection, "record_content", [row.content for row in kept if row.content])
    _insert(connection, "record_answer", [answer for row in kept for answer in row.answers])
    connection.executemany(statements("traces")["record_mark"], [row.marks for row in kept if row.marks])
    connection.executemany(statements("traces")["record_turn"], [turn for row in kept for turn in row.turns])
    for row in kept:
        if not row.content:
            connection.execute(statements("traces")["forget_content"], (row.id,))


def _insert(connection: apsw.Connection, name: str, rows: Sequence[tuple[str | float | bytes | None, ...]]) -> None:
    """Insert `rows` by the statement `name`, whose `rows` become as many as there are, a power of two at a time.

    So few different statements stay prepared.
    """
    start = 0
    for count in _powers(len(rows)):
        some = rows[start : start + count]
        start += count
        marks = ", ".join(["(" + ", ".join("?" * len(some[0])) + ")"] * count)
        connection.execute(statements("traces")[name].replace("rows", marks), [v for row in some for v in row])


def _powers(count: int) -> Iterator[int]:
    """Powers of two, `MANY` at most, that add up to `count`, the largest first."""
    while count:
        power = min(MANY, 1 << (count.bit_length() - 1))
        yield power
        count -= power


def _get(connection: apsw.Connection, id: str) -> Any:
    """Figures and words of one trace, or None."""
    sql = statements("traces")
    if row := connection.execute(sql["get"], (id,)).fetchone():
        return row
    if len(id) != SHORT_ID or not id.isalnum():
        return None
    found = connection.execute(sql["ending"], (f"%{id}",)).fetchall()
    return connection.execute(sql["get"], found[0]).fetchone() if len(found) == 1 else None


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
