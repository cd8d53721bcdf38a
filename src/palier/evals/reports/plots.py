"""The report's pictures: SVG within the page, coloured by its style sheet, each beside a table of the same figures.

What was simulated is a hollow triangle and what others published a hollow square, and each says so in its name: no
axis ever holds a simulated point that could be taken for a measured or a published one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from palier.evals.reports.wording import digits, inert

WIDTH, HEIGHT = 640, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 16, 52
_LETTER = 7.4
"""Pixels of a letter of a label, about."""
COLOURS = 8
"""Of the style sheet: c0 to c7."""
LOGARITHMIC = 20.0
"""From this ratio of the largest to the smallest on, an axis is logarithmic."""


class Point(NamedTuple):
    """One candidate. `name` says what it is; `shape` too: `dot` measured, `triangle` simulated, `square` published."""

    name: str
    x: float
    y: float
    shape: str = "dot"
    colour: int = 0
    x_low: float | None = None
    x_high: float | None = None
    y_low: float | None = None
    y_high: float | None = None


class Axis(NamedTuple):
    """From values to pixels."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value; beyond the ends, the end."""
        if self.logarithmic:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values, about five."""
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for steps in ((1, 2, 5), (1, 3), (1,)):
                found = [s * 10.0**p for p in powers for s in steps if self.low <= s * 10.0**p <= self.high]
                if len(found) <= 6:
                    return found
            return found[:: math.ceil(len(found) / 6)]
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def axis(values: Sequence[float], start: float, end: float, *, scale: bool, floor: float | None = None) -> Axis:
    """An axis that holds `values`. `scale`: logarithmic where they span much; `floor`: the least it may show."""
    low, high = min(values), max(values)
    if scale and low > 0 and high / low >= LOGARITHMIC:
        return Axis(low / 1.5, high * 1.5, start, end, logarithmic=True)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    bottom = 0.0 if scale and low >= 0 else low - room
    if floor is not None:
        bottom = max(bottom, floor)
    return Axis(bottom, high + room, start, end)


def scatter(points: Sequence[Point], *, title: str, across: str, up: str, front: Sequence[str] = ()) -> str:
    """Quality against something that is to be small; `front` names the points of the Pareto front, cheapest first.

    Intervals are drawn as bars. Empty without points.
    """
    if not points:
        return ""
    xs = [v for p in points for v in (p.x, p.x_low, p.x_high) if v is not None and (v > 0 or p.x <= 0)]
    ys = [v for p in points for v in (p.y, p.y_low, p.y_high) if v is not None]
    x = axis(xs, _LEFT, WIDTH - _RIGHT, scale=True)
    y = axis(ys, HEIGHT - _BOTTOM, _TOP, scale=False, floor=0.0 if min(ys) >= 0 else None)
    by_name = {p.name: p for p in points}
    line = [by_name[name] for name in front if name in by_name]
    parts = [*_frame(x, y, title, across, up)]
    if len(line) > 1:
        path = " ".join(f"{x.at(p.x):.1f},{y.at(p.y):.1f}" for p in line)
        parts.append(f'<polyline class="front" points="{path}"/>')
    for point in points:
        parts += _bars(point, x, y)
    parts += [_mark(point, x.at(point.x), y.at(point.y)) for point in points]
    parts += _labels(points, x, y)
    return _svg(parts, WIDTH, HEIGHT)


def reliability(name: str, bins: Sequence[tuple[float, float, float, float, int]], colour: int) -> str:
    """Said against seen, of (predicted, observed, low, high, count); on the diagonal a confidence is true."""
    size, left, top = 240, 48, 12
    x, y = Axis(0, 1, left, left + size), Axis(0, 1, top + size, top)
    parts = [
        f"<title>{_text(f'Confidence of {name} against how often it was right')}</title>",
        f'<rect class="axis" x="{left}" y="{top}" width="{size}" height="{size}"/>',
        f'<line class="ideal" x1="{x.at(0)}" y1="{y.at(0)}" x2="{x.at(1)}" y2="{y.at(1)}"/>',
    ]
    for value in (0.0, 0.5, 1.0):
        parts.append(f'<text x="{x.at(value)}" y="{top + size + 16}" text-anchor="middle">{value:.1f}</text>')
        parts.append(f'<text x="{left - 6}" y="{y.at(value) + 4}" text-anchor="end">{value:.1f}</text>')
    parts.append(f'<text x="{left + size / 2}" y="{top + size + 34}" text-anchor="middle">confidence said</text>')
    middle = top + size / 2
    parts.append(f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">right</text>')
    path = " ".join(f"{x.at(said):.1f},{y.at(was):.1f}" for said, was, *_ in bins)
    parts.append(f'<polyline class="line s{colour}" points="{path}"/>')
    for said, was, low, high, count in bins:
        at = x.at(said)
        parts.append(
            f'<line class="bar s{colour}" x1="{at:.1f}" x2="{at:.1f}" y1="{y.at(low):.1f}" y2="{y.at(high):.1f}"/>'
        )
        hover = f"<title>said {said:.2f}, right {was:.2f} of {count}</title>"
        parts.append(f'<circle class="f{colour}" cx="{at:.1f}" cy="{y.at(was):.1f}" r="4">{hover}</circle>')
    return _svg(parts, left + size + 12, top + size + 44)


# --- parts -----------------------------------------------------------------------------------------------------------


def _svg(parts: Sequence[str], width: int, height: int) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" class="plot">{"".join(parts)}</svg>'


def _text(words: str) -> str:
    return escape(inert(words))


def _frame(x: Axis, y: Axis, title: str, across: str, up: str) -> list[str]:
    bottom, middle = HEIGHT - _BOTTOM, (_TOP + HEIGHT - _BOTTOM) / 2
    scale = " (logarithmic)" if x.logarithmic else ""
    parts = [f"<title>{_text(title)}</title>"]
    for value in x.ticks():
        at = x.at(value)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{_tick(value)}</text>')
    for value in y.ticks():
        at = y.at(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{_tick(value)}</text>')
    centre = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{WIDTH - _RIGHT}"/>')
    parts.append(f'<text x="{centre}" y="{HEIGHT - 8}" text-anchor="middle">{_text(across)}{scale}</text>')
    turn = f"rotate(-90 14 {middle})"
    parts.append(f'<text x="14" y="{middle}" text-anchor="middle" transform="{turn}">{_text(up)}</text>')
    return parts


def _tick(value: float) -> str:
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if abs(value) >= size:
            return f"{digits(value / size)}{letter}"
    return digits(value)


def _bars(point: Point, x: Axis, y: Axis) -> list[str]:
    at_x, at_y = x.at(point.x), y.at(point.y)
    found = []
    if point.y_low is not None and point.y_high is not None:
        ends = f'y1="{y.at(point.y_low):.1f}" y2="{y.at(point.y_high):.1f}"'
        found.append(f'<line class="bar s{point.colour}" x1="{at_x:.1f}" x2="{at_x:.1f}" {ends}/>')
    if point.x_low is not None and point.x_high is not None and point.x_low < point.x_high:
        ends = f'x1="{x.at(point.x_low):.1f}" x2="{x.at(point.x_high):.1f}"'
        found.append(f'<line class="bar s{point.colour}" y1="{at_y:.1f}" y2="{at_y:.1f}" {ends}/>')
    return found


def _mark(point: Point, x: float, y: float) -> str:
    hover = f"<title>{_text(point.name)}: {digits(point.y)} at {digits(point.x)}</title>"
    if point.shape == "triangle":
        corners = f"{x:.1f},{y - 7:.1f} {x + 6.5:.1f},{y + 5:.1f} {x - 6.5:.1f},{y + 5:.1f}"
        return f'<polygon class="hollow s{point.colour}" points="{corners}">{hover}</polygon>'
    if point.shape == "square":
        box = f'x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10"'
        return f'<rect class="hollow s{point.colour}" {box}>{hover}</rect>'
    return f'<circle class="f{point.colour}" cx="{x:.1f}" cy="{y:.1f}" r="5.5">{hover}</circle>'


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def over(self, other: _Box) -> float:
        """The area both cover."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(across, 0.0) * max(down, 0.0)


def _labels(points: Sequence[Point], x: Axis, y: Axis) -> list[str]:
    """The name of each beside it, on the side where it covers least of what is there already."""
    taken = [_Box(x.at(p.x) - 7, y.at(p.y) - 7, x.at(p.x) + 7, y.at(p.y) + 7) for p in points]
    taken += [
        _Box(x.at(p.x) - 1, y.at(p.y_high), x.at(p.x) + 1, y.at(p.y_low))
        for p in points
        if p.y_low is not None and p.y_high is not None
    ]
    parts = []
    for point in sorted(points, key=lambda p: x.at(p.x)):
        at_x, at_y = x.at(point.x), y.at(point.y)
        wide = len(point.name) * _LETTER
        best, least, chosen = (at_x + 10, at_y + 4, "start"), math.inf, _Box(0, 0, 0, 0)
        for dx, dy in ((10, 4), (-10, 4), (10, -10), (-10, -10), (10, 18), (-10, 18), (10, -26), (10, 34), (-10, 34)):
            left = at_x + dx if dx > 0 else at_x + dx - wide
            box = _Box(left, at_y + dy - 11, left + wide, at_y + dy + 3)
            out = max(0.0, _LEFT - box.left) + max(0.0, box.right - WIDTH + 6) + max(0.0, _TOP - box.top)
            out += max(0.0, box.bottom - (HEIGHT - _BOTTOM))
            cost = sum(box.over(other) for other in taken) + 40 * out
            if cost < least:
                best, least, chosen = (at_x + dx, at_y + dy, "start" if dx > 0 else "end"), cost, box
        taken.append(chosen)
        place = f'x="{best[0]:.1f}" y="{best[1]:.1f}" text-anchor="{best[2]}"'
        parts.append(f'<text class="name t{point.colour}" {place}>{_text(point.name)}</text>')
    return parts
