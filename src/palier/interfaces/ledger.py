"""The ledger as it is kept: its entries, its head, and what its store is handed to seal and to chain with."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import msgspec

from palier.types import Clearance, Data, Label


class Entry(Data, frozen=True, kw_only=True):
    """One departure. No word of what left is in it."""

    sequence: int
    """Counted from 1, without a gap."""
    at_ms: int
    """When it was written down, in milliseconds since the epoch."""
    host: str
    clearance: Clearance
    size: int
    """Bytes."""
    digest: str
    """HMAC-SHA-256 of the bytes, in hexadecimal: who has them, and the key, can tell that it was they."""
    digest_key: str
    """Names the key of that digest."""


class Link(Data, frozen=True, kw_only=True):
    """An entry as it is kept: the very bytes that were chained, and the hash they were given."""

    sequence: int
    body: bytes
    hash: bytes

    @property
    def entry(self) -> Entry:
        """Raises `msgspec.MsgspecError` where the body is none."""
        return msgspec.json.decode(self.body, type=Entry)


class EntryFilter(Data, frozen=True, kw_only=True):
    """Which entries, newest first: of those before the number `before` (0: all), at most `limit`."""

    before: int = 0
    limit: int = 50
    since_ms: int | None = None
    destination: str = ""
    label: Label | None = None
    trace: str = ""
    """A request's id, or its last `ids.SHORT_ID` digits."""


class Head(Data, frozen=True, kw_only=True):
    """The last entry at a time, told to elsewhere: what the ledger said then cannot be unsaid."""

    at: float
    """When it was looked at."""
    sequence: int
    hash: str
    """In hexadecimal."""
    installation: str


class Headed(Protocol):
    """A ledger whose head can be told."""

    async def head(self) -> Head | None:
        """Its last entry; None while there is none."""
        ...

    async def moved(self, since: int) -> bool:
        """Whether anything but a head itself left after the entry `since`."""
        ...


class Sealing(Protocol):
    """Keys: the first seals, all of them open."""

    @property
    def key(self) -> str:
        """Names the key that seals, and tells nothing of it."""
        ...

    @property
    def keys(self) -> Collection[str]:
        """All that open."""
        ...

    def seal(self, content: bytes, belongs: str) -> bytes:
        """`content` in a form that only opens as what it `belongs` to."""
        ...

    def open(self, sealed: bytes, belongs: str) -> bytes:
        """Raises `StoreError`: its key is not there, it was changed, or it belongs elsewhere."""
        ...

    def key_of(self, sealed: bytes) -> str:
        """Names the key it was sealed with; empty where that is none."""
        ...

    def digest(self, content: bytes) -> str:
        """Keyed, in hexadecimal."""
        ...

    def digest_secret(self) -> bytes:
        """What `digest` is keyed with."""
        ...


class Chaining(Protocol):
    """How an entry becomes bytes, and how these are chained."""

    def first(self, installation: str) -> bytes:
        """What stands before the first entry."""
        ...

    def body(self, entry: Entry) -> bytes:
        """The one encoding of `entry`."""
        ...

    def link(self, previous: bytes, body: bytes) -> bytes:
        """The hash of an entry, given that of the one before it."""
        ...
