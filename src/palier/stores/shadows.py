"""What versions in shadow said, in the file of the traces: forgotten with their requests, and kept no longer."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from palier.stores.schema import statements
from palier.stores.sqlite import Database
from palier.versions import Shadowed, ShadowWords

MOST = 10_000
"""Of each version: enough for any share to within a point; older ones make place."""


class SqliteShadows:
    """`interfaces.versions.Shadows`, on the database of `SqliteTraces`, which opens and closes it."""

    def __init__(self, database: Database, most: int = MOST) -> None:
        self._database = database
        self._most = most

    async def keep(self, shadowed: Shadowed) -> bool:
        """Keep it, where its request is; see `interfaces.versions.Shadows`."""
        return await self._database.write(lambda connection: _keep(connection, shadowed, self._most))

    async def list(
        self, version: str, *, before: float | None = None, before_id: str = "", limit: int = 200, words: bool = False
    ) -> Sequence[Shadowed]:
        """Newest first; see `interfaces.versions.Shadows`."""
        asked = {
            "version": version,
            "before": before,
            "before_id": before_id,
            "limit": max(limit, 0),
            "words": words,
        }
        rows = await self._database.read(
            lambda connection: list(connection.execute(statements("shadows")["list"], asked))
        )
        return [_decoded(figures, said) for figures, said in rows]


def _keep(connection: apsw.Connection, shadowed: Shadowed, most: int) -> bool:
    sql, version = statements("shadows"), shadowed.version
    if not connection.execute(sql["known"], (shadowed.trace,)).get:
        return False
    figures = msgspec.json.encode(msgspec.structs.replace(shadowed, words=None))
    connection.execute(sql["keep"], (shadowed.trace, version, shadowed.created, figures))
    if (words := shadowed.words) is not None:
        values = (shadowed.trace, version, words.label.value, words.expires, msgspec.json.encode(words))
        connection.execute(sql["keep_content"], values)
    surplus = connection.execute(sql["oldest_kept"], (version, most)).fetchone()
    if surplus is not None:
        named = {"version": version, "created": surplus[0], "trace": surplus[1]}
        connection.execute(sql["surplus_content"], named)
        connection.execute(sql["surplus"], named)
    return True


def _decoded(figures: bytes, words: bytes | None) -> Shadowed:
    found = msgspec.json.decode(figures, type=Shadowed)
    if words is None:
        return found
    return msgspec.structs.replace(found, words=msgspec.json.decode(words, type=ShadowWords))
