"""Multinomial logistic regression on many sparse and some dense columns: penalised, fitted by L-BFGS in numpy."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palier.heads.ngrams import Counted

Floats = NDArray[np.float32]

_ROWS = 1024
"""Rows that are made dense at once."""
_KEPT = 80_000_000
"""Numbers of a table that is kept dense from step to step (320 MB); a larger one is made anew, block by block."""
_MEMORY = 10
"""Steps that L-BFGS remembers."""
_STEPS = 100
_LOOK = 5
_ENOUGH = 1e-2
"""When `_LOOK` steps together gain a smaller part of the loss, they are the last."""
_INTERCEPT = 1e-6
"""Penalty of the intercept: next to none, but labels that are alike for all rows still have a finite fit."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns of n texts: `dense` (n, d), and `sparse` beside it; each may be left out."""

    dense: Floats | None
    sparse: Counted | None

    def __len__(self) -> int:
        return len(self.dense) if self.dense is not None else len(self.sparse) if self.sparse is not None else 0

    @property
    def width(self) -> int:
        dense = 0 if self.dense is None else self.dense.shape[1]
        return dense + (0 if self.sparse is None else self.sparse.dimension)

    def take(self, rows: NDArray[np.intp]) -> Rows:
        dense = None if self.dense is None else self.dense[rows]
        return Rows(dense, None if self.sparse is None else self.sparse.take(rows))

    def blocks(self, size: int = _ROWS) -> Iterator[tuple[slice, Floats]]:
        """(rows, their columns (m, width + 1), the last one being 1)."""
        for start in range(0, len(self), size):
            part = np.arange(start, min(start + size, len(self)))
            table = np.ones((len(part), self.width + 1), np.float32)
            if self.dense is not None:
                table[:, : self.dense.shape[1]] = self.dense[part]
            if self.sparse is not None:
                counted = self.sparse.take(part)
                table[:, -self.sparse.dimension - 1 : -1] = 0
                table[counted.rows(), counted.buckets + np.int32(self.width - self.sparse.dimension)] = counted.values
            yield slice(start, start + len(part)), table


def fit(rows: Rows, labels: NDArray[np.intp], count: int, ridge: float, *, start: Floats | None = None) -> Floats:
    """Coefficients (width + 1, count), the intercepts last, of `labels` (n,) in 0..count - 1.

    Minimises the mean cross-entropy plus `ridge` / (2 n) times the squared coefficients: the penalty is of the sum, so
    that it weighs less the more rows there are. L-BFGS (Liu and Nocedal, 1989), until five steps gain less than a
    hundredth: beyond, the loss still falls a little, and what is said of other rows is neither better nor worse.
    """
    task = _Task(rows, labels, count, ridge / len(rows))
    at = np.zeros((rows.width + 1, count), np.float32) if start is None else start.copy()
    value, slope = task.loss(at)
    steps: deque[tuple[Floats, Floats, float]] = deque(maxlen=_MEMORY)
    before = deque([math.inf] * _LOOK, maxlen=_LOOK)
    for _ in range(_STEPS):
        direction = _direction(slope, steps, task.first)
        downhill = float(np.vdot(slope, direction))
        size = 1.0
        while True:
            moved = at - np.float32(size) * direction
            after, slope_after = task.loss(moved)
            if after <= value - 1e-4 * size * downhill or size < 1e-4:
                break
            size /= 2
        if after >= value:
            break
        change, bend = moved - at, slope_after - slope
        curvature = float(np.vdot(change, bend))
        if curvature > 0:
            steps.append((change, bend, curvature))
        at, value, slope = moved, after, slope_after
        if before[0] - value < _ENOUGH * value:
            break
        before.append(value)
    return at


def scores(rows: Rows, coefficients: Floats) -> Floats:
    """Linear scores (n, count)."""
    found = np.empty((len(rows), coefficients.shape[1]), np.float32)
    for part, table in rows.blocks():
        found[part] = table @ coefficients
    return found


def log_softmax(linear: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    """Log-probabilities (n, count) of linear scores."""
    shifted = np.asarray(linear, np.float64) / temperature
    shifted -= shifted.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


class _Task:
    """The loss and its gradient."""

    def __init__(self, rows: Rows, labels: NDArray[np.intp], count: int, penalty: float) -> None:
        self.labels = labels
        self.rows = rows
        self.kept = list(rows.blocks()) if len(rows) * rows.width <= _KEPT else None
        self.penalty = np.full((rows.width + 1, 1), penalty, np.float32)
        self.penalty[-1] = _INTERCEPT
        squares = sum(float(np.vdot(table, table)) for _, table in self.kept or rows.blocks()) / len(rows)
        self.first = 1 / (squares / count + penalty)
        """The length of the first step: at the start, the curvature along a row is about 1 / labels."""

    def loss(self, at: Floats) -> tuple[float, Floats]:
        total, slope = 0.0, np.zeros_like(at)
        for part, table in self.kept or self.rows.blocks():
            linear = table @ at
            linear -= linear.max(axis=1, keepdims=True)
            own = linear[np.arange(len(linear)), self.labels[part]]
            np.exp(linear, out=linear)
            sums = linear.sum(axis=1)
            total += float((np.log(sums) - own).sum())
            linear /= sums[:, None]
            linear[np.arange(len(linear)), self.labels[part]] -= 1
            slope += table.T @ linear
        n = len(self.rows)
        weighed = self.penalty * at
        return total / n + float(np.vdot(weighed, at)) / 2, slope / np.float32(n) + weighed


def _direction(slope: Floats, steps: deque[tuple[Floats, Floats, float]], first: float) -> Floats:
    """The two loops of L-BFGS; to be taken off."""
    left, parts = slope.copy(), []
    for change, bend, curvature in reversed(steps):
        part = float(np.vdot(change, left)) / curvature
        left -= np.float32(part) * bend
        parts.append(part)
    if steps:
        _, bend, curvature = steps[-1]
        first = curvature / max(float(np.vdot(bend, bend)), 1e-30)
    left *= np.float32(first)
    for (change, bend, curvature), part in zip(steps, reversed(parts), strict=True):
        left += np.float32(part - float(np.vdot(bend, left)) / curvature) * change
    return left
