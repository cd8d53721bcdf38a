"""The report as pictures: two diagrams side by side in one SVG, readable in light and in dark, without a script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from palier.calibrate.report import Report, ReportTier

_SIZE, _GAP, _MARGIN = 320, 90, 56
_COLOURS = ("#0b6e99", "#b3541e", "#5a7d2a", "#7a4fa3")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML may hold, escaped or not; a tier's name may."""
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#555}.t{font-weight:600;font-size:14px}"
    ".axis{stroke:#999;fill:none}.ideal{stroke:#999;stroke-dasharray:4 4}"
    "@media(prefers-color-scheme:dark){text{fill:#bbb}.axis,.ideal{stroke:#777}}"
)


def svg(report: Report) -> str:
    """A reliability diagram of each tier below the top, and quality against cost where both are known."""
    width = 2 * _MARGIN + 2 * _SIZE + _GAP
    height = 2 * _MARGIN + _SIZE + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(_title(report))}</title><style>{_STYLE}</style>",
        *_reliability(report.tiers),
        *_curve(report, _MARGIN + _SIZE + _GAP),
        f'<text x="{_MARGIN}" y="{height - 14}">{escape(_title(report))}</text>',
        "</svg>",
    ]
    return _NOT_XML.sub("\ufffd", "\n".join(parts) + "\n")


def _title(report: Report) -> str:
    if not report.policy:
        return f"Not certifiable: risk {report.risk:g} with confidence {report.confidence:g}, {report.records} records"
    return f"{report.coverage:.0%} kept, risk at most {report.risk:g} with confidence {report.confidence:g}"


def _frame(left: float, title: str, across: str, up: str) -> list[str]:
    bottom = _MARGIN + _SIZE
    return [
        f'<text class="t" x="{left}" y="{_MARGIN - 20}">{title}</text>',
        f'<rect class="axis" x="{left}" y="{_MARGIN}" width="{_SIZE}" height="{_SIZE}"/>',
        f'<text x="{left + _SIZE / 2}" y="{bottom + 34}" text-anchor="middle">{across}</text>',
        f'<text x="{left - 40}" y="{_MARGIN + _SIZE / 2}" text-anchor="middle"'
        f' transform="rotate(-90 {left - 40} {_MARGIN + _SIZE / 2})">{up}</text>',
    ]


def _ticks(left: float, low: float, high: float, *, axis: str, form: str) -> list[str]:
    found = []
    for share in (0.0, 0.5, 1.0):
        words = format(low + share * (high - low), form)
        if axis == "x":
            found.append(
                f'<text x="{left + share * _SIZE:.1f}" y="{_MARGIN + _SIZE + 16}" text-anchor="middle">{words}</text>'
            )
        else:
            y = _MARGIN + (1 - share) * _SIZE + 4
            found.append(f'<text x="{left - 6}" y="{y:.1f}" text-anchor="end">{words}</text>')
    return found


def _reliability(tiers: Sequence[ReportTier]) -> list[str]:
    left, bottom = _MARGIN, _MARGIN + _SIZE
    parts = _frame(left, "Is the confidence true?", "confidence", "right")
    parts += _ticks(left, 0, 1, axis="x", form=".1f") + _ticks(left, 0, 1, axis="y", form=".1f")
    parts.append(f'<line class="ideal" x1="{left}" y1="{bottom}" x2="{left + _SIZE}" y2="{_MARGIN}"/>')
    for number, tier in enumerate(tiers):
        colour = _COLOURS[number % len(_COLOURS)]
        for bar in tier.bins:
            x = left + bar.predicted * _SIZE
            low, high = bottom - bar.observed_low * _SIZE, bottom - bar.observed_high * _SIZE
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{colour}"/>')
            y = bottom - bar.observed * _SIZE
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
        parts.append(
            f'<text x="{left + 10}" y="{_MARGIN + 18 + 16 * number}" style="fill:{colour}">{escape(tier.name)}</text>'
        )
    return parts


def _curve(report: Report, left: float) -> list[str]:
    points = report.curve
    if len(points) < 2 or points[0].cost >= points[-1].cost:
        return []
    low, high = points[0].cost, points[-1].cost
    least, most = min(p.quality for p in points), max(p.quality for p in points)
    span = max(most - least, 1e-9)

    def place(cost: float, quality: float) -> str:
        return (
            f"{left + (cost - low) / (high - low) * _SIZE:.1f},{_MARGIN + _SIZE - (quality - least) / span * _SIZE:.1f}"
        )

    parts = _frame(left, "What does quality cost?", "cost of a question, US dollars", "right")
    parts += _ticks(left, low, high, axis="x", form=".3g") + _ticks(left, least, least + span, axis="y", form=".3f")
    path = " ".join(place(p.cost, p.quality) for p in points)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{_COLOURS[0]}" stroke-width="2"/>')
    if report.policy and report.cost is not None:
        nearest = min(points, key=lambda p: abs(p.cost - (report.cost or 0.0)))
        x, y = place(nearest.cost, nearest.quality).split(",")
        parts.append(f'<circle cx="{x}" cy="{y}" r="5" fill="{_COLOURS[1]}"/>')
        parts.append(f'<text x="{float(x) + 8:.1f}" y="{float(y) + 16:.1f}">this policy</text>')
    return parts
