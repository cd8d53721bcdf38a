"""Guarantee: what each route promises, the bound behind it, what watching found, and what confidences were worth."""

from __future__ import annotations

from typing import Any

from palier.app.telling import Curve
from palier.errors import NotFound
from palier.server.console.visits import Visit
from palier.server.console.words import Words
from palier.server.replies import Reply


async def show(visit: Visit) -> Reply:
    """`GET /console/guarantee?route=R`."""
    if not visit.routes:
        raise NotFound("no route is open to this key")
    route = visit.query.get("route", visit.routes[0])
    if route not in visit.routes:
        raise NotFound(f"there is no route `{route[:80]}`", hint=f"routes: {', '.join(visit.routes)}", param="route")
    promise = await visit.palier.promise(route)
    plots = {curve.tier: _plot(curve, visit.words) for curve in promise.curves if curve.bins}
    return visit.page("guarantee.html", promise=promise, plots=plots)


def _plot(curve: Curve, t: Words) -> dict[str, Any]:
    """What assets/plots.js draws: how sure, how often right, with the interval of that, and what would be true."""
    return {
        "x": [one.predicted for one in curve.bins],
        "scale": "share",
        "label": t("guarantee.sure"),
        "unit": "percent",
        "threshold": curve.threshold if 0 < curve.threshold <= 1 else None,
        "series": [
            {"label": t("guarantee.true"), "values": [one.predicted for one in curve.bins], "kind": "reference"},
            {
                "label": t("guarantee.right"),
                "values": [one.observed for one in curve.bins],
                "low": [one.observed_low for one in curve.bins],
                "high": [one.observed_high for one in curve.bins],
                "kind": "points",
            },
        ],
    }
