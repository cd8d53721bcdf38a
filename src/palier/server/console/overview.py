"""Overview: what went by in a span, which tiers answered, how good it was, and what it took."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from palier.app.telling import Bucket, Overview
from palier.errors import InvalidRequest, NotFound
from palier.server.console.visits import Visit
from palier.server.console.words import Words
from palier.server.replies import Reply
from palier.spending import Sum

HOUR_S = 3_600
SPANS = {"24h": (HOUR_S, 24), "7d": (6 * HOUR_S, 28), "30d": (24 * HOUR_S, 30)}
"""Seconds of a bucket, and how many, by the word for the span."""


async def show(visit: Visit) -> Reply:
    """`GET /console/overview?span=7d&route=R`."""
    span, route = visit.query.get("span", "24h"), visit.query.get("route", "")
    if span not in SPANS:
        raise InvalidRequest(f"`span` is one of {', '.join(SPANS)}", param="span")
    if route and route not in visit.routes:
        raise NotFound(f"there is no route `{route[:80]}`", param="route")
    found = await visit.palier.overview(edges(span, time.time()), route)
    budgets = [one for one in await visit.palier.budgets_now() if one.route in ([route] if route else visit.routes)]
    return visit.page(
        "overview.html",
        found=found,
        budgets=budgets,
        asked={"span": span, "route": route},
        spans=list(SPANS),
        plots=plots(found, visit.words),
        tiers=_tiers(found),
        hourly=SPANS[span][0] < 24 * HOUR_S,
    )


def edges(span: str, now: float) -> list[float]:
    """Where the buckets of a span begin, and where the last ends: with the hour, or the day, that it is."""
    step, count = SPANS[span]
    end = (int(now) // step + 1) * step
    return [float(end - step * n) for n in range(count, -1, -1)]


def plots(found: Overview, t: Words) -> dict[str, dict[str, Any]]:
    """What assets/plots.js draws, by name. What is not known is a gap, and never 0."""
    buckets = found.buckets

    def plot(unit: str, *series: dict[str, Any]) -> dict[str, Any]:
        return {
            "x": [one.since for one in buckets],
            "scale": "time",
            "label": t("overview.from"),
            "unit": unit,
            "series": list(series),
        }

    def line(label: str, value: Callable[[Bucket], float | None], kind: str = "line") -> dict[str, Any]:
        return {"label": label, "values": [value(one) for one in buckets], "kind": kind}

    right: dict[str, Any] = line(t("overview.right"), lambda one: one.right.value if one.right else None, "points")
    right["low"] = [one.right.low if one.right else None for one in buckets]
    right["high"] = [one.right.high if one.right else None for one in buckets]
    return {
        "requests": plot("number", line(t("overview.requests"), lambda one: one.total.requests, "bars")),
        "tiers": plot("percent", *(line(tier, _share_of(tier)) for tier in _tiers(found))),
        "quality": plot("percent", right),
        "cost": plot("dollars", line(t("overview.cost"), lambda one: known(one.total.cost, one), "bars")),
        "carbon": plot("grams", line(t("overview.carbon"), lambda one: known(one.total.carbon, one), "bars")),
        "latency": plot(
            "ms", line(t("overview.latency"), lambda one: one.total.latency_ms if one.total.requests else None)
        ),
    }


def known(total: Sum, bucket: Bucket) -> float | None:
    """A sum, where anything of it is known."""
    return total.value if bucket.total.requests > total.unknown else None


def _tiers(found: Overview) -> list[str]:
    return sorted({tier for one in found.buckets for tier in one.tiers})


def _share_of(tier: str) -> Callable[[Bucket], float | None]:
    def share(bucket: Bucket) -> float | None:
        return bucket.tiers.get(tier, 0) / bucket.total.answered if bucket.total.answered else None

    return share
