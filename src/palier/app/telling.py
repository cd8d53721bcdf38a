"""What an open palier tells of itself: what is promised and how true it is, what went by and how good it was."""

from __future__ import annotations

import asyncio
import itertools
from array import array
from collections.abc import Sequence

import msgspec

from palier.accounting import report
from palier.app.remembering import Remembering
from palier.audits import AuditCount
from palier.config import label_source
from palier.errors import NotFound
from palier.metrics.intervals import wilson
from palier.metrics.reliability import Bin, brier, reliability_bins
from palier.pipeline import Parts
from palier.pipeline.landing import Landing
from palier.policies import Policies
from palier.routing.confidence import FittedConfidence
from palier.routing.monitor import Monitor
from palier.routing.policy import Guarantee
from palier.spending import Line, Saved, Share, WentBy
from palier.stores.audits import SqliteAudits
from palier.types import Data, Features
from palier.watching import Watch

PAGE = 500
"""Judged requests read at once: some ten milliseconds, and others have their turn in between."""
SAMPLE = 10_000
"""Judged requests that curves are of, at most: half a second, and a point is within two in a hundred or so."""
FEWEST = 5
"""Judged drafts from which a curve has points."""
_BINS = 8


class Curve(Data, frozen=True, kw_only=True):
    """What one tier's confidence was worth: of drafts that were so sure, how many were right."""

    tier: str
    threshold: float
    labels: int
    bins: tuple[Bin, ...]
    brier: float | None
    """Mean squared error; None where there are too few labels."""
    sampled: int = 0
    """Of how many judged requests it is, the first in the draw, where there are more; 0: of all."""


class Promise(Data, frozen=True, kw_only=True):
    """How a route stands: what its policy promises, what watching it found, and its tiers' curves.

    Without a `guarantee` nothing is promised, and `words` say why; `broken`: it was, and is not true.
    """

    route: str
    words: str
    broken: bool
    guarantee: Guarantee | None
    monitor: Monitor | None
    watch: str
    """What watching found, in words."""
    source: str
    """Who judges."""
    judged: AuditCount
    curves: tuple[Curve, ...]


class Bucket(Data, frozen=True, kw_only=True):
    """What went by from `since` to before `until`. `tiers`: answers by `ROUTE/TIER`; `right`: of those judged."""

    since: float
    until: float
    total: Line
    tiers: dict[str, int]
    right: Share | None


class Overview(Data, frozen=True, kw_only=True):
    """A span, and the buckets that it is made of."""

    total: Line
    routes: tuple[Line, ...]
    saved: tuple[Saved, ...]
    right: Share | None
    buckets: tuple[Bucket, ...]


class Telling(Remembering):
    """The part of `Palier` that tells how it stands."""

    policies: Policies
    watch: Watch
    _drawn: SqliteAudits
    routes: dict[str, list[str]]
    """Names of the tiers of each route, lowest first."""
    _parts: dict[str, Parts]

    async def promise(self, route: str) -> Promise:
        """How `route` stands. Raises `NotFound`."""
        if route not in self._parts:
            raise NotFound(f"there is no route `{route[:80]}`", hint=f"routes: {', '.join(self._parts)}", param="route")
        standing = self.policies.of(route)
        guarantee = standing.policy.guarantee if standing.policy else None
        source = guarantee.label_source if guarantee else label_source(self.settings.routes[route])
        return Promise(
            route=route,
            words=str(standing),
            broken=bool(standing.broken),
            guarantee=guarantee,
            monitor=self.watch.monitors.get(route),
            watch=self.watch.words.get(route, ""),
            source=source,
            judged=await self.audits.count(route=route, sources=(source,)),
            curves=await self._curves(route, source),
        )

    async def overview(self, edges: Sequence[float], route: str = "") -> Overview:
        """What went by between the first and the last of `edges` (seconds, whole hours), and between each two.

        Of `route`, where it is given. Raises `NotFound`.
        """
        if route and route not in self.routes:
            raise NotFound(f"there is no route `{route[:80]}`", hint=f"routes: {', '.join(self.routes)}", param="route")
        names = [route] if route else list(self.routes)
        right: list[tuple[float, float]] = []
        for name in names:
            source = label_source(self.settings.routes[name])
            right += await self._drawn.served_right(route=name, source=source, since=edges[0], until=edges[-1])
        routes = {name: self.routes[name] for name in names}
        buckets, parts = [], []
        for went, (since, until) in zip(await self.hours.went_by_each(edges), itertools.pairwise(edges), strict=True):
            kept = tuple(row for row in went.passing if not route or row.route == route)
            parts.append(msgspec.structs.replace(went, passing=kept))
            tiers: dict[str, int] = {}
            for row in kept:
                if row.status == "answered":
                    tiers[f"{row.route}/{row.tier}"] = tiers.get(f"{row.route}/{row.tier}", 0) + row.requests
            total = report(parts[-1], "route", routes, {}).total
            share = _share([worth for at, worth in right if since <= at < until])
            buckets.append(Bucket(since=since, until=until, total=total, tiers=tiers, right=share))
        went = WentBy(
            since=edges[0],
            until=edges[-1],
            passing=tuple(row for part in parts for row in part.passing),
            landed=tuple(row for part in parts for row in part.landed),
        )
        whole = report(went, "route", routes, {})
        return Overview(
            total=whole.total,
            routes=whole.lines,
            saved=whole.saved,
            right=_share([worth for _, worth in right]),
            buckets=tuple(buckets),
        )

    async def _curves(self, route: str, source: str) -> tuple[Curve, ...]:
        """Of what each tier but the top drafted and `source` judged; of very many, of a sample."""
        landings = self._parts[route].landings[:-1]
        sure, right = [array("d") for _ in landings], [array("d") for _ in landings]
        names, place, read = [landing.name for landing in landings], (-1.0, ""), 0
        while read < SAMPLE and (
            page := await self._drawn.judged_sample(
                route=route, tiers=names, source=source, after=place, limit=min(PAGE, SAMPLE - read)
            )
        ):
            for judged in page:
                for landing, probabilities, worths in zip(landings, sure, right, strict=True):
                    features, worth = judged.drafts.get(landing.name, (None, 0.0))
                    probability = None if features is None else _probability(landing, features)
                    if probability is not None:
                        probabilities.append(probability)
                        worths.append(worth)
            read, place = read + len(page), page[-1].place
            await asyncio.sleep(0)
        more = read >= SAMPLE and await self._drawn.judged_sample(
            route=route, tiers=names, source=source, after=place, limit=1
        )
        found = zip(landings, sure, right, strict=True)
        return tuple([await _curve(landing, p, y, read if more else 0) for landing, p, y in found])


async def _curve(landing: Landing, sure: Sequence[float], right: Sequence[float], sampled: int) -> Curve:
    enough = len(sure) >= FEWEST
    bins = await asyncio.to_thread(reliability_bins, sure, right, bins=min(_BINS, len(sure) // 3)) if enough else ()
    return Curve(
        tier=landing.name,
        threshold=landing.threshold,
        labels=len(sure),
        bins=tuple(bins),
        brier=brier(sure, right) if enough else None,
        sampled=sampled,
    )


def _probability(landing: Landing, features: Features) -> float | None:
    """How sure the tier is by what decides today; None where those signals are not of it."""
    if landing.rule is not None:
        return landing.rule.probability(features)
    try:
        return FittedConfidence().probability(features, generates=landing.model.card.generates)
    except (ValueError, KeyError):
        return None


def _share(worth: Sequence[float]) -> Share | None:
    if not worth:
        return None
    low, high = wilson(sum(worth), len(worth))
    return Share(value=sum(worth) / len(worth), low=low, high=high, n=len(worth))
