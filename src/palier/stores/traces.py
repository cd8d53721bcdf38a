"""Traces in SQLite: the figures of a request for ever, its words for their retention."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec

from palier.stores.schema import Schema, statements
from palier.stores.sqlite import Database
from palier.types import Label, Trace, TraceContent

TRACES = Schema(name="traces", application_id=0x706C7472)
SLICE = 500
"""Contents deleted by one job of `expire`, so that requests are recorded in between."""
Row = dict[str, str | float | bytes | None]


class SqliteTraces:
    """`Traces` and `Answers` in one file of SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path: str | Path) -> SqliteTraces:
        """Open or make the file. Raises `StoreError`."""
        return cls(Database.open(path, TRACES))

    async def close(self) -> None:
        """Finish what is queued, then close."""
        await self._database.close()

    async def record(self, trace: Trace) -> None:
        """Keep `trace`; it is durable when this returns. One recorded before under its id is replaced."""
        content = trace.content
        row: Row = {
            "id": trace.id,
            "created": trace.created,
            "route": trace.route,
            "status": trace.status,
            "tier": trace.tier,
            "figures": msgspec.json.encode(msgspec.structs.replace(trace, content=None)),
        }
        if content is not None:
            row |= {"label": content.label.value, "expires": content.expires, "words": msgspec.json.encode(content)}
        answers: list[dict[str, str | int]] = [{"digest": digest, "rank": trace.label.rank} for digest in trace.answers]
        await self._database.write(lambda connection: _record(connection, row, answers))

    async def label_of(self, digests: Sequence[str]) -> Label:
        """The most restrictive label of the answers recorded under `digests`; public where there is none."""
        sql, asked = statements("traces")["rank_of_answers"], msgspec.json.encode(digests).decode()
        rank = await self._database.read(lambda connection: connection.execute(sql, (asked,)).get)
        return Label.PUBLIC if rank is None else list(Label)[rank]

    async def get(self, id: str) -> Trace | None:
        """The trace with its content, where that is still kept."""
        sql = statements("traces")["get"]
        row = await self._database.read(lambda connection: connection.execute(sql, (id,)).fetchone())
        if row is None:
            return None
        trace = msgspec.json.decode(row[0], type=Trace)
        if row[1] is None:
            return trace
        return msgspec.structs.replace(trace, content=msgspec.json.decode(row[1], type=TraceContent))

    async def expire(self, now: float) -> int:
        """Delete contents whose retention is over, and give their space back; how many there were.

        Nothing of them stays in the file or its log.
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
        asked = {"route": route, "status": status, "tier": tier}
        conditions = [f"{column} = :{column}" for column, value in asked.items() if value]
        if before is not None:
            conditions.append("(created, id) < (:before, :before_id)")
        sql = statements("traces")["list"].replace("filters", " AND ".join(conditions) or "true")
        values = {**asked, "before": before, "before_id": before_id, "limit": max(limit, 0)}
        rows = await self._database.read(lambda connection: list(connection.execute(sql, values)))
        return [msgspec.json.decode(figures, type=Trace) for (figures,) in rows]


def _record(connection: apsw.Connection, row: Row, answers: Sequence[dict[str, str | int]]) -> None:
    sql = statements("traces")
    connection.execute(sql["record"], row)
    connection.execute(sql["record_content" if "words" in row else "forget_content"], row)
    for answer in answers:
        connection.execute(sql["record_answer"], answer)


def _expire(connection: apsw.Connection, now: float) -> int:
    connection.execute(statements("traces")["expire"], {"now": now, "limit": SLICE})
    return connection.changes()


def _vacuum(connection: apsw.Connection) -> int:
    """Give free pages back, a slice at a time; how many are left."""
    sql = statements("traces")
    for _ in connection.execute(sql["vacuum"]):
        pass
    return int(connection.execute(sql["free_pages"]).get)
