"""The only assembler: settings to wired parts."""

from __future__ import annotations


class Palier:
    """An open palier: its stores, models and routes."""


class SyncPalier:
    """The same for notebooks and scripts without an event loop."""
