"""Who may ask, who belongs where, and what was spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from palier.access import AccessKey, Action, Group, IssuedKey, Spending
from palier.types import Principal


class Keys(Protocol):
    """Access keys, of which only a hash is kept. A change is durable, and holds, when it returns."""

    async def create(self, key: AccessKey, *, inherits: bool = False) -> IssuedKey:
        """Make a key of these terms. Raises `InvalidRequest` for terms that cannot be, or a name that is in use.

        Also for a name that has asked before, a user's or a former key's, whose traces it would read; unless it
        `inherits` them.
        """
        ...

    async def revoke(self, name: str) -> AccessKey:
        """From now on it opens nothing. Raises `NotFound` where there is no such key in use."""
        ...

    async def rotate(self, name: str, keep_s: float = 0.0) -> IssuedKey:
        """Another secret on the same terms; the old one opens the door `keep_s` seconds more. Raises `NotFound`."""
        ...

    async def list(self) -> list[AccessKey]:
        """All of them, those that were revoked and that expired too, in the order they were made."""
        ...


class KeyFinder(Protocol):
    """Looked up at each request, in memory: no wait."""

    def find(self, digest: bytes) -> AccessKey | None:
        """The key of this SHA-256, whether it still holds or not."""
        ...

    def is_key(self, name: str) -> bool:
        """Whether a key is, or was, called that: then no user is."""
        ...


class Directory(Protocol):
    """Groups and their members. A change is durable, and acts on the next query, when it returns."""

    async def add(self, group: str, members: Sequence[str]) -> Group:
        """Raises `InvalidRequest` for a name that cannot be, and naming the cycle for one that would be made."""
        ...

    async def remove(self, group: str, members: Sequence[str]) -> Group:
        """The group as it is then: with its last member it goes. Raises `NotFound` naming what was none of it."""
        ...

    async def list(self) -> list[Group]:
        """All of them, by name."""
        ...

    def resolve(self, principal: Principal) -> Principal:
        """`principal` with all its groups: its own, those of its name, and those that these are in. No wait."""
        ...


class Purse(Protocol):
    """What keys spent, counted in memory and written every few seconds."""

    def spend(self, key: str, cost: float, tokens: int) -> None:
        """Add US dollars and tokens to what `key` spent today."""
        ...

    def spending(self, key: str) -> Spending:
        """What it spent so far."""
        ...

    async def keep(self) -> None:
        """Make durable what was added since the last time."""
        ...


class Actions(Protocol):
    """What people did in the console."""

    async def record(self, what: str, *, who: str, role: str, about: str = "", outcome: str = "done") -> None:
        """Keep it; durable when this returns. The oldest leave when there are many."""
        ...

    async def page(self, *, before: int = 0, limit: int = 100, who: str = "", what: str = "") -> list[Action]:
        """Newest first; those of ids below `before`, the last of a page giving it for the next."""
        ...
