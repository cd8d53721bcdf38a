"""What a student changed: the same messages answered before and after, and their differences with 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich import box
from rich.padding import Padding
from rich.table import Table as RichTable

from palier.metrics.differences import paired_shares
from palier.metrics.intervals import bca, wilson

HOME = "tier-1"


@dataclass(frozen=True)
class Answer:
    """What the gateway answered to a message, and its `palier` object; `wanted` is what a person says of it."""

    message: str
    wanted: str
    said: str
    report: dict[str, Any]

    @property
    def climbed(self) -> bool:
        return bool(self.report["tier"] != HOME)

    @property
    def right(self) -> bool:
        return self.said.strip() == self.wanted

    @property
    def decided(self) -> tuple[str, ...]:
        """What must be the same where nothing changed: the answer, who gave it, and why, step by step."""
        steps = [(step["tier"], step["model"], step["outcome"], step["reason"]) for step in self.report["steps"]]
        return (self.message, self.said, str(self.report["tier"]), *map(" ".join, steps))

    @property
    def confidence(self) -> float:
        return float(self.report["confidence"] or 0.0)

    def figure(self, name: str) -> float | None:
        """`cost`, `carbon` or `latency`; None where it is unknown."""
        if name == "latency":
            return float(self.report["timings"]["total_ms"])
        value = self.report[name].get("value")
        return None if value is None else float(value)


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One line of the table; without figures it is unknown. `places` are the decimals of what is shown."""

    name: str
    before: Figure | None
    after: Figure | None
    difference: Figure | None
    places: int
    times: float = 1.0
    unit: str = ""
    """Of what is shown, which is `times` a figure."""

    def cell(self, side: str) -> str:
        """A figure with its interval, in words."""
        figure: Figure | None = getattr(self, side)
        if figure is None:
            return "unknown"
        sign = "+" if side == "difference" else ""
        value, low, high = (f"{one * self.times:{sign}.{self.places}f}" for one in astuple(figure))
        return f"{value} [{low}, {high}]"


@dataclass(frozen=True)
class Table:
    """What changed, on so many cases."""

    cases: int
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def row(self, name: str) -> Row:
        return next(row for row in self.rows if row.name.startswith(name))

    @property
    def fall(self) -> float:
        """The share of climbing that is gone."""
        row = self.row("climbing")
        assert row.before is not None
        assert row.after is not None
        return 1 - row.after.value / row.before.value if row.before.value else 0.0

    @property
    def worst(self) -> float:
        """The lower end of what quality changed by."""
        found = self.row("quality").difference
        assert found is not None
        return found.low

    @property
    def quality(self) -> str:
        """What quality changed by, in words."""
        found = self.row("quality").difference
        assert found is not None
        return f"{found.value * 100:+.1f} points, 95 % interval [{found.low * 100:+.1f}, {found.high * 100:+.1f}]"

    def figures(self) -> dict[str, Any]:
        """As JSON."""
        return {"cases": self.cases, **{row.name: _rounded(row) for row in self.rows}}

    def rich(self, width: int) -> Padding:
        """Drawn in so many columns: where a figure has no room for its interval beside it, that stands below."""
        lines = [(row.name + row.unit, *map(row.cell, SIDES)) for row in self.rows]
        widest = [max(map(len, column)) for column in zip(("", *SIDES), *lines, strict=True)]
        beside = sum(widest) + _GAP * len(SIDES) + INDENT <= width
        drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
        drawn.add_column("", overflow="fold")
        for side in SIDES:
            drawn.add_column(side, justify="right", overflow="fold", no_wrap=beside)
        for name, *cells in lines:
            drawn.add_row(name, *(cell if beside else cell.replace(" [", "\n[") for cell in cells))
        return Padding(drawn, (0, 0, 0, INDENT))


SIDES = ("before", "after", "difference")
INDENT = 4
_GAP = 3
"""Columns between two of the table."""


def effect(before: Sequence[Answer], after: Sequence[Answer]) -> Table:
    """What changed between two runs of the same messages, in the same order."""
    shares = (
        _shares("climbing", [one.climbed for one in before], [one.climbed for one in after]),
        _shares("quality (accuracy)", [one.right for one in before], [one.right for one in after]),
    )
    means = (
        _means("cost, $ per 1,000", "cost", before, after, 1000.0, 3),
        _means("carbon, g CO2e per 1,000", "carbon", before, after, 1000.0, 3),
        _means("latency, ms", "latency", before, after, 1.0, 0),
    )
    notes = [
        "climbing, quality: Wilson's intervals, the difference Tango's, paired; means: BCa's",
        "cost and carbon are estimates, as if the stand-in were what desk.toml names",
        "latency is that of the gateway, for the stand-in answers at once: a large model takes longer",
    ]
    if any(row.before is None for row in means):
        notes.append('what is unknown needs pip install "palier[carbon]"')
    return Table(len(before), (*shares, *means), tuple(notes))


def _shares(name: str, before: Sequence[bool], after: Sequence[bool]) -> Row:
    def side(values: Sequence[bool]) -> Figure:
        return Figure(sum(values) / len(values), *wilson(sum(values), len(values)))

    value = (sum(after) - sum(before)) / len(before)
    difference = Figure(value, *paired_shares(after, before))
    return Row(name, side(before), side(after), difference, 1, 100.0, ", %")


def _means(name: str, figure: str, before: Sequence[Answer], after: Sequence[Answer], times: float, places: int) -> Row:
    sides = [[one.figure(figure) for one in answers] for answers in (before, after)]
    if any(value is None for side in sides for value in side):
        return Row(name, None, None, None, places)
    first, second = (np.array(side, dtype=np.float64) * times for side in sides)
    return Row(name, _mean(first), _mean(second), _mean(second - first), places)


def _mean(values: ArrayLike) -> Figure:
    def combine(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(sums[..., 0] / sums[..., 1])

    column = np.asarray(values, dtype=np.float64)
    return Figure(*bca(np.column_stack((column, np.ones_like(column))), combine))


def _rounded(row: Row) -> dict[str, Any]:
    found = {side: getattr(row, side) for side in SIDES}
    return {
        side: {name: round(v, 6) for name, v in asdict(one).items()} if one else None for side, one in found.items()
    }
