"""`access.db`: keys, groups, what was spent and what people did, in one file that only its owner reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from palier.stores.actions import ErasableActions, SqliteActions
from palier.stores.groups import SqliteDirectory, read_membership
from palier.stores.keys import SqliteKeys, read_keys
from palier.stores.purse import SqlitePurse, read_spent
from palier.stores.schema import Schema
from palier.stores.sqlite import Database

ACCESS = Schema(name="access", application_id=0x706C6163, synchronous=2)
"""FULL: a key that was revoked stays so, also after a power cut."""


class SqliteAccess:
    """The open file and its parts."""

    def __init__(
        self,
        database: Database,
        keys: SqliteKeys,
        directory: SqliteDirectory,
        purse: SqlitePurse,
        actions: SqliteActions,
    ) -> None:
        self._database = database
        self.keys = keys
        self.directory = directory
        self.purse = purse
        self.actions = actions
        self.erasable = ErasableActions(database)

    @classmethod
    async def open(cls, path: str | Path, clock: Callable[[], float] = time.time) -> SqliteAccess:
        """Open or make the file, and read it. Raises `StoreError`."""
        database = Database.open(path, ACCESS, readers=1)
        try:
            keys = await database.read(read_keys)
            membership = await database.read(read_membership)
            spent = await database.read(lambda connection: read_spent(connection, clock()))
        except BaseException:
            await database.close()
            raise
        return cls(
            database,
            SqliteKeys(database, keys, clock),
            SqliteDirectory(database, membership),
            SqlitePurse(database, spent, clock),
            SqliteActions(database, clock),
        )

    async def close(self) -> None:
        """Write what was spent, then close. What cannot be written is told, and lost."""
        try:
            await self.purse.keep()
        finally:
            await self._database.close()
