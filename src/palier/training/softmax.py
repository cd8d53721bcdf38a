"""Multinomial logistic regression on many sparse and some dense columns: penalised, fitted by L-BFGS in numpy."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palier.models.ngrams import Counted

Floats = NDArray[np.float32]

_ROWS = 1024
"""Rows that are made dense at once."""
_KEPT = 80_000_000
"""Numbers of a table that is kept dense from step to step (320 MB); a larger one is made anew, block by block."""
_MEMORY = 12
"""Steps that L-BFGS remembers."""
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

    Minimises the mean cross-entropy and `ridge` / (2 n) times the squared coefficients: the penalty is of the sum, so
    that it weighs less the more rows there are. L-BFGS (Liu and Nocedal, 1989), its first matrix being the bound of the
    curvature that Boehning (1992) gives: whole for the dense columns, its diagonal for the sparse ones.
    """
    task = _Task(rows, labels, count, ridge / len(rows))
    at = np.zeros((rows.width + 1, count), np.float32) if start is None else start.copy()
    value, slope = task.loss(at)
    steps: deque[tuple[Floats, Floats, float]] = deque(maxlen=_MEMORY)
    for _ in range(200):
        direction = _direction(task, slope, steps)
        downhill = float(np.vdot(slope, direction))
        size = 1.0
        while True:
            moved = at - np.float32(size) * direction
            after, slope_after = task.loss(moved)
            if after <= value - 1e-4 * size * downhill or size < 1e-6:
                break
            size /= 2
        if after >= value:
            break
        change, bend = moved - at, slope_after - slope
        curvature = float(np.vdot(change, bend))
        if curvature > 0:
            steps.append((change, bend, curvature))
        gained = value - after
        at, value, slope = moved, after, slope_after
        if gained < 1e-6 * max(value, 1e-3):
            break
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
    """The loss and its gradient, and a first guess at the inverse of its curvature."""

    def __init__(self, rows: Rows, labels: NDArray[np.intp], count: int, penalty: float) -> None:
        self.labels = labels
        self.rows = rows
        self.blocks: list[tuple[slice, Floats]] | None = None
        if len(rows) * rows.width <= _KEPT:
            self.blocks = list(rows.blocks())
        self.penalty = np.full((rows.width + 1, 1), penalty, np.float32)
        self.penalty[-1] = _INTERCEPT
        dense = 0 if rows.dense is None else rows.dense.shape[1]
        self.dense = dense
        squares = np.zeros(rows.width + 1)
        whole = np.zeros((dense, dense))
        for _, table in self.blocks or rows.blocks():
            squares += np.einsum("ij,ij->j", table, table)
            whole += table[:, :dense].T @ table[:, :dense]
        self.diagonal = (1 / (squares[:, None] / (2 * len(rows)) + self.penalty)).astype(np.float32)
        curvature = whole / (2 * len(rows)) + np.diag(self.penalty[:dense, 0])
        self.inverse = np.linalg.inv(curvature).astype(np.float32) if dense else np.zeros((0, 0), np.float32)

    def loss(self, at: Floats) -> tuple[float, Floats]:
        total, slope = 0.0, np.zeros_like(at)
        for part, table in self.blocks or self.rows.blocks():
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
        return total / n + float(np.vdot(weighed, at)) / 2, slope / n + weighed

    def solve(self, slope: Floats) -> Floats:
        """What the first matrix makes of a gradient."""
        result = self.diagonal * slope
        if self.dense:
            result[: self.dense] = self.inverse @ slope[: self.dense]
        return result


def _direction(task: _Task, slope: Floats, steps: deque[tuple[Floats, Floats, float]]) -> Floats:
    """The two loops of L-BFGS; to be taken off."""
    left, parts = slope.copy(), []
    for change, bend, curvature in reversed(steps):
        part = float(np.vdot(change, left)) / curvature
        left -= np.float32(part) * bend
        parts.append(part)
    direction = task.solve(left)
    if steps:
        _, bend, curvature = steps[-1]
        direction *= np.float32(curvature / max(float(np.vdot(bend, task.solve(bend))), 1e-30))
    for (change, bend, curvature), part in zip(steps, reversed(parts), strict=True):
        direction += np.float32(part - float(np.vdot(bend, direction)) / curvature) * change
    return direction
