"""What routes, tiers, keys and teams took, and what always climbing would have: `palier report`.

Sums are of what is known; what is not is counted beside them. What is saved is an estimate: those answered below the
last tier, times what the last tier took on average of those it worked on in the same span, less what the tiers below
took. Its interval is that of this mean (normal, 95 %), and no more: who climbs asks harder questions, which cost more,
and some of what stays at home may not leave at all. Drafts below of which nothing is known widen it: each took between
nothing and what the last tier takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from palier.metrics.intervals import wilson
from palier.spending import BudgetStanding, By, Landed, Line, Passing, Report, Saved, Share, Spread, Sum, WentBy
from palier.types import Quantity

NOBODY = "(nobody)"
"""In the place of a tier: none answered."""
OWNER = "(owner)"
"""In the place of a key: the owner's own."""
TEAMLESS = "(none)"
FEW = 10
"""Answers of the last tier below which nothing is said of what it takes."""
_Z = 1.959963984540054


def report(
    went: WentBy,
    by: By,
    routes: Mapping[str, Sequence[str]],
    teams: Mapping[str, Sequence[str]],
    budgets: Sequence[BudgetStanding] = (),
) -> Report:
    """`routes`: their tiers, lowest first; `teams`: those of each key, which counts in every one of them."""
    last = {route: tiers[-1] for route, tiers in routes.items() if tiers}
    names: dict[By, Callable[[Passing], Sequence[str]]] = {
        "route": lambda row: [row.route],
        "tier": lambda row: [f"{row.route}/{row.tier or NOBODY}"],
        "key": lambda row: [row.key or OWNER],
        "team": lambda row: teams.get(row.key) or [TEAMLESS],
    }
    groups: dict[str, list[Passing]] = {}
    for row in went.passing:
        for name in names[by](row):
            groups.setdefault(name, []).append(row)
    lines = sorted(
        (_line(name, rows, last) for name, rows in groups.items()), key=lambda one: (-one.requests, one.name)
    )
    saved = (_saved(went, route, tier) for route, tier in last.items() if len(routes[route]) > 1)
    return Report(
        since=went.since,
        until=went.until,
        by=by,
        total=_line("all", went.passing, last),
        lines=tuple(lines),
        saved=tuple(one for one in saved if one.kept),
        budgets=tuple(budgets),
    )


def _line(name: str, rows: Sequence[Passing], last: Mapping[str, str]) -> Line:
    requests = sum(row.requests for row in rows)
    answered = [row for row in rows if row.status == "answered"]
    n = sum(row.requests for row in answered)
    at_the_top = sum(row.requests for row in answered if row.tier == last.get(row.route))
    abstained = sum(row.requests for row in rows if row.status == "abstained")
    return Line(
        name=name,
        requests=requests,
        answered=n,
        abstained=abstained,
        failed=requests - n - abstained,
        climbed=_share(at_the_top, n) if n else None,
        latency_ms=sum(row.latency_ms for row in rows) / requests if requests else 0.0,
        prompt=sum(row.prompt for row in rows),
        completion=sum(row.completion for row in rows),
        uncounted=sum(row.uncounted for row in rows),
        cost=_added(row.cost for row in rows),
        energy=_added(row.energy for row in rows),
        carbon=_added(row.carbon for row in rows),
    )


def _share(count: int, n: int) -> Share:
    low, high = wilson(count, n)
    return Share(value=count / n, low=low, high=high, n=n)


def _added(sums: Iterable[Sum]) -> Sum:
    rows = list(sums)
    return Sum(
        value=math.fsum(row.value for row in rows),
        low=math.fsum(row.low for row in rows),
        high=math.fsum(row.high for row in rows),
        unknown=sum(row.unknown for row in rows),
    )


def _saved(went: WentBy, route: str, last: str) -> Saved:
    own = [row for row in went.passing if row.route == route]
    kept = sum(row.requests for row in own if row.status == "answered" and row.tier != last)
    steps = [row for row in went.landed if row.route == route]

    def of(spread: Callable[[Landed], Spread]) -> Quantity:
        return _less(kept, last, [(row.tier, row.steps, spread(row)) for row in steps])

    return Saved(
        route=route,
        last=last,
        kept=kept,
        cost=of(lambda row: row.cost),
        energy=of(lambda row: row.energy),
        carbon=of(lambda row: row.carbon),
    )


def _less(kept: int, last: str, steps: Sequence[tuple[str, int, Spread]]) -> Quantity:
    """What `kept` requests would have taken of the last tier, less what the tiers below took."""
    top = [(count, spread) for tier, count, spread in steps if tier == last]
    below = [(count, spread) for tier, count, spread in steps if tier != last]
    known = sum(count - spread.unknown for count, spread in top)
    if known < FEW:
        return Quantity(
            method=f"{last} worked on {known} requests of which this is known, and at least {FEW} are needed"
        )
    mean = math.fsum(spread.value for _, spread in top) / known
    variance = max(math.fsum(spread.squares for _, spread in top) / known - mean**2, 0.0) * known / (known - 1)
    margin = kept * _Z * math.sqrt(variance / known)
    taken = math.fsum(spread.value for _, spread in below)
    lost = sum(spread.unknown for _, spread in below)
    told = sum(count - spread.unknown for count, spread in below)
    saved = kept * mean - taken
    method = f"{kept} requests at the mean of {known} that {last} worked on, less what the tiers below took"
    if lost:
        method += (
            f"; what {lost} of their {lost + told} drafts took is not known: "
            f"it may be nothing, or as much as {last} takes"
        )
    return Quantity(
        # A draft of which nothing is known is taken for one like the others, if there are others.
        value=saved - lost * min(taken / told, mean) if told else saved if not lost else None,
        low=saved - margin - lost * mean,
        high=saved + margin,
        basis="estimated" if told or not lost else "unknown",
        method=method,
    )
