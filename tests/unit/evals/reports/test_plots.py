"""Pictures: where points stand, what they are marked as, and axes that hold all of them."""

from __future__ import annotations

import re

import pytest

from palier.evals.reports import plots
from palier.evals.reports.plots import Axis, Point, axis, reliability, scatter

POINTS = [
    Point("small", 0.01, 0.6, y_low=0.5, y_high=0.7),
    Point("large", 2.0, 0.9, x_low=1.0, x_high=4.0, colour=1),
    Point("made up (simulated)", 9.0, 0.95, "triangle", 2),
    Point("a page (published)", 3.0, 0.86, "square", 3),
]


def test_marks_tell_what_a_point_is() -> None:
    drawn = scatter(POINTS, title="t", across="x", up="y", front=["small", "large"])
    assert (drawn.count("<circle"), drawn.count("<polygon"), drawn.count("<polyline")) == (2, 1, 1)
    assert len(re.findall("<rect", drawn)) == 1
    assert "made up (simulated)</text>" in drawn
    assert "x (logarithmic)" in drawn


def test_all_of_it_is_within_the_picture() -> None:
    drawn = scatter(POINTS, title="t", across="x", up="y")
    for name, most in (
        ("x", plots.WIDTH),
        ("cx", plots.WIDTH),
        ("cy", plots.HEIGHT),
        ("y1", plots.HEIGHT),
        ("y2", plots.HEIGHT),
    ):
        for value in re.findall(rf' {name}="([^"]+)"', drawn):
            assert 0 <= float(value) <= most, (name, value)


def test_labels_stand_apart() -> None:
    close = [Point(f"candidate {i}", 1.0 + i / 50, 0.8 + i / 500) for i in range(5)]
    drawn = scatter(close, title="t", across="x", up="y")
    places = [(float(x), float(y)) for x, y in re.findall(r'<text class="name[^>]*x="([^"]+)" y="([^"]+)"', drawn)]
    assert len(set(places)) == 5


@pytest.mark.parametrize(
    "values", [[1.0], [0.0, 0.0], [0.0, 5.0], [1e-9, 1e9], [-3.0, 2.0], [0.5, 0.5000001], [1e12, 2e12]]
)
@pytest.mark.parametrize("scale", [True, False])
def test_axes_hold_their_values_and_have_ticks(values: list[float], scale: bool) -> None:
    made = axis(values, 0, 100, scale=scale)
    assert made.low < made.high
    assert all(made.low <= v <= made.high for v in values)
    ticks = made.ticks()
    assert 1 <= len(ticks) <= 8
    slack = 1e-9 * (made.high - made.low)
    assert all(made.low - slack <= t <= made.high + slack for t in ticks)
    pixels = [made.at(v) for v in sorted(values)]
    assert pixels == sorted(pixels)


def test_an_axis_goes_by_the_logarithm_where_it_spans_much() -> None:
    assert axis([0.01, 9.0], 0, 100, scale=True).logarithmic
    assert not axis([1.0, 9.0], 0, 100, scale=True).logarithmic
    assert not axis([0.0, 9.0], 0, 100, scale=True).logarithmic
    assert Axis(1, 100, 0, 100, logarithmic=True).at(10) == pytest.approx(50)


def test_names_are_escaped() -> None:
    drawn = scatter([Point("<script>\u202e", 1, 1)], title="<b>", across="&", up='"')
    assert "<script" not in drawn
    assert "<b>" not in drawn
    assert "\u202e" not in drawn


def test_nothing_is_drawn_of_nothing() -> None:
    assert scatter([], title="t", across="x", up="y") == ""


def test_reliability_has_a_point_a_bin() -> None:
    drawn = reliability("x", [(0.2, 0.1, 0.0, 0.3, 10), (0.9, 0.95, 0.8, 1.0, 20)], 0)
    assert drawn.count("<circle") == 2
    assert "right 0.95 of 20" in drawn
