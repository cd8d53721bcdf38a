"""Which pictures a report has: quality against what it takes, and whether confidence is true. Each with its table."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from palier.evals.figures import Candidate, Report
from palier.evals.reports import plots, wording
from palier.evals.reports.page_tables import Row, table
from palier.evals.reports.plots import COLOURS, Point


class _Wanted(NamedTuple):
    axis: str
    title: str
    across: str


_WANTED = (
    _Wanted("cost", "Quality against cost", "US dollars for 1,000 requests"),
    _Wanted("carbon", "Quality against carbon", "g CO2e for 1,000 requests"),
    _Wanted("latency", "Quality against latency", "ms within which 95 % of answers came"),
    _Wanted("parameters", "Quality against size", "parameters of the largest model"),
)


def pictures(report: Report) -> list[str]:
    """HTML of all of them; a word for each that would have fewer than two points."""
    found = ['<div class="pair">']
    lacking = []
    for wanted in _WANTED:
        known = points(report, wanted.axis)
        if len(known) > 1:
            found += _figure(report, wanted, known)
        else:
            lacking.append(wanted.title.lower())
    found.append("</div>")
    if lacking:
        why = "it is known of fewer than two candidates"
        found.append(f'<p class="faint">No picture of {wording.listed(lacking)}: {why}.</p>')
    return [*found, *_reliability(report)]


def points(report: Report, axis: str) -> list[Point]:
    """The candidates of which both quality and `axis` are known: `cost`, `carbon`, `latency` or `parameters`.

    Dollars and grams are of 1,000 requests, latency the p95 in milliseconds.
    """
    return [p for i, c in enumerate(report.candidates) if (p := _point(report, c, axis, i)) is not None]


def _figure(report: Report, wanted: _Wanted, points: list[Point]) -> list[str]:
    names = {c.name: wording.name(c) for c in report.candidates}
    front = [names.get(name, name) for name in report.bigger.fronts.get(wanted.axis, ())]
    up = f"{report.quality} ({report.better} is better)"
    drawn = plots.scatter(points, title=wanted.title, across=wanted.across, up=up, front=front)
    rows = [
        Row(
            escape(p.name),
            (
                _range(p.x, p.x_low, p.x_high),
                _range(p.y, p.y_low, p.y_high),
                "yes" if p.name in front else "no",
            ),
        )
        for p in sorted(points, key=lambda p: p.x)
    ]
    lacking = len(report.candidates) - len(points)
    absent = f"; {lacking} of the candidates are not in it: unknown" if lacking else ""
    shapes = {p.shape for p in points}
    marks = ["● measured", "△ simulated", "□ published"]
    key = " ".join(m for m, s in zip(marks, ("dot", "triangle", "square"), strict=True) if s in shapes)
    return [
        f"<figure><figcaption>{escape(wanted.title)}</figcaption>",
        drawn,
        f'<p class="faint">{key}; dashed: the Pareto front; bars: 95 % intervals and ranges{absent}.</p>',
        '<details class="data"><summary>The same in a table</summary>',
        *table(wanted.title, "", "candidate", [wanted.across, report.quality, "on the front"], rows),
        "</details></figure>",
    ]


def _range(value: float, low: float | None, high: float | None) -> str:
    words = wording.digits(value)
    if low is None or high is None or low == high:
        return words
    return f'{words} <span class="range">[{wording.digits(low)}, {wording.digits(high)}]</span>'


def _point(report: Report, candidate: Candidate, axis: str, place: int) -> Point | None:
    quality = wording.quality(report, candidate)
    if quality is None or quality.value is None:
        return None
    low: float | None = None
    high: float | None = None
    value: float | None
    if axis in ("cost", "carbon"):
        figure = candidate.resources.cost if axis == "cost" else candidate.resources.carbon
        value, low, high = (None if v is None else 1000 * v for v in (figure.value, figure.low, figure.high))
    elif axis == "latency":
        value = candidate.latency.total.p95 if candidate.latency and candidate.latency.total else None
    else:
        value = candidate.parameters
    if value is None:
        return None
    return Point(
        name=wording.name(candidate),
        x=value,
        y=quality.value,
        shape="triangle" if candidate.simulated else "square" if candidate.kind == "published" else "dot",
        colour=place % COLOURS,
        x_low=low,
        x_high=high,
        y_low=quality.low,
        y_high=quality.high,
    )


def _reliability(report: Report) -> list[str]:
    drawn = []
    for place, candidate in enumerate(report.candidates):
        bins = [b for b in candidate.reliability if _number(b, "predicted") and _number(b, "observed")]
        if not bins:
            continue
        keys = ("predicted", "observed", "observed_low", "observed_high", "count")
        rows = [tuple(b.get(key, 0) for key in keys) for b in bins]
        name = wording.name(candidate)
        cells = [
            Row(f"{said:.2f}", (f"{was:.2f}", f"[{low:.2f}, {high:.2f}]", f"{count:,}"))
            for said, was, low, high, count in rows
        ]
        drawn += [
            f'<figure class="small"><figcaption>{escape(name)}</figcaption>',
            plots.reliability(name, [(a, b, c, d, int(n)) for a, b, c, d, n in rows], place % COLOURS),
            '<details class="data"><summary>The same in a table</summary>',
            *table(f"Confidence of {name}", "", "said", ["right", "95 % interval", "answers"], cells),
            "</details></figure>",
        ]
    if not drawn:
        return []
    intro = "<p>On the diagonal, a confidence of 0.8 is right 8 times in 10; below it, it promises too much.</p>"
    return ["<h3>Is the confidence true?</h3>", intro, '<div class="pair">', *drawn, "</div>"]


def _number(item: dict[str, object], key: str) -> bool:
    return isinstance(item.get(key), int | float)
