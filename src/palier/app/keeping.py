"""Backups of an open palier, and what they brought back of what was forgotten."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from palier.app.reporting import Reporting
from palier.backups.making import Wanted, make
from palier.backups.manifest import Manifest
from palier.config import Settings
from palier.errors import StoreError
from palier.stores import tombstones
from palier.stores.erasure import ErasableKnowledge, ErasableTraces
from palier.stores.folder import DataFolder
from palier.stores.tombstones import Tombstones
from palier.stores.traces import SqliteTraces

log = logging.getLogger("palier")


class Keeping(Reporting):
    """The part of `Palier` that copies itself."""

    folder: DataFolder
    traces: SqliteTraces
    _declared: Settings

    async def backup(self, target: Path, config: Path, *, weights: bool = False, vault_key: bool = True) -> Manifest:
        """Make a backup of it as the folder `target`; see `palier.backups.making`. Nothing is forgotten meanwhile."""
        async with self._forgetting.apart():
            await self.access.purse.keep()
            return await asyncio.to_thread(make, self._declared, config, target, Wanted(weights, vault_key))

    async def forget_again(self) -> None:
        """Forget what was forgotten after the backup that this folder is of. Killed, it is done at the next start."""
        pending = self.folder.erasures_again
        if not pending.exists():
            return
        stones = Tombstones(self.folder.erasures, self.folder.fingerprint_key())
        gone = {(one.kind, one.digest) for one in tombstones.read(pending) if one.key == stones.key}
        traces, knowledge = ErasableTraces(self.traces.database), ErasableKnowledge(self._knowledge.database)
        users = [name for name in await traces.users() if ("user", stones.digest("user", name)) in gone]
        documents = {*await traces.documents(), *await knowledge.documents()}
        for name in users:
            await self.forget(user=name)
        found = [name for name in sorted(documents) if ("document", stones.digest("document", name)) in gone]
        for name in found:
            await self.forget(document=name)
        try:
            pending.unlink()
        except OSError as error:
            raise StoreError(f"{pending} cannot be deleted: {error.strerror}") from None
        log.warning("forgotten again, as a backup had it: %d users, %d documents", len(users), len(found))
