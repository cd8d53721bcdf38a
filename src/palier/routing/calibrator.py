"""Named features to the probability that an answer is good, once fitted (`calibration` fits).

A calibrator is a logistic model, or an isotonic one over its linear score where that predicts better. Both keep every
distinction that the score makes: what comes after compares the probability with a threshold that is walked over, row by
row, and a step function would climb whole steps at once. So the isotonic one is piecewise linear and rises everywhere
(`regression.centred_isotonic`), and with a single feature every calibrator orders rows as the feature does.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palier.routing.regression import sigmoid
from palier.types import Data

Array = NDArray[np.float64]

_CLIP = 4.0
"""Standard deviations beyond which a feature says little more: hardly anything so far out was seen in fitting."""
_SLOPE = 0.01
"""The logistic model's part in an isotonic one: it still rises where the fitted function ends."""


Knots = tuple[tuple[float, float], ...]
"""Points (x, y) of a piecewise linear function, both rising; outside of them it keeps the y of the nearest."""


class Feature(Data, frozen=True, kw_only=True):
    """One feature as it was when fitted, and what one unit of it adds to the log-odds.

    The unit is the standard deviation; where there are `knots` (value, normal score), it is that of the normal
    distribution that they bend the feature's own into, so that a log-probability, crowded below 0, is told apart there.
    A feature that never varied has a coefficient of 0: it says nothing yet, but it is known.
    """

    name: str
    mean: float
    scale: float
    coefficient: float
    knots: Knots = ()

    def score(self, value: float) -> float:
        """In units of the feature: what is multiplied by the coefficient. Beyond what was seen it grows ever less."""
        if self.knots:
            first, last = self.knots[0][0], self.knots[-1][0]
            if first <= value <= last:
                return _between(self.knots, value)
            beyond = (value - (last if value > last else first)) / self.scale
            return _between(self.knots, value) + math.copysign(1.0 - 1.0 / (1.0 + abs(beyond)), beyond)
        deviations = (value - self.mean) / self.scale
        if -_CLIP <= deviations <= _CLIP:
            return deviations
        return math.copysign(_CLIP + 1.0 - 1.0 / (abs(deviations) - _CLIP + 1.0), deviations)

    def scores(self, column: Array) -> Array:
        """`score` of each of a column (n,)."""
        return bent(column, self.knots, self.scale) if self.knots else standardised(column, self.mean, self.scale)


class Calibrator(Data, frozen=True, kw_only=True):
    """A fitted map from features to a probability. Plain data: msgspec writes it to JSON and reads back the same one.

    The linear score is the intercept plus each coefficient times the score of its feature, which beyond 4 standard
    deviations grows ever less and never reaches 5. `logistic` is its sigmoid; `isotonic` runs straight between `knots`
    (linear score, probability), with one part in a hundred of the sigmoid.

    Of the fit: `constant` features never varied and count for nothing; `rows`; `ridge`, the L2 penalty of a row;
    `log_loss`, cross-validated, in nats, and `log_loss_of_mean`, of always saying the mean: a calibrator that is not
    below it has learned nothing.
    """

    features: tuple[Feature, ...]
    intercept: float
    kind: Literal["logistic", "isotonic"] = "logistic"
    knots: Knots = ()
    constant: tuple[str, ...] = ()
    rows: int | None = None
    ridge: float | None = None
    log_loss: float | None = None
    log_loss_of_mean: float | None = None

    def __post_init__(self) -> None:
        numbers = [n for f in self.features for n in (f.mean, f.scale, f.coefficient)] + [self.intercept]
        if not self.features or not all(map(math.isfinite, numbers)) or any(f.scale <= 0 for f in self.features):
            raise ValueError("weights: every feature needs a finite mean, coefficient and positive scale")
        if len({f.name for f in self.features}) < len(self.features):
            raise ValueError("weights: two features of one name")
        if (self.kind == "isotonic") != bool(self.knots) or any(not 0 <= y <= 1 for _, y in self.knots):
            raise ValueError("weights: an isotonic calibrator needs knots, whose values are probabilities")
        if not all(_rise(knots) for knots in (self.knots, *(f.knots for f in self.features))):
            raise ValueError("weights: knots rise")

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of a matrix's columns; those that never varied too."""
        return tuple(feature.name for feature in self.features)

    def probability(self, features: Mapping[str, float]) -> float:
        """Of one row, in [0, 1]. About 30 microseconds for twenty features.

        Raises `ValueError` that names what is missing, unknown or not finite: it is never taken for 0.
        """
        total = self.intercept
        for feature in self.features:
            value = features.get(feature.name, math.nan)
            if not math.isfinite(value):
                raise ValueError(self._wrong(features))
            total += feature.coefficient * feature.score(value)
        if len(features) != len(self.features):
            raise ValueError(self._wrong(features))
        small = math.exp(-abs(total))
        logistic = (1.0 if total >= 0 else small) / (1.0 + small)
        return (1.0 - _SLOPE) * _between(self.knots, total) + _SLOPE * logistic if self.knots else logistic

    def probabilities(self, matrix: ArrayLike) -> Array:
        """Of many rows, (n,), from (n, k) with the columns of `names`: `probability` of each, to 1e-12.

        Raises `ValueError` where the shape is another or a number is not finite.
        """
        rows = np.asarray(matrix, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.features):
            raise ValueError(f"confidence: a matrix of {rows.shape} for {len(self.features)} features")
        if not np.isfinite(rows).all():
            row, column = np.argwhere(~np.isfinite(rows))[0]
            raise ValueError(f"confidence: feature {self.names[column]} is {rows[row, column]} in row {row}")
        # A column at a time, as `probability` goes: the same sums in the same order.
        total = np.full(len(rows), self.intercept)
        for feature, column in zip(self.features, rows.T, strict=True):
            total += feature.coefficient * feature.scores(column)
        return isotonic(total, self.knots) if self.knots else sigmoid(total)

    def _wrong(self, features: Mapping[str, float]) -> str:
        known = set(self.names)
        if features.keys() != known:
            missing, unknown = sorted(known - features.keys()), sorted(features.keys() - known)
            return f"confidence: features missing {missing}, unknown {unknown}"
        name = next(name for name in self.names if not math.isfinite(features[name]))
        return f"confidence: feature {name} is {features[name]}"


def standardised(columns: Array, mean: Array | float, scale: Array | float) -> Array:
    """Standard deviations from the mean; beyond 4 they grow ever less and never reach 5, so that none are level."""
    with np.errstate(over="ignore"):
        deviations = (columns - mean) / scale
    size = np.abs(deviations)
    beyond = _CLIP + 1.0 - 1.0 / (np.maximum(size, _CLIP) - _CLIP + 1.0)
    result: Array = np.where(size <= _CLIP, deviations, np.copysign(beyond, deviations))
    return result


def bent(column: Array, knots: Knots, scale: float) -> Array:
    """Normal scores (n,) by `knots`; beyond them they grow ever less, by 1 at most, so that none are level."""
    with np.errstate(over="ignore"):
        beyond = (np.maximum(column - knots[-1][0], 0.0) - np.maximum(knots[0][0] - column, 0.0)) / scale
    result: Array = between(knots, column) + np.copysign(1.0 - 1.0 / (1.0 + np.abs(beyond)), beyond)
    return result


def isotonic(total: Array, knots: Knots) -> Array:
    """The isotonic probability (n,) at each linear score."""
    result: Array = (1.0 - _SLOPE) * between(knots, total) + _SLOPE * sigmoid(total)
    return result


def between(knots: Knots, x: Array) -> Array:
    """The piecewise linear function at each of `x`, by the very operations of `_between`, so that both agree."""
    places, values = np.array(knots).T
    if len(places) == 1:
        return np.full(len(x), values[0])
    after = np.clip(np.searchsorted(places, x, side="right"), 1, len(places) - 1)
    inside = np.clip(x, places[0], places[-1])
    share = (inside - places[after - 1]) / (places[after] - places[after - 1])
    result: Array = values[after - 1] + (values[after] - values[after - 1]) * share
    return result


def _between(knots: Knots, x: float) -> float:
    if len(knots) == 1:
        return knots[0][1]
    if x < knots[0][0]:
        x = knots[0][0]
    elif x > knots[-1][0]:
        x = knots[-1][0]
    after = min(bisect_right(knots, (x, math.inf)), len(knots) - 1)
    (x0, y0), (x1, y1) = knots[after - 1], knots[after]
    return y0 + (y1 - y0) * ((x - x0) / (x1 - x0))


def _rise(knots: Knots) -> bool:
    if not all(map(math.isfinite, (number for knot in knots for number in knot))):
        return False
    return all(x0 < x1 and y0 <= y1 for (x0, y0), (x1, y1) in pairwise(knots))
