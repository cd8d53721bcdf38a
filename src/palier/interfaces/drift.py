"""What goes by, and what is known, as drift is looked for in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from palier.types import Trace


class Place(NamedTuple):
    """How far what was recorded has been looked at: in the order it was recorded in, whatever the clock said."""

    trace: int = 0
    judgement: float = 0.0
    rating: float = 0.0


class Counted(NamedTuple):
    """The documents of a collection, and how many of them are at fault."""

    collection: str
    documents: int
    stale: int
    empty: int
    duplicated: int


class Passing(Protocol):
    """Requests that were answered or abstained from, how they were judged, and how they were rated.

    Where there are more requests than `limit`, every second, third... is given, so that all of the time is there.
    """

    async def between(self, route: str, since: float, until: float, limit: int) -> Sequence[Trace]:
        """Those created from `since` to before `until`, with their content where it is kept."""
        ...

    async def after(self, route: str, place: Place, until: Place, limit: int) -> Sequence[Trace]:
        """Those recorded after `place`, up to `until`."""
        ...

    async def count_after(self, route: str, place: Place) -> int:
        """How many those are."""
        ...

    async def last(self) -> Place:
        """The place of what was recorded last."""
        ...

    async def judged_between(self, route: str, source: str, since: float, until: float, limit: int) -> Sequence[float]:
        """Of the audited requests created in that time, how right what was served is by `source`, from 0 to 1."""
        ...

    async def judged_after(self, route: str, source: str, place: Place, until: Place, limit: int) -> Sequence[float]:
        """The same of those judged after `place`, up to `until`, in that order."""
        ...

    async def rated_between(self, route: str, since: float, until: float, limit: int) -> Sequence[float]:
        """Of those who rated the requests created in that time, up or down: 1 where down."""
        ...

    async def rated_after(self, route: str, place: Place, until: Place, limit: int) -> Sequence[float]:
        """The same of those who rated after `place`, up to `until`, in that order. Who thinks better of it counts
        again."""
        ...


class Census(Protocol):
    """The state of the documents."""

    async def count(self, collections: Sequence[str], stale_before: float) -> Sequence[Counted]:
        """Of those of `collections` that hold any; stale is what was last renewed before that moment."""
        ...
