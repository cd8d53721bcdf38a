"""Versions of students over the admin socket: the calls, the gateway's side and the command line's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from palier.errors import InvalidRequest
from palier.server.calls import Call
from palier.versions import Happened, Standing, Version

if TYPE_CHECKING:
    from palier.app import Palier
    from palier.app.certificates import Certificate
    from palier.app.effect import Difference, Effect, ShadowFigures


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


class CertificateOf(StudentCall, frozen=True, kw_only=True, tag="versions.certificate"):
    id: str


class Promote(StudentCall, frozen=True, kw_only=True, tag="versions.promote"):
    id: str
    best: bool = True
    who: str = ""
    why: str = ""


class RollBack(StudentCall, frozen=True, kw_only=True, tag="versions.rollback"):
    route: str
    who: str = ""
    why: str = ""


class ShadowFiguresOf(StudentCall, frozen=True, kw_only=True, tag="versions.shadow"):
    id: str


class DifferencesOf(StudentCall, frozen=True, kw_only=True, tag="versions.differences"):
    id: str
    limit: int = 20


class EffectsOf(StudentCall, frozen=True, kw_only=True, tag="versions.effects"):
    id: str
    days: float


AnyStudentCall = (
    ListVersions
    | VersionHistory
    | StandingOf
    | CertificateOf
    | Promote
    | RollBack
    | ShadowFiguresOf
    | DifferencesOf
    | EffectsOf
)


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
        case CertificateOf():
            return await students.certificate(call.id)
        case Promote():
            return await students.promote(call.id, best=call.best, who=call.who, why=call.why)
        case RollBack():
            return await students.roll_back(call.route, who=call.who, why=call.why)
        case ShadowFiguresOf():
            return await palier.effects.shadow(call.id)
        case DifferencesOf():
            return await palier.effects.differences(call.id, call.limit)
        case EffectsOf():
            return await palier.effects.of(call.id, call.days)
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

    async def certificate(self, id: str) -> Certificate:
        from palier.app.certificates import Certificate

        found: Certificate = await self._ask(CertificateOf(id=id), Certificate)
        return found

    async def promote(self, id: str, *, best: bool = True, who: str = "", why: str = "") -> Standing:
        found: Standing = await self._ask(Promote(id=id, best=best, who=who, why=why), Standing)
        return found

    async def roll_back(self, route: str, *, who: str = "", why: str = "") -> Standing:
        found: Standing = await self._ask(RollBack(route=route, who=who, why=why), Standing)
        return found


class RemoteEffects:
    """What the command line uses of `app.effect.Effects`, through the gateway."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def shadow(self, version: str) -> ShadowFigures:
        from palier.app.effect import ShadowFigures

        found: ShadowFigures = await self._ask(ShadowFiguresOf(id=version), ShadowFigures)
        return found

    async def differences(self, version: str, limit: int = 20) -> list[Difference]:
        from palier.app.effect import Difference

        found: list[Difference] = await self._ask(DifferencesOf(id=version, limit=limit), list[Difference])
        return found

    async def of(self, version: str, days: float = 30.0) -> list[Effect]:
        from palier.app.effect import Effect

        found: list[Effect] = await self._ask(EffectsOf(id=version, days=days), list[Effect])
        return found
