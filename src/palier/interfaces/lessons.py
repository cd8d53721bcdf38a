"""Where lessons are kept, and what their evidence is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from palier.interfaces.models import Vectors
from palier.lessons import Lesson, LessonCount
from palier.types import Data, Label


class Lessons(Protocol):
    """Lessons of all routes, with a vector of what each asks."""

    async def add(self, lessons: Sequence[Lesson], vectors: Vectors, encoder: str) -> list[bool]:
        """Keep those whose `id` and `origin.name` never stood here before, in one commit; which they were.

        `vectors` are by `encoder`, shape (n, d). Raises `TooLarge` where a route would have too many.
        """
        ...

    async def get(self, id: str) -> Lesson | None:
        """The lesson; the last `ids.SHORT_ID` digits of an id are enough."""
        ...

    async def page(
        self, *, route: str = "", state: str = "", kind: str = "", after: str = "", limit: int = 200
    ) -> list[Lesson]:
        """In order of id, which is that of time; those after the id `after`: the last of a page gives it."""
        ...

    async def change(self, lessons: Sequence[Lesson], vectors: Vectors | None = None, encoder: str = "") -> list[bool]:
        """Put each in the place of its revision before, which counts up; which of them: others were changed meanwhile.

        `vectors`, where what they ask is another now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Asking:
    """What lessons ask, as it is compared: ids, and unit vectors of shape (n, d) by one encoder.

    Those by another encoder have no vector here: they are in `stale`.
    """

    ids: tuple[str, ...]
    vectors: Vectors
    stale: tuple[str, ...] = ()


class LessonIndex(Protocol):
    """What is asked of all lessons of a route at once."""

    async def asking(self, route: str, encoder: str) -> Asking:
        """What the lessons of `route` ask, by `encoder`, in order of id."""
        ...

    async def origins(self, names: Sequence[str]) -> set[str]:
        """Those of `names` that any lesson ever came under, be it gone by now."""
        ...

    async def count(self, route: str = "") -> LessonCount:
        """How many there are."""
        ...

    async def expire(self, now: float) -> int:
        """Delete those past their retention; how many."""
        ...


class SourceDocument(Data, frozen=True, kw_only=True):
    """A document as lessons see it: who may read it, and the words of its passages by number.

    `groups` are its own readers (none: all who read the collection), `readers` the collection's (none: everybody).
    """

    collection: str
    document: str
    title: str
    label: Label
    updated: float
    groups: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    passages: dict[int, str] = {}


class Sources(Protocol):
    """What lessons stand on, as it is now."""

    async def sources(self, documents: Sequence[tuple[str, str]]) -> list[SourceDocument | None]:
        """Each of `documents` (collection, id), whoever may read it; None where it is not there."""
        ...
