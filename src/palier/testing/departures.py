"""A ledger in memory: what left, to be looked at by a test."""

from __future__ import annotations

from typing import NamedTuple

from palier.errors import StoreError
from palier.types import Clearance


class Departure(NamedTuple):
    """What left, as the ledger was told."""

    clearance: Clearance
    host: str
    content: bytes


class Departures:
    """Implements `interfaces.Ledger`. While `full` nothing can be written, as on a full disk."""

    def __init__(self) -> None:
        self.all: list[Departure] = []
        self.full = False

    async def enter(self, clearance: Clearance, host: str, content: bytes) -> None:
        """See `interfaces.Ledger`."""
        if self.full:
            raise StoreError("the ledger is full", hint="free some space on that disk")
        self.all.append(Departure(clearance, host, content))
