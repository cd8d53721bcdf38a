"""Watching for drift while the gateway runs: what goes by is looked at from time to time, never in a request, and what
is found is told to a webhook, once.

All that a watch has come to stands in one file a route, replaced whole: after a look what was found of it and what is
to be told are there together, or neither is. A webhook that is away delays nothing but itself: what it was not told
waits, is tried again, less and less often, and is told in its order. Requests are taken in the order they were recorded
in, and the time between looks is not that of the clock on the wall: one that steps makes nothing count twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
import numpy as np

from palier.alerting import RETRY_S, UNSENT, Post, Webhook, later
from palier.config import Drift, Route
from palier.drift import following
from palier.drift.following import Followed
from palier.drift.reference import Reference, Vectors, fit
from palier.drift.report import Alert, Sources, Standing, Window
from palier.drift.signals import Observed, observed
from palier.errors import PalierError
from palier.interfaces import Encoder, Workers
from palier.interfaces.drift import Census, Passing, Place
from palier.stores.states import StateFile
from palier.types import Trace

log = logging.getLogger(__name__)

MOST, REFERENCE_MOST = 2_000, 5_000
"""Requests of one look, and of the reference; of more, as many from all over them."""
LEAST = 200
"""Requests of a reference."""
DAY_S = 86_400.0


class State(msgspec.Struct, kw_only=True):
    """What is kept of a route."""

    policy: str
    """Names the policy it was watched under: another one is another reference."""
    began: float
    start: Place
    place: Place
    looked: float = 0.0
    reference: Reference | None = None
    chosen: str = ""
    followed: dict[str, Followed] = {}
    sources: dict[str, dict[str, float]] = {}
    open_sources: dict[str, Alert] = {}
    alarms: int = 0
    unsent: list[Alert] = []

    @property
    def open(self) -> tuple[Alert, ...]:
        """What drifts now."""
        signals = (one.alert for one in self.followed.values() if one.alert is not None)
        return (*signals, *self.open_sources.values())


class Gathering:
    """Requests as signals, their questions embedded where documents are: after whoever waits for an answer."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    async def of(self, traces: Sequence[Trace]) -> tuple[list[Observed], Vectors | None]:
        """The signals of `traces`, and the vectors of their questions, NaN where the words are not kept."""
        found = [observed(trace) for trace in traces]
        asked = [n for n, one in enumerate(found) if one.question.strip()]
        if not asked:
            return found, None
        vectors = np.full((len(found), self.encoder.dimension), np.nan, np.float32)
        vectors[asked] = await self.encoder.encode([found[n].question for n in asked])
        return [msgspec.structs.replace(one, question="") for one in found], vectors


def opinions(quality: Sequence[float], rated_down: Sequence[float]) -> list[Observed]:
    """Judgements and ratings as requests of which nothing else is known."""
    values = {"quality": quality, "rated_down": rated_down}
    return [Observed(values={name: value}) for name, given in values.items() for value in given]


def joined(vectors: Vectors | None, more: int) -> Vectors | None:
    """`vectors` with rows of nothing known below."""
    if vectors is None or not more:
        return vectors
    below: Vectors = np.full((more, vectors.shape[1]), np.nan, np.float32)
    return np.concatenate([vectors, below])


class Drifting:
    """The watch over all routes. `named` says which policy a route follows, `sources` who judges its audits."""

    def __init__(
        self,
        settings: Drift,
        routes: Mapping[str, Route],
        sources: Mapping[str, str],
        *,
        passing: Passing,
        census: Census,
        file: StateFile,
        encoder: Encoder,
        workers: Workers,
        named: Callable[[str], str],
        post: Post | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._routes, self._judges = settings, routes, sources
        self._passing, self._census, self._file = passing, census, file
        self._gathering, self._workers = Gathering(encoder), workers
        self._named, self._clock = named, clock
        self._webhook = Webhook(post, "drift") if post is not None else None
        self._states: dict[str, State] = {}
        self._failing: dict[str, str] = {}
        self._busy = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    # --- while it runs ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Look until `stop`, where `[drift]` is enabled."""
        if self._task is None and self._settings.enabled:
            self._task = asyncio.create_task(self._keep_looking(), name="palier-drift")

    async def stop(self) -> None:
        """End; what is not told yet is told by the next gateway."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_looking(self) -> None:
        loop = asyncio.get_running_loop()
        look_at, tell_at, wait_s = loop.time() + await self._rest(), loop.time(), RETRY_S
        while True:
            if loop.time() >= look_at:
                await self.look()
                look_at = loop.time() + self._settings.every_s
                tell_at = min(tell_at, loop.time()) if wait_s == RETRY_S else tell_at
            if loop.time() >= tell_at:
                told = await self.tell()
                tell_at = loop.time() + (self._settings.every_s if told else wait_s)
                wait_s = later(wait_s, told=told)
            await asyncio.sleep(max(min(look_at, tell_at) - loop.time(), 0.01))

    async def _rest(self) -> float:
        """How long until the next look is due, after what a gateway before this one did."""
        looked = [state.looked for state in (await self._known()).values()]
        if not looked:
            return 0.0
        return min(max(self._settings.every_s - (self._clock() - min(looked)), 0.0), self._settings.every_s)

    # --- looking ---------------------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Look at all routes once. What goes wrong with one is logged, told by its standing, and tried again."""
        async with self._busy:
            for route in self._routes:
                try:
                    await self._look(route)
                except PalierError as error:
                    log.warning("drift of route `%s` is not looked for: %s", route, error)
                    self._failing[route] = str(error)
                except Exception:
                    log.exception("drift of route `%s` is not looked for", route)
                    self._failing[route] = "unforeseen; the log has more"
                else:
                    self._failing.pop(route, None)

    async def _look(self, route: str) -> None:
        state, last = await self._state(route), await self._passing.last()
        if state.place.trace > last.trace:  # another file, put back from a copy
            state = self._anew(state, last)
        state.looked = self._clock()
        if state.reference is None:
            await self._refer(route, state, last)
        else:
            await self._advance(route, state, state.reference, last)
        await self._keep(route, state)

    async def _state(self, route: str) -> State:
        """As it was kept; a new one where there is none, where another policy decides, or the method is another."""
        state, named = (await self._known()).get(route), self._named(route)
        if state is None or state.policy != named or not following.sound(state.followed):
            state = self._anew(state, await self._passing.last())
            state.policy = named
        return state

    def _anew(self, before: State | None, last: Place) -> State:
        unsent, alarms = (before.unsent, before.alarms) if before else ([], 0)
        policy = before.policy if before else ""
        return State(policy=policy, began=self._clock(), start=last, place=last, unsent=unsent, alarms=alarms)

    async def _refer(self, route: str, state: State, last: Place) -> None:
        """Choose the reference, once it is all there."""
        said, now = self._settings, self._clock()
        if said.reference_from:
            since, until = (
                datetime.fromisoformat(at).timestamp() for at in (said.reference_from, said.reference_until)
            )
            chosen, due = "declared", now >= until
            count, waits = 0, f"the reference is declared, to {said.reference_until}"
        else:
            state.began = min(state.began, now)  # a clock that stepped back
            since, until, chosen = state.began, now, f"the first {said.reference_days:g} days"
            chosen += " under this policy" if state.policy else " of this watch"
            count = await self._passing.count_after(route, state.start)
            due = now - since >= said.reference_days * DAY_S and count >= LEAST
            waits = f"gathering the reference: {(now - since) / DAY_S:.1f} of {said.reference_days:g} days"
            waits += f", {count} requests" + (f" of {LEAST}" if count < LEAST else "")
        if not due:
            state.chosen = waits
            return
        if said.reference_from:
            traces = await self._passing.between(route, since, until, REFERENCE_MOST)
            says = await self._said(route, since, until)
            count = len(traces)
        else:
            traces = await self._passing.after(route, state.start, last, REFERENCE_MOST)
            says = await self._said_after(route, state.start, last)
        if len(traces) < LEAST:
            state.chosen = f"the declared reference has {len(traces)} requests, and {LEAST} are needed"
            return
        sources = await self.sources(route)
        found, vectors = await self._gathering.of(traces)
        window = Window(since=since, until=until, n=len(traces))
        everything = [*found, *says]
        encoder = self._gathering.encoder.name
        state.reference = await self._workers.run(fit, window, everything, joined(vectors, len(says)), encoder)
        state.followed = following.follow(
            state.reference, self._settings.false_alarms, zlib.crc32(f"{route}/{since}".encode())
        )
        state.sources = {one.collection: one.shares for one in sources}
        state.chosen, state.place = chosen, last

    async def _said(self, route: str, since: float, until: float) -> list[Observed]:
        """How right what was asked in that time was, and how it was rated."""
        source = self._judges.get(route)
        quality = await self._passing.judged_between(route, source, since, until, MOST) if source else ()
        return opinions(quality, await self._passing.rated_between(route, since, until, MOST))

    async def _said_after(self, route: str, place: Place, last: Place) -> list[Observed]:
        """The same of what was said after `place`."""
        source = self._judges.get(route)
        quality = await self._passing.judged_after(route, source, place, last, MOST) if source else ()
        return opinions(quality, await self._passing.rated_after(route, place, last, MOST))

    async def _advance(self, route: str, state: State, reference: Reference, last: Place) -> None:
        says, sources = await self._said_after(route, state.place, last), await self.sources(route)
        found, vectors = await self._gathering.of(await self._passing.after(route, state.place, last, MOST))
        if reference.encoder != self._gathering.encoder.name:
            vectors = None  # of another space
        common = Alert(
            id=f"{route}/{int(reference.window.since)}/{state.alarms + 1}",
            at=self._clock(),
            route=route,
            signal="",
            state="drifting",
            reference=reference.window,
        )
        everything, seed = [*found, *says], state.place.trace
        state.followed, alerts = await self._workers.run(
            following.advance, reference, state.followed, everything, joined(vectors, len(says)), common, seed
        )
        alerts += following.at_fault(state.sources, sources, state.open_sources, common)
        state.alarms += bool(alerts)
        state.place = last
        for alert in alerts:
            log.warning("drift of route `%s`: %s %s", route, alert.signal, alert.state)
        if self._webhook is not None:
            state.unsent = [*state.unsent, *alerts][-UNSENT:]

    async def sources(self, route: str) -> list[Sources]:
        """The state of the documents of a route's collections."""
        stale = self._clock() - self._settings.stale_days * DAY_S
        counted = await self._census.count(self._routes[route].collections, stale)
        return [Sources(**one._asdict()) for one in counted]

    # --- telling ---------------------------------------------------------------------------------------------------

    async def tell(self) -> bool:
        """Send what is unsent, in its order; False where the webhook did not take it, and it is to be tried again."""
        if self._webhook is None:
            return True
        async with self._busy:
            for route, state in (await self._known()).items():
                while state.unsent:
                    if not await self._webhook.takes(state.unsent[0]):
                        return False
                    state.unsent = state.unsent[1:]
                    try:
                        await self._keep(route, state)
                    except PalierError as error:  # it is told again by another gateway, under the same id
                        log.warning("that an alert of drift was sent cannot be kept: %s", error)
                        return False
        return True

    # --- how it stands ---------------------------------------------------------------------------------------------

    async def words(self) -> dict[str, str]:
        """The same in words."""
        return {route: str(standing) for route, standing in (await self.standings()).items()}

    async def standings(self) -> dict[str, Standing]:
        """How the watch over each route stands; nothing where `[drift]` is not enabled."""
        if not self._settings.enabled:
            return {}
        known = await self._known()
        return {route: self._standing(route, known.get(route)) for route in self._routes}

    def _standing(self, route: str, state: State | None) -> Standing:
        unheard = self._webhook.unheard if self._webhook is not None and state and state.unsent else ""
        failing = self._failing.get(route, "") or unheard
        if state is None:
            return Standing(route=route, chosen="nothing was looked at yet", failing=failing)
        return Standing(
            route=route,
            reference=state.reference.window if state.reference else None,
            chosen=state.chosen,
            evidence={name: one.martingale.evidence for name, one in state.followed.items()},
            limit=max((1.0 / one.martingale.delta for one in state.followed.values()), default=0.0),
            seen={name: one.martingale.n for name, one in state.followed.items()},
            drifting=state.open,
            unsent=len(state.unsent),
            failing=failing,
        )

    async def renew(self, route: str) -> Standing:
        """What goes by from now on is the reference; what drifted is forgotten."""
        async with self._busy:
            before = (await self._known()).get(route)
            state = self._anew(before, await self._passing.last())
            state.policy, state.looked, state.chosen = self._named(route), self._clock(), "begun anew"
            await self._keep(route, state)
        return self._standing(route, state)

    async def _known(self) -> dict[str, State]:
        """The states that are kept, read once: nobody else writes them while the data folder is ours."""
        for route in self._routes:
            if route in self._states:
                continue
            if (content := await asyncio.to_thread(self._file.load, route)) is not None:
                try:
                    self._states[route] = msgspec.json.decode(content, type=State)
                except msgspec.MsgspecError as error:
                    log.warning("the watch over drift of `%s` begins anew: %s", route, error)
        return self._states

    async def _keep(self, route: str, state: State) -> None:
        await asyncio.to_thread(self._file.keep, route, msgspec.json.encode(state))
        self._states[route] = state
