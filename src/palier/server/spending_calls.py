"""What went by over the admin socket: the call, the gateway's side and the command line's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from palier.server.calls import Call
from palier.spending import WentBy

Ask = Callable[[Call, Any], Awaitable[Any]]
"""One call's result, converted to a type."""


class WentByBetween(Call, frozen=True, kw_only=True, tag="hours.went_by"):
    since: float
    until: float


class BudgetsNow(Call, frozen=True, kw_only=True, tag="budgets"):
    pass


class RemoteHours:
    """`interfaces.Hours`, through the gateway."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def went_by(self, since: float, until: float) -> WentBy:
        found: WentBy = await self._ask(WentByBetween(since=since, until=until), WentBy)
        return found
