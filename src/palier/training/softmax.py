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
_SPARSE = 500
"""With more buckets than so many times the labels, n-grams are multiplied entry by entry: a text has a few hundred,
whatever the buckets, and each costs some twenty times what it costs within a table."""
_MEMORY = 10
"""Steps that L-BFGS remembers."""
_STEPS = 100
_LOOK = 5
_ENOUGH = 2e-2
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
    fiftieth: beyond, the loss still falls a little, and what is said of other rows is neither better nor worse.
    """
    task = _Task(rows, labels, count, ridge / len(rows))
    at = np.zeros((rows.width + 1, count), np.float32) if start is None else start.copy()
    value, slope = task.loss(at)
    steps: deque[tuple[Floats, Floats, float]] = deque(maxlen=_MEMORY)
    before = deque([math.inf] * _LOOK, maxlen=_LOOK)
    for _ in range(_STEPS):
        direction = _direction(slope, steps, task.scales)
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
    if rows.sparse is not None and rows.sparse.dimension > _SPARSE * coefficients.shape[1]:
        found[:] = _Entries(rows.sparse).times(coefficients[-rows.sparse.dimension - 1 : -1]) + coefficients[-1]
        return found if rows.dense is None else found + rows.dense @ coefficients[: rows.dense.shape[1]]
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
        self.entries: _Entries | None = None
        if rows.sparse is not None and rows.sparse.dimension > _SPARSE * count:
            self.entries = _Entries(rows.sparse)
        bare = np.empty((len(rows), 0), np.float32) if rows.dense is None else rows.dense
        self.tabled = rows if self.entries is None else Rows(bare, None)
        self.kept = list(self.tabled.blocks()) if len(rows) * self.tabled.width <= _KEPT else None
        self.penalty = np.full((rows.width + 1, 1), penalty, np.float32)
        self.penalty[-1] = _INTERCEPT
        squares = sum(np.square(table).sum(axis=0) for _, table in self.kept or self.tabled.blocks())
        if self.entries is not None:
            squares = np.concatenate([squares[:-1], self.entries.squares, squares[-1:]])
        self.scales = 1 / (squares[:, None] / np.float32(len(rows) * count) + self.penalty)
        """The length of the first step by column, (width + 1, 1): there the curvature along a row is 1 / labels."""

    def loss(self, at: Floats) -> tuple[float, Floats]:
        width = self.tabled.width
        own = at if self.entries is None else np.concatenate([at[:width], at[-1:]])
        added = None if self.entries is None else self.entries.times(at[width:-1])
        n = len(self.labels)
        total, slope, errors = 0.0, np.zeros_like(own), np.empty((n, at.shape[1]), np.float32)
        for part, table in self.kept or self.tabled.blocks():
            linear = table @ own
            if added is not None:
                linear += added[part]
            total += _errors(linear, self.labels[part])
            slope += table.T @ linear
            errors[part] = linear
        if self.entries is not None:
            slope = np.concatenate([slope[:-1], self.entries.back(errors), slope[-1:]])
        weighed = self.penalty * at
        return total / n + float(np.vdot(weighed, at)) / 2, slope / np.float32(n) + weighed


class _Entries:
    """N-grams as they are counted: a text times the coefficients of its own buckets alone."""

    def __init__(self, counted: Counted) -> None:
        self.counted, self.texts = counted, counted.rows()
        squares = np.bincount(counted.buckets, counted.values * counted.values, minlength=counted.dimension)
        self.squares = squares.astype(np.float32)

    def times(self, at: Floats) -> Floats:
        """(n, count) of coefficients (buckets, count)."""
        found = np.empty((len(self.counted), at.shape[1]), np.float32)
        for label in range(at.shape[1]):
            weights = self.counted.values * at[:, label][self.counted.buckets]
            found[:, label] = np.bincount(self.texts, weights, minlength=len(found))
        return found

    def back(self, errors: Floats) -> Floats:
        """(buckets, count) of the errors (n, count) of the texts."""
        found = np.empty((self.counted.dimension, errors.shape[1]), np.float32)
        for label in range(errors.shape[1]):
            weights = self.counted.values * errors[:, label][self.texts]
            found[:, label] = np.bincount(self.counted.buckets, weights, minlength=len(found))
        return found


def _errors(linear: Floats, labels: NDArray[np.intp]) -> float:
    """The cross-entropy of linear scores (m, count), added up; they become the probabilities less what is right."""
    rows = np.arange(len(linear))
    linear -= linear.max(axis=1, keepdims=True)
    own = linear[rows, labels]
    np.exp(linear, out=linear)
    sums = linear.sum(axis=1)
    linear /= sums[:, None]
    linear[rows, labels] -= 1
    return float((np.log(sums) - own).sum())


def _direction(slope: Floats, steps: deque[tuple[Floats, Floats, float]], scales: Floats) -> Floats:
    """The two loops of L-BFGS, the columns in their own `scales` (rows, 1); to be taken off."""
    left, parts = slope.copy(), []
    for change, bend, curvature in reversed(steps):
        part = float(np.vdot(change, left)) / curvature
        left -= np.float32(part) * bend
        parts.append(part)
    left *= scales
    if steps:
        _, bend, curvature = steps[-1]
        left *= np.float32(curvature / max(float(np.vdot(bend, scales * bend)), 1e-30))
    for (change, bend, curvature), part in zip(steps, reversed(parts), strict=True):
        left += np.float32(part - float(np.vdot(bend, left)) / curvature) * change
    return left
