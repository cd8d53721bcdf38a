"""A backup over the admin socket: the gateway, which owns the data folder, writes it where it is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from palier.backups.manifest import Manifest
from palier.server.calls import Call

if TYPE_CHECKING:
    from palier.app import Palier


class Backup(Call, frozen=True, kw_only=True, tag="backup"):
    """Paths are absolute."""

    target: str
    config: str
    weights: bool = False
    vault_key: bool = True


async def value(palier: Palier, call: Backup) -> Manifest:
    """The gateway's side."""
    return await palier.backup(Path(call.target), Path(call.config), weights=call.weights, vault_key=call.vault_key)
