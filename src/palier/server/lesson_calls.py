"""Lessons over the admin socket: the calls, the gateway's side and the command line's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from palier.errors import InvalidRequest
from palier.lessons import Brought, Edit, Lesson, LessonCount
from palier.server.calls import Call

if TYPE_CHECKING:
    from palier.app import Palier
    from palier.training.desk import TrainingSet
    from palier.training.harvest import Harvested


class LessonCall(Call, frozen=True, kw_only=True):
    """Base of these calls."""


class HarvestLessons(LessonCall, frozen=True, kw_only=True, tag="lessons.harvest"):
    route: str
    since: float = 0.0
    limit: int = 1_000
    suites: tuple[str, ...] = ()
    """Absolute paths."""


class AddLessons(LessonCall, frozen=True, kw_only=True, tag="lessons.add"):
    lessons: tuple[Lesson, ...]
    who: str
    accept: bool = False


class GetLesson(LessonCall, frozen=True, kw_only=True, tag="lessons.get"):
    id: str


class ListLessons(LessonCall, frozen=True, kw_only=True, tag="lessons.list"):
    route: str = ""
    state: str = ""
    kind: str = ""
    after: str = ""
    limit: int = 200


class ReviewLessons(LessonCall, frozen=True, kw_only=True, tag="lessons.review"):
    ids: tuple[str, ...]
    who: str
    accept: bool
    reason: str = ""


class EditLesson(LessonCall, frozen=True, kw_only=True, tag="lessons.edit"):
    id: str
    edit: Edit
    who: str


class CountLessons(LessonCall, frozen=True, kw_only=True, tag="lessons.count"):
    route: str = ""


class LessonsToTeach(LessonCall, frozen=True, kw_only=True, tag="lessons.teach"):
    route: str


AnyLessonCall = (
    HarvestLessons | LessonsToTeach | AddLessons | GetLesson | ListLessons | ReviewLessons | EditLesson | CountLessons
)


async def value(palier: Palier, call: LessonCall) -> Any:
    """What the gateway replies."""
    desk = palier.lessons
    match call:
        case HarvestLessons():
            return await desk.harvest(call.route, since=call.since, limit=call.limit, suites=call.suites)
        case LessonsToTeach():
            return await desk.to_teach(call.route)
        case AddLessons():
            return await desk.add(call.lessons, who=call.who, accept=call.accept)
        case GetLesson():
            return await desk.get(call.id)
        case ListLessons():
            return await desk.page(
                route=call.route, state=call.state, kind=call.kind, after=call.after, limit=call.limit
            )
        case ReviewLessons(accept=True):
            return await desk.accept(call.ids, who=call.who)
        case ReviewLessons():
            return await desk.reject(call.ids, who=call.who, reason=call.reason)
        case EditLesson():
            return await desk.edit(call.id, call.edit, who=call.who)
        case CountLessons():
            return await desk.count(call.route)
    raise InvalidRequest(f"the admin socket has no call {type(call).__name__}")


Ask = Callable[[Call, Any], Awaitable[Any]]
"""One call's result, converted to a type."""


class RemoteLessons:
    """What the command line uses of `training.Desk`, through the gateway."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def harvest(
        self, route: str, *, since: float = 0.0, limit: int = 1_000, suites: Sequence[str] = ()
    ) -> Harvested:
        from palier.training.harvest import Harvested

        call = HarvestLessons(route=route, since=since, limit=limit, suites=tuple(suites))
        found: Harvested = await self._ask(call, Harvested)
        return found

    async def add(self, lessons: Sequence[Lesson], *, who: str, accept: bool = False) -> Brought:
        found: Brought = await self._ask(AddLessons(lessons=tuple(lessons), who=who, accept=accept), Brought)
        return found

    async def get(self, id: str) -> Lesson:
        found: Lesson = await self._ask(GetLesson(id=id), Lesson)
        return found

    async def page(
        self, *, route: str = "", state: str = "", kind: str = "", after: str = "", limit: int = 200
    ) -> list[Lesson]:
        call = ListLessons(route=route, state=state, kind=kind, after=after, limit=limit)
        found: list[Lesson] = await self._ask(call, list[Lesson])
        return found

    async def accept(self, ids: Sequence[str], *, who: str) -> list[Lesson]:
        found: list[Lesson] = await self._ask(ReviewLessons(ids=tuple(ids), who=who, accept=True), list[Lesson])
        return found

    async def reject(self, ids: Sequence[str], *, who: str, reason: str = "") -> list[Lesson]:
        call = ReviewLessons(ids=tuple(ids), who=who, accept=False, reason=reason)
        found: list[Lesson] = await self._ask(call, list[Lesson])
        return found

    async def edit(self, id: str, edit: Edit, *, who: str) -> Lesson:
        found: Lesson = await self._ask(EditLesson(id=id, edit=edit, who=who), Lesson)
        return found

    async def to_teach(self, route: str) -> TrainingSet:
        from palier.training.desk import TrainingSet

        found: TrainingSet = await self._ask(LessonsToTeach(route=route), TrainingSet)
        return found

    async def count(self, route: str = "") -> LessonCount:
        found: LessonCount = await self._ask(CountLessons(route=route), LessonCount)
        return found
