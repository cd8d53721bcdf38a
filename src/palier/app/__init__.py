"""The only assembler: settings to wired parts. The server, the command line and programs hold a `Palier`.

The parts are loaded when `Palier` is first used: a command that only talks to a running gateway needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["LOCAL", "Palier", "SyncPalier"]

if TYPE_CHECKING:
    from palier.app.knowing import LOCAL as LOCAL
    from palier.app.palier import Palier as Palier
    from palier.app.sync import SyncPalier as SyncPalier


def __getattr__(name: str) -> object:
    if name == "LOCAL":
        from palier.app.knowing import LOCAL

        return LOCAL
    if name == "Palier":
        from palier.app.palier import Palier

        return Palier
    if name == "SyncPalier":
        from palier.app.sync import SyncPalier

        return SyncPalier
    raise AttributeError(f"module 'palier.app' has no attribute {name!r}")
