"""What a version does: in shadow, beside what is served; and live, requests before and after it was promoted.

Before and after are other requests, of other days: whatever else changed then is in the difference. Who wants to know
what the version alone does has its ruling (the same cases, both asked) and its shadow (the same requests).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np

from palier.config import Settings, label_source
from palier.errors import NotFound
from palier.interfaces import Judgements, Ratings, Traces
from palier.interfaces.versions import Shadows, Versions
from palier.metrics.differences import apart, needed_a_side, paired_shares
from palier.metrics.intervals import bca, of_quantile, wilson
from palier.types import Data, Step, Trace
from palier.versions import Shadowed, Version

MOST = 5_000
"""Requests of a side, those nearest to the promotion."""
READ = 50_000
"""Requests of a side that are read at most; of more, the newest."""
DAYS = 30.0
"""How far before and after a promotion is looked, unless another change comes sooner."""
DAY_S = 86_400.0
LEAST = 30
"""Requests of a side below which no difference is told."""
PAGE = 50
"""Requests read in one go: about two milliseconds."""
_ASKED = ("answered", "climbed", "failed", "abandoned")


class Figure(Data, frozen=True, kw_only=True):
    """A figure of `n` requests with its 95 % interval; None: not known. `missing`: those that it is not known of."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    missing: int = 0


class Side(Data, frozen=True, kw_only=True):
    """Requests that reached the version's tier, before its promotion or after."""

    since: float
    until: float
    """Between which it was looked; a request counts by when it was asked."""
    requests: int
    figures: dict[str, Figure]
    """`climbs`: the share that a tier above was asked of. Dollars, grams, watt-hours, milliseconds, each of a
    request. `correct`: the share of audited answers that were judged right; `up`: of those rated."""


class Change(Data, frozen=True, kw_only=True):
    """After less before, with its 95 % interval; `needed`: about how many a side would tell as large a difference."""

    value: float
    low: float | None = None
    high: float | None = None
    needed: int | None = None

    @property
    def told(self) -> bool:
        """Whether there is surely a difference."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


class Effect(Data, frozen=True, kw_only=True):
    """What changed when a version was promoted."""

    version: str
    route: str
    tier: str
    at: float
    who: str
    before: Side
    after: Side
    changes: dict[str, Change]
    too_few: str = ""
    """Why nothing is told, and how many it takes."""
    randomised: bool = False
    """It never is."""


class ShadowFigures(Data, frozen=True, kw_only=True):
    """What a version in shadow would have done, on the same requests as what is live."""

    version: str
    requests: int
    since: float = 0.0
    until: float = 0.0
    outcomes: dict[str, int]
    guards: dict[str, int]
    """Answers that each guard did not let through."""
    home: Figure = Figure()
    """The share it would have kept."""
    home_now: Figure = Figure()
    """The share that was kept."""
    more_home: Change | None = None
    agrees: Figure = Figure()
    """Of what it would have kept, the share that says what was served."""
    agrees_all: Figure = Figure()
    """The same of all that it wrote."""
    latency_ms: Figure = Figure()
    """The median of its tier."""
    served_ms: Figure = Figure()
    """The median of the tier as it is live."""
    energy_wh: Figure = Figure()
    """The mean of an answer."""


class Difference(Data, frozen=True, kw_only=True):
    """A request that the version answers otherwise than it was answered."""

    trace: str
    created: float
    outcome: str
    question: str
    served: str
    answer: str


class Effects:
    """Answers what versions do, from what is kept."""

    def __init__(
        self,
        settings: Settings,
        versions: Versions,
        shadows: Shadows,
        traces: Traces,
        audits: Judgements,
        ratings: Ratings,
    ) -> None:
        self._settings = settings
        self._versions = versions
        self._shadows = shadows
        self._traces = traces
        self._audits = audits
        self._ratings = ratings

    async def shadow(self, version: str) -> ShadowFigures:
        """What it would have done. Raises `NotFound`."""
        await self._version(version)
        found = [one async for one in self._shadowed(version)]
        return await asyncio.to_thread(_shadow_figures, version, found)

    async def differences(self, version: str, limit: int = 20) -> list[Difference]:
        """The newest requests that it answers otherwise, of which the words are kept. Raises `NotFound`."""
        await self._version(version)
        told: list[Difference] = []
        async for one in self._shadowed(version, words=True):
            if one.agrees is not False or one.words is None:
                continue
            trace = await self._traces.get(one.trace)
            if trace is not None and trace.content is not None:
                asked = [turn.content for turn in trace.content.messages if turn.role == "user"]
                said = Difference(
                    trace=one.trace,
                    created=one.created,
                    outcome=one.outcome,
                    question=asked[-1] if asked else "",
                    served=trace.content.answer,
                    answer=one.words.answer,
                )
                told.append(said)
            if len(told) >= limit:
                break
        return told

    async def of(self, version: str, days: float = DAYS) -> list[Effect]:
        """What changed with each of its promotions, the first first. Raises `NotFound`."""
        known = await self._version(version)
        history = await self._versions.history(known.route)
        turns = sorted({one.at for one in history if one.state in ("live", "retired", "returned")})
        found = []
        for one in history:
            if one.version != version or one.state != "live":
                continue
            since = max([one.at - days * DAY_S, *(at for at in turns if at < one.at)])
            until = min([one.at + days * DAY_S, time.time(), *(at for at in turns if at > one.at)])
            before = await self._side(known, since, one.at, newest=True)
            after = await self._side(known, one.at, until, newest=False)
            found.append(await asyncio.to_thread(_effect, known, one.at, one.who, before, after))
        return found

    async def _version(self, id: str) -> Version:
        version = await self._versions.get(id)
        if version is None:
            raise NotFound(f"there is no version `{id}`", hint="palier versions lists them")
        return version

    async def _shadowed(self, version: str, *, words: bool = False) -> AsyncIterator[Shadowed]:
        before, before_id = None, ""
        while page := await self._shadows.list(version, before=before, before_id=before_id, limit=PAGE, words=words):
            for one in page:
                yield one
            before, before_id = page[-1].created, page[-1].trace
            await asyncio.sleep(0)

    async def _side(self, version: Version, since: float, until: float, *, newest: bool) -> _Rows:
        rows = _Rows(since, until)
        async for trace in self._requests(version.route, since, until):
            rows.add(trace, version.tier)
            if len(rows.created) >= (MOST if newest else READ):
                break
        rows.keep(MOST)
        begun, end = rows.span
        if version.route in self._settings.routes:
            await self._judged(rows, version.route, begun, end)
        rated = await self._ratings.count(version.route, since=begun, until=end)
        rows.up, rows.down = rated.up, rated.down
        return rows

    async def _requests(self, route: str, since: float, until: float) -> AsyncIterator[Trace]:
        """Those of a time, newest first."""
        before, before_id = until, ""
        while page := await self._traces.list(before=before, before_id=before_id, limit=PAGE, route=route):
            for trace in page:
                if trace.created < since:
                    return
                yield trace
            before, before_id = page[-1].created, page[-1].id
            await asyncio.sleep(0)

    async def _judged(self, rows: _Rows, route: str, since: float, until: float) -> None:
        source = label_source(self._settings.routes[route])
        after, after_id = since, ""  # no id comes before the empty one
        while page := await self._audits.done(route=route, source=source, after=after, after_id=after_id, limit=PAGE):
            for audit in page:
                if audit.created >= until:
                    return
                said = audit.judged(source).get(audit.served)
                if said is not None:
                    rows.correct.append(float(said.correct) if said.correct is not None else said.score or 0.0)
            after, after_id = page[-1].created, page[-1].trace
            await asyncio.sleep(0)


class _Rows:
    """The requests of a side, newest first."""

    def __init__(self, since: float, until: float) -> None:
        self.since, self.until = since, until
        self.created: list[float] = []
        self.climbs: list[float] = []
        self.latency: list[float] = []
        self.cost: list[float | None] = []
        self.carbon: list[float | None] = []
        self.energy: list[float | None] = []
        self.correct: list[float] = []
        self.up = self.down = 0

    def add(self, trace: Trace, tier: str) -> None:
        """Take a request that came to the tier and was decided."""
        places = [n for n, step in enumerate(trace.steps) if step.tier == tier]
        if not places or trace.status not in ("answered", "abstained"):
            return
        self.created.append(trace.created)
        self.climbs.append(float(any(_asked(step) for step in trace.steps[places[0] + 1 :])))
        self.latency.append(trace.latency_ms)
        self.cost.append(trace.cost.value)
        self.carbon.append(trace.carbon.value)
        self.energy.append(trace.energy.value)

    def keep(self, most: int) -> None:
        """Leave those that are nearest to the promotion: of those after it the oldest."""
        if len(self.created) > most:
            for rows in (self.created, self.climbs, self.latency, self.cost, self.carbon, self.energy):
                del rows[: len(rows) - most]

    @property
    def span(self) -> tuple[float, float]:
        """From the first request that is looked at to the end of the side, or the last of those."""
        if not self.created:
            return 0.0, 0.0
        until = math.nextafter(self.created[0], math.inf)
        return self.created[-1], until


def _asked(step: Step) -> bool:
    return step.outcome in _ASKED


def _effect(version: Version, at: float, who: str, before: _Rows, after: _Rows) -> Effect:
    sides = _side(before), _side(after)
    few = min(side.requests for side in sides)
    return Effect(
        version=version.id,
        route=version.route,
        tier=version.tier,
        at=at,
        who=who,
        before=sides[0],
        after=sides[1],
        changes=_changes(sides[0], sides[1], before, after) if few >= LEAST else {},
        too_few=""
        if few >= LEAST
        else f"{sides[0].requests} requests before and {sides[1].requests} after: it takes {LEAST} a side to tell "
        "anything, and about 400 for a share to within 5 points",
    )


def _side(rows: _Rows) -> Side:
    figures = {
        "climbs": _share(rows.climbs),
        "cost": _mean(rows.cost),
        "carbon": _mean(rows.carbon),
        "energy": _mean(rows.energy),
        "p50_ms": _quantile(rows.latency, 0.5),
        "p95_ms": _quantile(rows.latency, 0.95),
        "correct": _share(rows.correct),
        "up": _share([1.0] * rows.up + [0.0] * rows.down),
    }
    return Side(since=rows.since, until=rows.until, requests=len(rows.climbs), figures=figures)


def _changes(before: Side, after: Side, rows_before: _Rows, rows_after: _Rows) -> dict[str, Change]:
    """Of what is known of both sides."""
    values: dict[str, Callable[[_Rows], Sequence[float | None]]] = {
        "climbs": lambda rows: rows.climbs,
        "cost": lambda rows: rows.cost,
        "carbon": lambda rows: rows.carbon,
        "energy": lambda rows: rows.energy,
        "correct": lambda rows: rows.correct,
        "up": lambda rows: [1.0] * rows.up + [0.0] * rows.down,
    }
    found = {}
    for name, then in before.figures.items():
        now = after.figures[name]
        if then.value is None or now.value is None:
            continue
        ends = [math.nan if end is None else end for end in (now.low, now.high, then.low, then.high)]
        value, low, high = apart(now.value, (ends[0], ends[1]), then.value, (ends[2], ends[3]))
        variance = math.nan
        if name in values:
            known = [[v for v in values[name](rows) if v is not None] for rows in (rows_before, rows_after)]
            variance = float(sum(np.var(some) for some in known))
        change = Change(value=value, low=_known(low), high=_known(high))
        needed = None if change.told or change.low is None else needed_a_side(value, variance)
        found[name] = Change(value=value, low=change.low, high=change.high, needed=needed)
    return found


def _shadow_figures(version: str, found: Sequence[Shadowed]) -> ShadowFigures:
    if not found:
        return ShadowFigures(version=version, requests=0, outcomes={}, guards={})
    kept = [float(one.outcome == "kept") for one in found]
    home = [float(one.home) for one in found]
    low, high = paired_shares(kept, home)
    agree = [one for one in found if one.agrees is not None]
    return ShadowFigures(
        version=version,
        requests=len(found),
        since=min(one.created for one in found),
        until=max(one.created for one in found),
        outcomes=dict(Counter(one.outcome for one in found)),
        guards=dict(Counter(one.guard for one in found if one.guard)),
        home=_share(kept),
        home_now=_share(home),
        more_home=Change(value=float(np.mean(kept) - np.mean(home)), low=low, high=high),
        agrees=_share([float(bool(one.agrees)) for one in agree if one.outcome == "kept"]),
        agrees_all=_share([float(bool(one.agrees)) for one in agree]),
        latency_ms=_quantile([one.latency_ms for one in found if one.outcome in ("kept", "climbed", "stopped")], 0.5),
        served_ms=_quantile([one.served_ms for one in found if one.served_ms is not None], 0.5),
        energy_wh=_mean([one.energy.value for one in found if one.outcome != "barred"]),
    )


def _share(values: Sequence[float]) -> Figure:
    if not values:
        return Figure()
    low, high = wilson(sum(values), len(values))
    return Figure(value=sum(values) / len(values), low=low, high=high, n=len(values))


def _mean(values: Sequence[float | None]) -> Figure:
    """Of those that are known. Where all are the same, that is what the mean is, as far as these tell."""
    known = [value for value in values if value is not None]
    missing = len(values) - len(known)
    if not known:
        return Figure(missing=missing)
    if min(known) == max(known):
        return Figure(value=known[0], low=known[0], high=known[0], n=len(known), missing=missing)
    rows = np.column_stack((known, np.ones(len(known))))
    value, low, high = bca(rows, lambda sums: sums[..., 0] / sums[..., 1])
    return Figure(value=value, low=_known(low), high=_known(high), n=len(known), missing=missing)


def _quantile(values: Sequence[float], share: float) -> Figure:
    value, low, high = of_quantile(values, share)
    return Figure(value=_known(value), low=_known(low), high=_known(high), n=len(values))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
