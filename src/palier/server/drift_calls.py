"""Drift over the admin socket: the calls, the gateway's side and the command line's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from palier.drift.report import DriftReport, Standing, Window
from palier.errors import InvalidRequest
from palier.server.calls import Call

if TYPE_CHECKING:
    from palier.app import Palier


class DriftCall(Call, frozen=True, kw_only=True):
    """Base of these calls."""


class CompareWindows(DriftCall, frozen=True, kw_only=True, tag="drift.compare"):
    route: str
    now: Window
    against: Window
    level: float


class DriftStandings(DriftCall, frozen=True, kw_only=True, tag="drift.standings"):
    """How the watch over each route stands."""


class RenewReference(DriftCall, frozen=True, kw_only=True, tag="drift.renew"):
    route: str


AnyDriftCall = CompareWindows | DriftStandings | RenewReference

Ask = Callable[[Call, Any], Awaitable[Any]]
"""One call's result, converted to a type."""


async def value(palier: Palier, call: DriftCall) -> Any:
    """The gateway's side."""
    match call:
        case CompareWindows():
            return await palier.drift.compare(call.route, call.now, call.against, call.level)
        case DriftStandings():
            return await palier.drift.standings()
        case RenewReference():
            return await palier.drift.renew(call.route)
    raise InvalidRequest(f"the admin socket has no call {type(call).__name__}")


class RemoteDrift:
    """`app.drift.Drifts`, through the gateway."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def compare(self, route: str, now: Window, against: Window, level: float = 0.05) -> DriftReport:
        call = CompareWindows(route=route, now=now, against=against, level=level)
        found: DriftReport = await self._ask(call, DriftReport)
        return found

    async def standings(self) -> dict[str, Standing]:
        found: dict[str, Standing] = await self._ask(DriftStandings(), dict[str, Standing])
        return found

    async def renew(self, route: str) -> Standing:
        found: Standing = await self._ask(RenewReference(route=route), Standing)
        return found
