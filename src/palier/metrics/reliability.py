"""What a probability is worth: is it true (Brier, log loss, calibration error), and does it rank (AUROC).

Everywhere `predicted` are probabilities and `outcomes` what came, both of shape (n,) in [0, 1]. An outcome is 0 or 1,
or a score between, which counts as so much of a right answer and the rest of a wrong one. Row order never matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palier.metrics.intervals import wilson
from palier.types import Data

Array = NDArray[np.float64]

_LEAST = 1e-12
"""A probability nearer to 0 or 1 than this is read as this, so that one certain error does not make a loss infinite."""


class Bin(Data, frozen=True, kw_only=True):
    """One point of a reliability diagram: rows of `low <= predicted <= high`.

    `predicted` and `observed` are means; [`observed_low`, `observed_high`] is Wilson's interval of the latter.
    """

    low: float
    high: float
    predicted: float
    observed: float
    observed_low: float
    observed_high: float
    count: int


def brier(predicted: ArrayLike, outcomes: ArrayLike) -> float:
    """Mean squared error of a probability (Brier, 1950): 0 is perfect, 0.25 is what always saying 0.5 costs."""
    p, y = _pair(predicted, outcomes)
    return float(np.mean((p - y) ** 2))


def log_loss(predicted: ArrayLike, outcomes: ArrayLike) -> float:
    """Mean negative log-likelihood in nats; of scores, the cross-entropy. At most 27.6: see `_LEAST`."""
    p, y = _pair(predicted, outcomes)
    p = np.clip(p, _LEAST, 1 - _LEAST)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def auroc(scores: ArrayLike, outcomes: ArrayLike) -> float | None:
    """The chance that a right answer scores above a wrong one; ties count half (Mann and Whitney, 1947).

    `scores` need not be probabilities. A row whose outcome is a score y stands as y of a right answer and 1 - y of a
    wrong one, which tie with each other. None where all are right or all are wrong: nothing can be ranked.
    """
    s, y = _vector(scores, "scores"), _outcomes(outcomes)
    _same_length(s, y)
    right, wrong = y.sum(), (1 - y).sum()
    if right <= 0 or wrong <= 0:
        return None
    place = np.unique(s, return_inverse=True)[1]
    right_at, wrong_at = np.bincount(place, weights=y), np.bincount(place, weights=1 - y)
    below = np.cumsum(wrong_at) - wrong_at / 2
    return float(min(max(right_at @ below / (right * wrong), 0.0), 1.0))


def expected_calibration_error(
    predicted: ArrayLike, outcomes: ArrayLike, *, bins: int = 15, debiased: bool = False
) -> float:
    """Mean distance between what was said and what came, over `bins` of equal mass (equal numbers of rows), in [0, 1].

    Equal predictions are never parted, so there may be fewer bins. The plain figure is never 0, even for a perfect
    model: chance moves every bin. `debiased` takes off what chance is estimated to add (Kumar, Liang and Ma, 2019, the
    expected distance in closed form: the mean of a folded normal); of a perfect model, about half still remains.
    """
    p, y = _pair(predicted, outcomes)
    total = 0.0
    for rows in _equal_mass(p, bins):
        gap = abs(float(p[rows].mean() - y[rows].mean()))
        if debiased:
            error = math.sqrt(float(y[rows].var()) / len(rows))
            gap = 2 * gap - _mean_of_folded_normal(gap, error)
        total += gap * len(rows) / len(p)
    return min(max(total, 0.0), 1.0)


def reliability_bins(
    predicted: ArrayLike, outcomes: ArrayLike, *, bins: int = 10, confidence: float = 0.95
) -> list[Bin]:
    """The points of a reliability diagram, by rising prediction, in bins of equal mass that part no tie.

    Wilson's interval (1927) holds for outcomes of 0 and 1, and is wider than needed for scores.
    """
    p, y = _pair(predicted, outcomes)
    points = []
    for rows in _equal_mass(p, bins):
        observed, n = float(y[rows].mean()), len(rows)
        low, high = wilson(observed * n, n, confidence)
        points.append(
            Bin(
                low=float(p[rows].min()),
                high=float(p[rows].max()),
                predicted=float(p[rows].mean()),
                observed=observed,
                observed_low=low,
                observed_high=high,
                count=n,
            )
        )
    return points


def _equal_mass(p: Array, bins: int) -> Sequence[NDArray[np.intp]]:
    """The rows of each bin that is not empty. A tie goes, whole, where its middle row falls."""
    if bins < 1:
        raise ValueError(f"bins is {bins}: at least 1 is needed")
    place, counts = np.unique(p, return_inverse=True, return_counts=True)[1:]
    middle = (np.cumsum(counts) - counts / 2)[place]
    bin_of = np.minimum((middle * bins / len(p)).astype(int), bins - 1)
    return [rows for b in range(bins) if len(rows := np.flatnonzero(bin_of == b))]


def _mean_of_folded_normal(mean: float, deviation: float) -> float:
    """E|X| of a normal X."""
    if deviation <= 0:
        return abs(mean)
    ratio = mean / deviation
    return deviation * math.sqrt(2 / math.pi) * math.exp(-ratio * ratio / 2) + mean * math.erf(ratio / math.sqrt(2))


def _pair(predicted: ArrayLike, outcomes: ArrayLike) -> tuple[Array, Array]:
    p, y = _vector(predicted, "predicted"), _outcomes(outcomes)
    _same_length(p, y)
    if p.min() < 0 or p.max() > 1:
        raise ValueError("predicted: a probability is in [0, 1]")
    return p, y


def _outcomes(outcomes: ArrayLike) -> Array:
    y = _vector(outcomes, "outcomes")
    if y.min() < 0 or y.max() > 1:
        raise ValueError("outcomes: each is in [0, 1], 1 for right")
    return y


def _vector(values: ArrayLike, name: str) -> Array:
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name}: one number a row is needed, and at least one row; its shape is {vector.shape}")
    if not np.isfinite(vector).all():
        raise ValueError(f"{name}: row {int(np.flatnonzero(~np.isfinite(vector))[0])} is not finite")
    return vector


def _same_length(first: Array, second: Array) -> None:
    if len(first) != len(second):
        raise ValueError(f"{len(first)} predictions for {len(second)} outcomes")
