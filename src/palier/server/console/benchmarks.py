"""Benchmarks: the reports that are kept, one with its figures, two compared. No text of a case is shown here."""

from __future__ import annotations

from typing import Any

from palier.errors import InvalidRequest
from palier.evals.estimates.choosing import untold
from palier.evals.figures import Candidate, Report
from palier.evals.reports import pictures, shelf, wording
from palier.evals.reports.changes import COST
from palier.evals.reports.plots import Point
from palier.server.console import told
from palier.server.console.visits import Visit
from palier.server.console.words import Words
from palier.server.replies import Reply

AXES = {"cost": "dollars", "carbon": "grams", "latency": "ms"}
"""What quality is drawn against, and its unit."""


async def show(visit: Visit) -> Reply:
    """`GET /console/benchmarks`."""
    reports = await _from(visit, shelf.listed)
    return visit.page("benchmarks.html", reports=reports, asked={"before": "", "after": "", "also": ""})


async def open_report(visit: Visit) -> Reply:
    """`GET /console/benchmarks/reports/{name}`."""
    report: Report = await _from(visit, shelf.opened, visit.places["name"])
    choice = report.bigger.choice
    open_still = untold(choice) if choice else ()
    plots = {axis: _plot(report, axis, visit.words) for axis in AXES if len(pictures.points(report, axis)) > 1}
    return visit.page(
        "report.html",
        name=visit.places["name"],
        report=report,
        headline=wording.headline(report),
        untold=open_still,
        sure=bool(choice and choice.candidate and not choice.alone and not open_still),
        unknown=wording.unknowns(report),
        rows=[_row(report, candidate) for candidate in report.candidates],
        named={candidate.name: wording.name(candidate) for candidate in report.candidates},
        verdict=wording.verdict,
        plots=plots,
    )


async def compare(visit: Visit) -> Reply:
    """`GET /console/benchmarks/compare?before=NAME&after=NAME&also=cost`: as `palier bench compare`."""
    asked = {side: visit.query.get(side, "") for side in ("before", "after")}
    if not all(asked.values()):
        return await show(visit)
    if asked["before"] == asked["after"]:
        raise InvalidRequest("a report is not compared with itself", param="after")
    also = [COST] if visit.query.get("also") == COST else []
    changes = await _from(visit, shelf.compared, asked["before"], asked["after"], *also)
    reports = await _from(visit, shelf.listed)
    asked["also"] = "".join(also)
    return visit.page("compared.html", changes=changes, reports=reports, asked=asked, verdict=wording.verdict)


async def _from(visit: Visit, function: Any, *names: str) -> Any:
    """What the shelf says, read in a worker: a report may have many megabytes."""
    palier = visit.palier
    return await palier.workers.batch.run(function, palier.settings.folder, *names)


def _row(report: Report, candidate: Candidate) -> dict[str, Any]:
    latency = candidate.latency.total if candidate.latency else None
    return {
        "name": wording.name(candidate),
        "candidate": candidate,
        "quality": wording.quality(report, candidate),
        "cost": wording.quantity(candidate.resources.cost, "$", times=1000),
        "carbon": wording.quantity(candidate.resources.carbon, "g", times=1000),
        "latency": latency,
        "fronts": [axis for axis in AXES if candidate.name in report.bigger.fronts.get(axis, ())],
    }


def _plot(report: Report, axis: str, t: Words) -> dict[str, Any]:
    """What assets/plots.js draws: a point a candidate, and a line along the Pareto front."""
    points = sorted(pictures.points(report, axis), key=lambda point: point.x)
    named = {wording.name(candidate): candidate.name for candidate in report.candidates}
    front = report.bigger.fronts.get(axis, ())

    def alone(at: int, value: float | None) -> list[float | None]:
        return [value if n == at else None for n in range(len(points))]

    def series(at: int, point: Point) -> dict[str, Any]:
        ends = {"low": alone(at, point.y_low), "high": alone(at, point.y_high)} if point.y_low is not None else {}
        return {
            "label": told.plain(point.name, t),
            "values": alone(at, point.y),
            "kind": "points",
            "colour": point.colour,
            **ends,
        }

    line = [point.y if named.get(point.name) in front else None for point in points]
    shares = all(0 <= value <= 1 for point in points for value in (point.y, point.y_low, point.y_high) if value)
    return {
        "x": [point.x for point in points],
        "scale": "value",
        "label": t(f"axes.{axis}"),
        "x_unit": AXES[axis],
        "unit": "percent" if shares else "number",
        "series": [
            {"label": t("benchmarks.front"), "values": line, "kind": "reference"},
            *(series(at, point) for at, point in enumerate(points)),
        ],
    }
