"""Limits of budgets that were passed are told to a webhook: each once in its day or month, whoever restarts.

Those of routes and those of access keys. A key's are logged too, with a webhook or without: a route's are where they
are passed.

What was told, and what still is to be, stands in one file, replaced whole before anything is sent. How a budget stands
is looked at again and again, rather than listened to: what was passed while nobody looked, or just before a gateway was
killed, is told by the next look. The gateway starts it, and stops it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import msgspec

from palier.alerting import RETRY_S, UNSENT, Post, Webhook, later
from palier.errors import PalierError
from palier.interfaces import Erasure
from palier.spending import BudgetSide, BudgetStanding, Measure
from palier.stores.states import StateFile
from palier.types import Data

LOOK_EVERY_S = 5.0
NAME = "budgets"
"""Of the file."""

log = logging.getLogger(__name__)

Limit = Literal["soft", "hard"]


class BudgetAlert(Data, frozen=True, kw_only=True):
    """What is told, once: that a route, or a key, passed a limit. Numbers and its name alone."""

    id: str
    """The same for the same alert, however often it arrives."""
    at: float
    route: str = ""
    key: str = ""
    of: Measure
    """`cost`, US dollars, or `carbon`, grams of CO2e."""
    limit: Limit
    """At the hard one, tiers that cost something are no longer asked; nor is anything, by a key."""
    least: float
    """Where it lies."""
    spent: float
    """What is known."""
    uncounted: int
    """Requests of which it is not known, and which are not in it."""
    per: Literal["day", "month"]
    begins: float
    ends: float


class Said(msgspec.Struct, kw_only=True):
    """Of one measure of one budget: what was told in the period that began then, and where the limits lay."""

    begins: float
    limits: dict[Limit, float] = msgspec.field(default_factory=dict)


class State(msgspec.Struct, kw_only=True):
    """What is kept."""

    said: dict[str, Said] = msgspec.field(default_factory=dict)
    """By `ROUTE/MEASURE`, and `key/NAME/cost`."""
    unsent: list[BudgetAlert] = msgspec.field(default_factory=list)


Standings = Callable[[], Awaitable[Sequence[BudgetStanding]]]
"""How all budgets stand now."""


class Overspending:
    """The watch over all budgets. Without `post` nothing is kept: the log, `palier status` and `/metrics` say it."""

    def __init__(
        self, standings: Standings, file: StateFile, post: Post | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._standings, self._file, self._clock = standings, file, clock
        self._webhook = Webhook(post, "budgets") if post is not None else None
        self._state: State | None = None
        self._kept = b""
        self._busy = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def unsent(self) -> int:
        """Alerts that the webhook has not taken yet."""
        return len(self._state.unsent) if self._state is not None else 0

    def start(self) -> None:
        """Look until `stop`."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_looking(), name="palier-overspending")

    async def stop(self) -> None:
        """End; what is not told yet is told by the next gateway."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_looking(self) -> None:
        loop = asyncio.get_running_loop()
        tell_at, wait_s = loop.time(), RETRY_S
        while True:
            try:
                await self.look()
                if loop.time() >= tell_at:
                    told = await self.tell()
                    tell_at = loop.time() + (0.0 if told else wait_s)
                    wait_s = later(wait_s, told=told)
            except PalierError as error:
                log.warning("what budgets passed cannot be kept: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Note what was passed and not told yet. Raises `StoreError`: then the next look does."""
        async with self._busy:
            state = await self._known()
            for standing in await self._standings():
                for side in standing.sides:
                    passed = self._passed(state, standing, side)
                    for alert in passed:
                        if alert.key:
                            log.warning("key `%s` is over its %s limit of $%g", alert.key, alert.limit, alert.least)
                    state.unsent += passed if self._webhook is not None else ()
            state.unsent = state.unsent[-UNSENT:]
            await self._keep(state)

    async def tell(self) -> bool:
        """Send what is unsent, in its order; False where the webhook did not take it, and it is to be tried again.

        Raises `StoreError` where it cannot be kept that something was sent: it comes again, under the same id.
        """
        async with self._busy:
            state = await self._known()
            while self._webhook is not None and state.unsent:
                if not await self._webhook.takes(state.unsent[0]):
                    return False
                del state.unsent[0]
                await self._keep(state)
            return True

    async def forget(self, erasure: Erasure, *, dry_run: bool = False) -> dict[str, int]:
        """What names a key that is to be forgotten; see `interfaces.Erasable`."""
        async with self._busy:
            state = await self._known()
            names = [name for name in state.said if erasure.user and name.startswith(f"key/{erasure.user}/")]
            unsent = [alert for alert in state.unsent if not erasure.user or alert.key != erasure.user]
            count = len(names) + len(state.unsent) - len(unsent)
            if count and not dry_run:
                state.said = {name: said for name, said in state.said.items() if name not in names}
                state.unsent = unsent
                await self._keep(state, always=True)
            return {"alerts": count} if count else {}

    async def scrub(self, erasure: Erasure) -> None:
        """See `interfaces.Erasable`: the file was replaced whole."""

    def _passed(self, state: State, standing: BudgetStanding, side: BudgetSide) -> Sequence[BudgetAlert]:
        name = f"key/{standing.key}/{side.of}" if standing.key else f"{standing.route}/{side.of}"
        said = state.said.get(name)
        if said is not None and standing.begins < said.begins:  # a clock that stepped back
            return ()
        if said is None or standing.begins > said.begins:
            said = Said(begins=standing.begins)
        given: dict[Limit, float | None] = {"soft": side.soft, "hard": side.hard}
        new: dict[Limit, float] = {
            limit: least
            for limit, least in given.items()
            if least is not None and side.spent >= least and said.limits.get(limit) != least
        }
        if new:
            state.said[name] = Said(begins=said.begins, limits={**said.limits, **new})
        return [
            BudgetAlert(
                id=f"budget/{name}/{int(standing.begins)}/{limit}/{least:g}",
                at=self._clock(),
                route=standing.route,
                key=standing.key,
                of=side.of,
                limit=limit,
                least=least,
                spent=side.spent,
                uncounted=side.uncounted,
                per=standing.per,
                begins=standing.begins,
                ends=standing.ends,
            )
            for limit, least in new.items()
        ]

    async def _known(self) -> State:
        """What is kept, read once: nobody else writes it while the data folder is ours."""
        if self._state is None:
            content = await asyncio.to_thread(self._file.load, NAME)
            try:
                self._state = msgspec.json.decode(content, type=State) if content is not None else State()
            except msgspec.MsgspecError as error:
                log.warning("what was told of budgets cannot be read, and may be told again: %s", error)
                self._state = State()
            self._kept = msgspec.json.encode(self._state)
        return self._state

    async def _keep(self, state: State, *, always: bool = False) -> None:
        content = msgspec.json.encode(state)
        if content != self._kept and (always or self._webhook is not None):
            await asyncio.to_thread(self._file.keep, NAME, content)
            self._kept = content
