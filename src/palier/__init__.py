"""palier: a request starts with the smallest thing that could answer it, and climbs only when it must.

    async with Palier.open("palier.toml") as p:
        answer = await p.ask("When will the fibre be repaired?", route="support")

Importing does nothing but define names: no file, socket or environment variable is read, and the heavy parts are
loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Palier", "SyncPalier", "__version__"]

if TYPE_CHECKING:
    from palier.app import Palier as Palier
    from palier.app import SyncPalier as SyncPalier


def __getattr__(name: str) -> object:
    if name in ("Palier", "SyncPalier"):
        from palier import app

        return getattr(app, name)
    raise AttributeError(f"module 'palier' has no attribute {name!r}")
