"""What is counted while requests go by, for `/metrics`: since the process began, in memory.

Each counter has as many rows as there are routes, tiers, outcomes and guards, whatever is asked: no label comes from a
client. What is unknown is counted as unknown, and adds nothing to a sum.
"""

from __future__ import annotations

import bisect
import time
from collections import Counter, defaultdict
from typing import Literal, NamedTuple

import msgspec

from palier.types import Data, GuardPlace, Quantity, Step, Trace

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Upper bounds of the buckets of a request's time."""
TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
SPENT = ("cost", "energy", "carbon")
"""Quantities of a trace that are added up: dollars, watt-hours, grams."""


class GuardVerdict(NamedTuple):
    """What is counted of a guard: once a request and tier, the strictest that it said."""

    route: str
    guard: str
    place: GuardPlace
    action: str
    """`pass`, `mend`, `climb` or `refuse`."""
    failed: bool
    """It raised or took too long: the action is what its `on_error` makes of that."""


Cause = Literal["promise", "files", "failures"]
"""Why a version was taken back by itself."""


class RouteNow(Data, frozen=True, kw_only=True):
    """What went by on a route since the process began."""

    route: str
    requests: int = 0
    answered: dict[str, int] = msgspec.field(default_factory=dict)
    """By tier."""
    abstained: int = 0
    failed: int = 0
    """Those that were left among them."""
    mean_ms: float | None = None
    cost: float = 0.0
    """US dollars that are known."""
    uncosted: int = 0
    """Requests of which it is not known what they cost."""


class GatewayNow(Data, frozen=True, kw_only=True):
    """A gateway at one moment: what `palier status --watch` shows."""

    at: float
    since: float
    """When the process began to count."""
    load: float
    """Requests at work, as a share of those it takes on at once."""
    routes: tuple[RouteNow, ...]
    unwell: dict[str, str]
    """Models that cannot be asked, and why."""
    unrecorded: int = 0
    """Requests that could not be recorded."""
    failing: str = ""
    """Why they cannot be now."""


class Histogram:
    """How many values were at most each bound; the last count is of all of them."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def take(self, value: float) -> None:
        """Count one."""
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulated(self) -> list[int]:
        """For each bound, and without one, how many were at most that."""
        found, total = [], 0
        for count in self.counts:
            total += count
            found.append(total)
        return found


class Counts:
    """Counters of a process."""

    def __init__(self) -> None:
        self.since = time.time()
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """By route, status and the tier that answered ("" where none did)."""
        self.steps: Counter[tuple[str, str, str]] = Counter()
        """Tiers that were come to, by route, tier and outcome."""
        self.tokens: Counter[tuple[str, str, str]] = Counter()
        """By route, tier and kind (`prompt`, `cached` among them, `completion`)."""
        self.spent: dict[tuple[str, str], float] = defaultdict(float)
        """Sums of what is known, by route and one of `SPENT`."""
        self.unknown: Counter[tuple[str, str]] = Counter()
        """Requests of which it is not known."""
        self.seconds: dict[str, Histogram] = defaultdict(lambda: Histogram(SECONDS))
        """Of requests, by route."""
        self.first_seconds: dict[str, Histogram] = defaultdict(lambda: Histogram(SECONDS))
        """Until the first words were released, by route."""
        self.token_seconds: dict[tuple[str, str], Histogram] = defaultdict(lambda: Histogram(TOKEN_SECONDS))
        """Of a token, on average over a draft, by route and tier."""
        self.confidence: dict[str, Histogram] = defaultdict(lambda: Histogram(CONFIDENCES))
        """Of what was decided, by route."""
        self.guards: Counter[GuardVerdict] = Counter()
        self.guard_ms: dict[tuple[str, str], float] = defaultdict(float)
        """Milliseconds that guards took, by route and guard."""
        self.shadows: Counter[tuple[str, str]] = Counter()
        """Requests put to versions in shadow, by route and what became of it; `dropped`: the gateway was busy."""
        self.returned: Counter[tuple[str, str]] = Counter()
        """Versions that were taken back by themselves, by route and cause."""

    def of(self, route: str) -> RouteNow:
        """What went by on `route`."""
        rows = [(status, tier, count) for (name, status, tier), count in self.requests.items() if name == route]
        requests, seconds = sum(count for _, _, count in rows), self.seconds.get(route)
        abstained = sum(count for status, _, count in rows if status == "abstained")
        answered = {tier: count for status, tier, count in rows if status == "answered"}
        return RouteNow(
            route=route,
            requests=requests,
            answered=answered,
            abstained=abstained,
            failed=requests - abstained - sum(answered.values()),
            mean_ms=seconds.sum / requests * 1000 if seconds and requests else None,
            cost=self.spent.get((route, "cost"), 0.0),
            uncosted=self.unknown[route, "cost"],
        )

    def take(self, trace: Trace) -> None:
        """Count one request."""
        route = trace.route
        self.requests[route, trace.status, trace.tier or ""] += 1
        self.seconds[route].take(trace.latency_ms / 1000)
        if (first := trace.timings.get("first_ms")) is not None:
            self.first_seconds[route].take(first / 1000)
        if trace.confidence is not None:
            self.confidence[route].take(trace.confidence)
        quantities: tuple[Quantity, ...] = (trace.cost, trace.energy, trace.carbon)
        for what, quantity in zip(SPENT, quantities, strict=True):
            if quantity.value is None:
                self.unknown[route, what] += 1
            else:
                self.spent[route, what] += quantity.value
        for step in trace.steps:
            self._step(route, step)
        for row in trace.guards:
            self.guards[GuardVerdict(route, row.guard, row.place, row.action, row.failed)] += 1
            self.guard_ms[route, row.guard] += row.took_ms

    def _step(self, route: str, step: Step) -> None:
        self.steps[route, step.tier, step.outcome] += 1
        if step.usage is None:
            return
        for kind in ("prompt", "cached", "completion"):
            self.tokens[route, step.tier, kind] += getattr(step.usage, kind)
        if step.usage.completion and step.latency_ms:
            self.token_seconds[route, step.tier].take(step.latency_ms / 1000 / step.usage.completion)
