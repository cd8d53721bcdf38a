"""What is to be forgotten, and the stores that forget it."""

from __future__ import annotations

from typing import Protocol

from palier.types import Data


class Erasure(Data, frozen=True, kw_only=True):
    """Whom or what to forget: a `user`, or one `document` of a `collection`; and the traces that this concerns."""

    user: str = ""
    collection: str = ""
    document: str = ""
    before: float
    """Of what was asked until then, in seconds since the epoch."""
    requests: tuple[str, ...] = ()
    """Ids of traces, newest first."""


class Erasable(Protocol):
    """A store that keeps something of users, of documents, or of requests."""

    async def forget(self, erasure: Erasure, *, dry_run: bool = False) -> dict[str, int]:
        """Delete what it keeps of it; how many things of each kind. Killed anywhere, the next call does the rest.

        `dry_run`: count the same things, and leave them.
        """
        ...

    async def scrub(self, erasure: Erasure) -> None:
        """Leave nothing of what `forget` deleted in the file or its log. Raises `StoreError` where that cannot be."""
        ...
