"""What people did in the console, in the file of the keys: written once, the oldest leaving when there are many."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import apsw

from palier.access import NOBODY_NAME, Action
from palier.interfaces import Erasure
from palier.stores.schema import statements
from palier.stores.sqlite import Database

MAX_ACTIONS = 200_000
KEY_SHOWN = "key.shown"
"""Never leaves: that the owner's key was shown once is known for good."""
MAX_TEXT = 500
_FIRST = 2**62


class SqliteActions:
    """`interfaces.Actions`, on the database of `SqliteAccess`, which opens and closes it."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time, most: int = MAX_ACTIONS) -> None:
        self._database = database
        self._clock = clock
        self._most = most

    async def record(self, what: str, *, who: str, role: str, about: str = "", outcome: str = "done") -> None:
        """Keep it; see `interfaces.Actions`."""
        row = (self._clock(), who[:MAX_TEXT], role, what, about[:MAX_TEXT], outcome)
        await self._database.append(partial(_act, self._most), row)

    async def page(self, *, before: int = 0, limit: int = 100, who: str = "", what: str = "") -> list[Action]:
        """Newest first; see `interfaces.Actions`."""
        asked = {"before": before or _FIRST, "limit": limit, "who": who, "what": what}
        rows = await self._database.read(
            lambda connection: list(connection.execute(statements("access")["actions"], asked))
        )
        names = ("id", "at", "who", "role", "what", "about", "outcome")
        return [Action(**dict(zip(names, row, strict=True))) for row in rows]


class ErasableActions:
    """`interfaces.Erasable`: the names in what was done. That it was done, and when, stays."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self, erasure: Erasure, *, dry_run: bool = False) -> dict[str, int]:
        """See `interfaces.Erasable`."""
        document = f"{erasure.collection}/{erasure.document}"[:MAX_TEXT] if erasure.document else ""
        values = {"user": erasure.user, "document": document, "before": erasure.before, "nobody": NOBODY_NAME}

        def run(connection: apsw.Connection) -> int:
            sql = statements("access")
            found = int(connection.execute(sql["count_actions_of"], values).get)
            if found and not dry_run:
                connection.execute(sql["forget_actor"], values)
                connection.execute(sql["forget_about"], values)
            return found

        return {"actions": await self._database.write(run)}

    async def scrub(self, erasure: Erasure) -> None:
        """See `interfaces.Erasable`."""
        await self._database.rewrite()


def _act(most: int, connection: apsw.Connection, rows: list[tuple[float, str, str, str, str, str]]) -> None:
    sql = statements("access")
    connection.executemany(sql["act"], rows)
    connection.execute(sql["trim_actions"], {"kept": most, "stays": KEY_SHOWN})
