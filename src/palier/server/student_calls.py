"""Versions of students over the admin socket: the calls, the gateway's side and the command line's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from palier.errors import InvalidRequest
from palier.server.calls import Call
from palier.versions import Happened, Standing, Version

if TYPE_CHECKING:
    from palier.app import Palier


class StudentCall(Call, frozen=True, kw_only=True):
    """Base of these calls."""


class ListVersions(StudentCall, frozen=True, kw_only=True, tag="versions.list"):
    route: str = ""
    limit: int = 100


class VersionHistory(StudentCall, frozen=True, kw_only=True, tag="versions.history"):
    route: str
    version: str = ""


class StandingOf(StudentCall, frozen=True, kw_only=True, tag="versions.standing"):
    route: str


class Promote(StudentCall, frozen=True, kw_only=True, tag="versions.promote"):
    id: str
    best: bool = True
    who: str = ""
    why: str = ""


class RollBack(StudentCall, frozen=True, kw_only=True, tag="versions.rollback"):
    route: str
    who: str = ""
    why: str = ""


AnyStudentCall = ListVersions | VersionHistory | StandingOf | Promote | RollBack


async def value(palier: Palier, call: StudentCall) -> Any:
    """What the gateway replies."""
    students = palier.students
    match call:
        case ListVersions():
            return list(await students.list(call.route, call.limit))
        case VersionHistory():
            return list(await students.history(call.route, call.version))
        case StandingOf():
            return await students.standing(call.route)
        case Promote():
            return await students.promote(call.id, best=call.best, who=call.who, why=call.why)
        case RollBack():
            return await students.roll_back(call.route, who=call.who, why=call.why)
    raise InvalidRequest(f"the admin socket has no call {type(call).__name__}")


Ask = Callable[[Call, Any], Awaitable[Any]]
"""One call's result, converted to a type."""


class RemoteStudents:
    """What the command line uses of `app.students.Students`, through the gateway."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def list(self, route: str = "", limit: int = 100) -> Sequence[Version]:
        found: Sequence[Version] = await self._ask(ListVersions(route=route, limit=limit), list[Version])
        return found

    async def history(self, route: str, version: str = "") -> Sequence[Happened]:
        found: Sequence[Happened] = await self._ask(VersionHistory(route=route, version=version), list[Happened])
        return found

    async def standing(self, route: str) -> Standing:
        found: Standing = await self._ask(StandingOf(route=route), Standing)
        return found

    async def promote(self, id: str, *, best: bool = True, who: str = "", why: str = "") -> Standing:
        found: Standing = await self._ask(Promote(id=id, best=best, who=who, why=why), Standing)
        return found

    async def roll_back(self, route: str, *, who: str = "", why: str = "") -> Standing:
        found: Standing = await self._ask(RollBack(route=route, who=who, why=why), Standing)
        return found
