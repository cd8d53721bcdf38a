"""What drift is looked for in, read from the files of traces and documents; and the file that a watch is kept in."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec

from palier.errors import StoreError
from palier.interfaces.drift import Counted, Place
from palier.stores.schema import statements
from palier.stores.sqlite import Database
from palier.types import Trace, TraceContent

Asked = dict[str, str | float]
_ROUTE = re.compile(r"[A-Za-z0-9._-]{1,64}")


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
        trace, judgement = await self._database.read(lambda connection: connection.execute(sql).get)
        return Place(trace, judgement)

    async def judged_between(self, route: str, source: str, since: float, until: float, limit: int) -> Sequence[float]:
        """By when they were asked; see `interfaces.drift.Passing`."""
        return await self._judged("judged_between", route=route, source=source, since=since, until=until, limit=limit)

    async def judged_after(self, route: str, source: str, place: Place, until: Place, limit: int) -> Sequence[float]:
        """By when they were judged; see `interfaces.drift.Passing`."""
        asked = {"after": place.judgement, "last": until.judgement, "limit": limit}
        return await self._judged("judged_after", route=route, source=source, **asked)

    async def _judged(self, name: str, **asked: str | float) -> Sequence[float]:
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


class DriftFile:
    """What the watch over each route has come to: a file a route, replaced whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, route: str) -> bytes | None:
        """What was kept; None where nothing was. Raises `StoreError`."""
        path = self._path(route)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from None

    def keep(self, route: str, content: bytes) -> None:
        """Durable when this returns; for the owner alone. Raises `StoreError`, and what was kept is as it was."""
        path = self._path(route)
        beside = path.with_name(f"{path.name}.new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(path)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be written: {error.strerror}", hint="free some space on that disk"
            ) from None

    def _path(self, route: str) -> Path:
        if not _ROUTE.fullmatch(route):
            raise StoreError(f"`{route}` is no name of a route")
        return self._folder / f"{route}.json"


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
