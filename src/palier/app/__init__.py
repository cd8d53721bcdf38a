"""The only assembler: settings to wired parts. The server, the command line and programs hold a `Palier`.

The parts are loaded when `Palier` is first used: a command that only talks to a running gateway needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["LOCAL", "Palier", "SyncPalier"]

if TYPE_CHECKING:
    from palier.app.palier import LOCAL as LOCAL
    from palier.app.palier import Palier as Palier
    from palier.app.sync import SyncPalier as SyncPalier


def __getattr__(name: str) -> object:
    if name in ("LOCAL", "Palier"):
        from palier.app import palier

        return getattr(palier, name)
    if name == "SyncPalier":
        from palier.app.sync import SyncPalier

        return SyncPalier
    raise AttributeError(f"module 'palier.app' has no attribute {name!r}")
