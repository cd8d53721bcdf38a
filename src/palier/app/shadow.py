"""Shadow: a version that passed the gate answers requests beside what is served, and nobody is served by it.

A request is drawn, answered, recorded; then it is put to the version's tier alone, through the same pipeline: the
guards, the labels and the readers of now, and the version's own policy. What comes of it is kept beside the trace. It
comes after everything else: it waits while the gateway is busy and is dropped when that lasts, a few wait at most, and
nothing of it leaves (a student is of this machine) or climbs (there is no other tier). A gateway that is killed forgets
those that wait: they are a sample.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from palier import pipeline
from palier.app.students import check
from palier.app.wiring import Shared, landings_of, parts_of
from palier.config import Model as ModelSettings
from palier.config import Settings
from palier.config.taught import with_version
from palier.counting import Counts
from palier.errors import ConfigurationError, PalierError
from palier.fingerprint import fingerprint
from palier.interfaces import Adaptable, Model
from palier.interfaces.versions import Shadows, Versions
from palier.metrics.text import agreement
from palier.models import adapters
from palier.pipeline.journey import Journey
from palier.policies import Ruled, landed
from palier.types import Request, Trace
from palier.versions import Beside, Shadowed, ShadowWords, Version

WAITING = 8
"""Requests that wait at most, each as long as a request may be; one more is dropped."""
PAUSE_S = 0.25
PATIENCE_S = 30.0
"""How long requests at work are waited for: then it goes on where they are few, and is dropped where they are many."""
MANY = 0.25
"""The load from which requests are many: what is at work then is left, too."""
LONGEST_S = 120.0
"""What a version may take to answer."""
_ROUTE = "shadow"
_PERSON = b"shadow"
"""Makes the draw another than that of the audit, by the same key."""

log = logging.getLogger("palier.shadow")


@dataclass(frozen=True, slots=True)
class Cast:
    """A version that answers beside, ready to be asked."""

    version: Version
    parts: pipeline.Parts
    """With its tier alone."""
    agreement_at: float
    keeps_words: bool


async def cast(
    declared: Settings,
    version: Version,
    folder: Path,
    models: MutableMapping[str, Model],
    make: Callable[[str, ModelSettings], Model],
    shared: Shared,
) -> Cast | None:
    """`version` made ready; what it needs is added to `models`, where its promotion finds it.

    None while an engine has no room for its adapter. Raises `ConfigurationError` where it cannot be served, and
    what an engine raises that does not take it.
    """
    await asyncio.to_thread(check, version, folder, declared)
    settings = with_version(declared, version, folder / version.id, route=_ROUTE)
    route = settings.routes[_ROUTE]
    for name in {tier.model for tier in route.tiers} - set(models):
        models[name] = make(name, settings.models[name])
    for tier in (tier for tier in route.tiers if tier.adapter == version.id):
        model, file = models[tier.model], settings.models[tier.model].adapters[version.id]
        if isinstance(model, Adaptable) and version.id not in model.adapters and len(model.adapters) < adapters.MOST:
            await model.hold_adapters({version.id: file})
        if isinstance(model, Adaptable) and version.id not in model.adapters:
            return None
    landings = landings_of(settings, route, models, shared.guards, version)
    ruled = Ruled(
        path=settings.path(route.policy) if route.policy else None,
        landings=landings,
        fingerprint=fingerprint(settings, route, landings, shared.encoder.name),
        otherwise_climbs=route.without_policy == "climb",
    )
    standing, landings = await asyncio.to_thread(landed, ruled)
    own = tuple(landing for landing in landings if landing.name == version.tier)
    parts = replace(
        parts_of(settings, route, own, replace(shared, beside=None), None),
        policy=standing.rules,
        keep_content=True,  # of the trace that is made of here, and not kept
        purse=None,
        vault=None,
    )
    return Cast(version, parts, route.agreement_at, settings.store.record_content)


class Offered(NamedTuple):
    """A request that is to be put to a version, with what was served."""

    cast: Cast
    request: Request
    served: str
    home: bool
    served_ms: float | None


class Shadow:
    """Puts requests to the versions that answer beside: it hears of every request by `take`.

    `load` says how busy the gateway is, in shares of what it takes. `start` it, or `await finish()`.
    """

    def __init__(self, share: float, at_once: int, key: bytes, store: Shadows, counts: Counts) -> None:
        self.load: Callable[[], float] = lambda: 0.0
        self.casts: dict[str, Cast] = {}
        """By route."""
        self._share = share
        self._at_once = at_once
        self._key = key
        self._store = store
        self._counts = counts
        self._refused: dict[str, str] = {}
        """By route: a version that cannot be asked."""
        self._waiting: deque[Offered] = deque()
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def look(self, route: str, versions: Versions, ready: Callable[[Version], Awaitable[Cast | None]]) -> None:
        """Find who answers beside on `route`, and have it made `ready`. One that cannot be served is told once.

        Raises what else keeps it from being ready, as an engine that does not start: the next look tries again.
        """
        wanted = await versions.shadowing(route) if self._share else ""
        version = await versions.get(wanted) if wanted else None
        now = self.casts.get(route)
        if version == (now.version if now else None):
            return
        self.casts.pop(route, None)
        if version is None or wanted == self._refused.get(route):
            return
        try:
            if (made := await ready(version)) is not None:
                self.casts[route] = made
        except ConfigurationError as error:
            self._refused[route] = wanted
            log.warning("route `%s`: %s answers nothing in shadow: %s", route, wanted, error.message)

    def take(self, journey: Journey) -> None:
        """Draw a request that was answered and recorded: microseconds, and the rest is done later, or never."""
        request = journey.request
        cast = self.casts.get(request.route)
        if cast is None or not self._draws(request) or (offered := _offered(cast, journey)) is None:
            return
        if len(self._waiting) >= WAITING:
            self._counts.shadows[request.route, "dropped"] += 1
            return
        self._waiting.append(offered)
        self._woken.set()

    def _draws(self, request: Request) -> bool:
        """As the audit's sample: nobody who asks can foresee it, and it knows nothing of what is asked."""
        if request.tier is not None or request.text is not None:
            return False
        drawn = blake2b(request.id.encode(), key=self._key, digest_size=8, person=_PERSON).digest()
        return int.from_bytes(drawn) < self._share * 2**64

    def start(self) -> None:
        """Work until `stop`."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._work(), name="palier-shadow") for _ in range(self._at_once)]

    async def stop(self) -> None:
        """Leave what is being done, and forget what waits."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []
        self._waiting.clear()

    async def finish(self) -> None:
        """Put what waits to its versions, one after the other."""
        while self._waiting:
            await self._try(self._waiting.popleft())

    async def _work(self) -> None:
        while True:
            if self._waiting:
                await self._try(self._waiting.popleft())
            else:
                self._woken.clear()
                await self._woken.wait()

    async def _try(self, offered: Offered) -> None:
        route = offered.request.route
        try:
            trace = await self._answered(offered) if await self._makes_way() else None
            shadowed = _shadowed(offered, trace) if trace is not None else None
            kept = shadowed is not None and await self._store.keep(shadowed)
            outcome = shadowed.outcome if shadowed is not None and kept else "dropped"
        except PalierError as error:
            log.warning("what a student in shadow said is not kept: %s", error.message)
            outcome = "dropped"
        except Exception:
            log.exception("a student in shadow was not asked")
            outcome = "dropped"
        self._counts.shadows[route, outcome] += 1

    async def _makes_way(self) -> bool:
        """Requests come first. Whether there is room now."""
        until = time.monotonic() + PATIENCE_S
        while (load := self.load()) > 0:
            if time.monotonic() >= until:
                return load < MANY
            await asyncio.sleep(PAUSE_S)
        return True

    async def _answered(self, offered: Offered) -> Trace | None:
        """What became of the request; None where it was left because requests are many, or took too long."""
        kept = _Kept()
        asking = asyncio.create_task(_ask(offered, kept))
        until = time.monotonic() + LONGEST_S
        try:
            while not (await asyncio.wait({asking}, timeout=PAUSE_S))[0]:
                if self.load() >= MANY or time.monotonic() >= until:
                    return None
            asking.result()
        finally:
            asking.cancel()
            await asyncio.wait({asking})
        return kept.trace


class _Kept:
    """`interfaces.Traces`, as far as a pipeline uses it: the trace of one request, which goes nowhere."""

    def __init__(self) -> None:
        self.trace: Trace | None = None

    async def record(self, trace: Trace) -> None:
        self.trace = trace


async def _ask(offered: Offered, kept: Any) -> None:
    parts = replace(offered.cast.parts, traces=kept)
    try:
        async with aclosing(pipeline.stream(offered.request, parts)) as events:
            async for _ in events:
                pass
    except PalierError as error:  # its trace says how far it came
        log.debug("a student in shadow did not answer: %s", error.message)


def _offered(cast: Cast, journey: Journey) -> Offered | None:
    """What is put to the version; None for a request that it would not have been asked, were it live."""
    result, tier = journey.result, cast.version.tier
    steps = [step for step in journey.steps if step.tier == tier]
    if result is None or journey.error or journey.refused or journey.upwards or not steps:
        return None
    request = msgspec.structs.replace(journey.request, passages=(), stream=False, local_only=True)
    asked = steps[-1].outcome in ("answered", "climbed")
    return Offered(
        cast=cast,
        request=request,
        served=result.text if result.status == "answered" else "",
        home=result.status == "answered" and result.tier == tier,
        served_ms=steps[-1].latency_ms if asked else None,
    )


def _shadowed(offered: Offered, trace: Trace) -> Shadowed | None:
    """What is kept; None where the version was not reached, as where a guard did not let the question through."""
    cast, version = offered.cast, offered.cast.version
    step = next((step for step in trace.steps if step.tier == version.tier), None)
    if step is None or trace.content is None:
        return None
    stopped = [
        row.guard
        for row in trace.guards
        if row.place in ("draft", "output") and row.action in ("climb", "refuse") and row.tier == version.tier
    ]
    outcome: Mapping[str, Beside] = {
        "answered": "kept" if trace.status == "answered" else "climbed",
        "climbed": "stopped" if stopped else "climbed",
        "skipped": "barred" if step.threshold is None or step.reason == pipeline.NOT_FOR_ALL else "climbed",
        "refused": "barred",
        "failed": "failed",
    }
    if step.outcome not in outcome:
        return None
    answer = trace.content.answer if trace.status == "answered" else trace.content.drafts.get(version.tier, "")
    words = ShadowWords(label=trace.content.label, expires=trace.content.expires, answer=answer)
    return Shadowed(
        trace=trace.id,
        version=version.id,
        route=trace.route,
        created=trace.created,
        outcome=outcome[step.outcome],
        guard=stopped[0] if stopped else "",
        home=offered.home,
        agrees=_agrees(cast, answer, offered.served),
        latency_ms=step.latency_ms,
        served_ms=offered.served_ms,
        energy=step.energy,
        words=words if cast.keeps_words and answer else None,
    )


def _agrees(cast: Cast, answer: str, served: str) -> bool | None:
    """Labels agree where they are the same; sentences where the route says that two do."""
    if not answer.strip() or not served.strip():
        return None
    if cast.version.student == "head":
        return answer.strip() == served.strip()
    return agreement(answer, served) >= cast.agreement_at
