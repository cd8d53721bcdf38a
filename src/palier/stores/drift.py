"""What drift is looked for in, read from the files of traces and documents."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from palier.interfaces.drift import Counted, Place
from palier.stores.schema import statements
from palier.stores.sqlite import Database
from palier.types import Trace, TraceContent

Asked = dict[str, str | float]


class SqlitePassing:
    """`interfaces.drift.Passing`, on the database of `SqliteTraces`, which opens and closes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def between(self, route: str, since: float, until: float, limit: int) -> Sequence[Trace]:
        """By when they were created; see `interfaces.drift.Passing`."""
        asked: Asked = {"route": route, "since": since, "until": until}
        return await self._database.read(lambda connection: _evenly(connection, "between", asked, limit))

    async def after(self, route: str, place: Place, until: Place, limit: int) -> Sequence[Trace]:
        """By when they were recorded; see `interfaces.drift.Passing`."""
        asked: Asked = {"route": route, "after": place.trace, "last": until.trace}
        return await self._database.read(lambda connection: _evenly(connection, "after", asked, limit))

    async def count_after(self, route: str, place: Place) -> int:
        """How many there are; see `interfaces.drift.Passing`."""
        asked = {"route": route, "after": place.trace, "last": 2**62}
        sql = statements("drift")["count_after"]
        return int(await self._database.read(lambda connection: connection.execute(sql, asked).get))

    async def last(self) -> Place:
        """Where the file ends; see `interfaces.drift.Passing`."""
        sql = statements("drift")["last"]
        return Place(*await self._database.read(lambda connection: connection.execute(sql).get))

    async def judged_between(self, route: str, source: str, since: float, until: float, limit: int) -> Sequence[float]:
        """By when they were asked; see `interfaces.drift.Passing`."""
        return await self._values("judged_between", route=route, source=source, since=since, until=until, limit=limit)

    async def judged_after(self, route: str, source: str, place: Place, until: Place, limit: int) -> Sequence[float]:
        """By when they were judged; see `interfaces.drift.Passing`."""
        asked = {"after": place.judgement, "last": until.judgement, "limit": limit}
        return await self._values("judged_after", route=route, source=source, **asked)

    async def rated_between(self, route: str, since: float, until: float, limit: int) -> Sequence[float]:
        """By when they were asked; see `interfaces.drift.Passing`."""
        return await self._values("rated_between", route=route, since=since, until=until, limit=limit)

    async def rated_after(self, route: str, place: Place, until: Place, limit: int) -> Sequence[float]:
        """By when they were rated; see `interfaces.drift.Passing`."""
        return await self._values("rated_after", route=route, after=place.rating, last=until.rating, limit=limit)

    async def _values(self, name: str, **asked: str | float) -> Sequence[float]:
        sql = statements("drift")[name]
        return await self._database.read(lambda connection: [float(v) for (v,) in connection.execute(sql, asked)])


class SqliteCensus:
    """`interfaces.drift.Census`, on the database of the documents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, collections: Sequence[str], stale_before: float) -> Sequence[Counted]:
        """All documents; see `interfaces.drift.Census`."""
        names = msgspec.json.encode(list(collections)).decode()
        asked = {"collections": names, "stale": stale_before, "readable": None}
        rows = await self._database.read(
            lambda connection: list(connection.execute(statements("drift")["census"], asked))
        )
        return [Counted(name, *(int(value) for value in figures)) for name, *figures in rows]


def _evenly(connection: apsw.Connection, name: str, asked: Asked, limit: int) -> list[Trace]:
    """At most `limit` of the rows of a statement, from all over them."""
    sql = statements("drift")
    count = int(connection.execute(sql[f"count_{name}"], asked).get)
    rows = connection.execute(sql[name], {**asked, "step": max(-(-count // max(limit, 1)), 1)})
    return [_trace(figures, words) for figures, words in rows]


def _trace(figures: bytes, words: bytes | None) -> Trace:
    trace = msgspec.json.decode(figures, type=Trace)
    content = None if words is None else msgspec.json.decode(words, type=TraceContent)
    return msgspec.structs.replace(trace, content=content)
