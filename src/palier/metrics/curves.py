"""What a cascade costs and how often it is right, as its thresholds move: the error-cost curve and the area under it.

Shapes: `confidence` (n, k - 1) or (n, k), one column a tier, of which the last tier's is never asked; `correct`
(n, k), 0 or 1 or a score in [0, 1]; `cost` (n, k), of asking that tier alone, in any one unit, never negative. A row
stays at the first tier whose confidence is at least its threshold, and pays every tier that it asked.

The area is that of Zellinger and Thomson (2025), "Rational Tuning of LLM Cascades via Probabilistic Modeling".
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_COMBINATIONS = 20_000
"""Of thresholds that are tried at most, over all tiers together."""


class Curve(NamedTuple):
    """Points by rising cost: `cost` (m,), of a query in the mean; `quality` (m,), mean correctness."""

    cost: Array
    quality: Array


def two_tier_curve(confidence: ArrayLike, correct: ArrayLike, cost: ArrayLike) -> Curve:
    """Every threshold of a cascade of two: the least confident rows climb first, point m + 1 has one value more climb.

    `confidence` (n,), of the small tier. Rows of equal confidence climb together, for no threshold parts them.
    """
    scores = np.asarray(confidence, dtype=np.float64)
    right, paid = _tiers(correct, cost, tiers=2)
    if scores.shape != (len(right),) or np.isnan(scores).any():
        raise ValueError(f"confidence: one known number a row is needed; {scores.shape} for {len(right)} rows")
    levels, place = np.unique(scores, return_inverse=True)
    gained = np.bincount(place, weights=right[:, 1] - right[:, 0], minlength=len(levels))
    added = np.bincount(place, weights=paid[:, 1], minlength=len(levels))
    n = len(right)
    return Curve(
        paid[:, 0].mean() + np.concatenate(([0.0], np.cumsum(added))) / n,
        right[:, 0].mean() + np.concatenate(([0.0], np.cumsum(gained))) / n,
    )


def threshold_curve(confidence: ArrayLike, correct: ArrayLike, cost: ArrayLike, thresholds: ArrayLike) -> Curve:
    """One point for each of `thresholds` (m, k - 1), by rising cost, as they come out: nothing is chosen here.

    Thresholds chosen on some rows are judged on others by this: the curve may fall where they were badly chosen.
    """
    outcomes = _outcomes(confidence, correct, cost, thresholds)
    order = np.lexsort((outcomes.quality, outcomes.cost))
    return Curve(outcomes.cost[order], outcomes.quality[order])


def best_thresholds(confidence: ArrayLike, correct: ArrayLike, cost: ArrayLike, *, levels: int = 40) -> Array:
    """The thresholds (m, k - 1) that no others beat on these rows, by rising cost (the paper's grid search).

    Tried are the combinations of at most `levels` quantiles of each tier's confidence, fewer where tiers are many
    (20,000 combinations at most). What they promise on the rows they were chosen on is more than they will keep.
    """
    right, _ = _tiers(correct, cost)
    scores = _confidence(confidence, right)
    each = min(levels, int(_COMBINATIONS ** (1 / scores.shape[1])) - 1)
    grids = [_quantiles(scores[:, tier], max(each, 2)) for tier in range(scores.shape[1])]
    tried = np.array(list(itertools.product(*grids)))
    return tried[_undominated(_outcomes(confidence, correct, cost, tried))]


def error_cost_curve(confidence: ArrayLike, correct: ArrayLike, cost: ArrayLike, *, levels: int = 40) -> Curve:
    """The curve of a cascade of k >= 2 tiers on these rows.

    With two tiers every threshold is a point. With more it is the Pareto frontier over a grid of thresholds, chosen on
    the very rows it is drawn for: an upper bound of what thresholds chosen elsewhere reach (`threshold_curve`).
    """
    right, _ = _tiers(correct, cost)
    scores = _confidence(confidence, right)
    if right.shape[1] == 2:
        return two_tier_curve(scores[:, 0], correct, cost)
    return threshold_curve(scores, correct, cost, best_thresholds(scores, correct, cost, levels=levels))


def frontier(curve: Curve) -> Curve:
    """The points that no other beats: cost and quality both strictly rise."""
    kept = _undominated(curve)
    return Curve(curve.cost[kept], curve.quality[kept])


def auc_norm(curve: Curve, bounds: Sequence[float] | None = None) -> float:
    """1 - mean quality over the cost range `bounds` (low, high): the normalised area under the error-cost curve.

    Quality is interpolated between points, and that of the nearest end outside of them. The mean is exact, not sampled.
    Lower is better; in [0, 1] for quality in [0, 1]. By default the range is the curve's own, which is comparable only
    between curves of the same costs. Raises `ValueError` for an empty range, which has no mean.
    """
    low, high = (float(curve.cost[0]), float(curve.cost[-1])) if bounds is None else map(float, bounds)
    if not np.isfinite([low, high]).all() or low >= high:
        raise ValueError(f"cost range: {low} to {high} is not a range")
    inside = (curve.cost > low) & (curve.cost < high)
    at = np.concatenate(([low], curve.cost[inside], [high]))
    # Two points of one cost are a step, so what was interpolated there would lose one of them.
    ends = np.interp([low, high], curve.cost, curve.quality)
    quality = np.concatenate((ends[:1], curve.quality[inside], ends[1:]))
    area = float(np.diff(at) @ (quality[1:] + quality[:-1])) / 2
    return 1.0 - area / (high - low)


def _outcomes(confidence: ArrayLike, correct: ArrayLike, cost: ArrayLike, thresholds: ArrayLike) -> Curve:
    """Mean cost and quality under each row of `thresholds`, in their order."""
    right, paid = _tiers(correct, cost)
    scores = _confidence(confidence, right)
    asked = np.atleast_2d(np.asarray(thresholds, dtype=np.float64))
    if asked.shape[1] != scores.shape[1]:
        raise ValueError(f"thresholds: {asked.shape[1]} for {scores.shape[1]} tiers that may be climbed from")
    spent = paid.cumsum(axis=1)
    points = np.empty((len(asked), 2))
    for number, threshold in enumerate(asked):
        stays = np.column_stack((scores >= threshold, np.ones(len(scores), dtype=bool)))
        tier = stays.argmax(axis=1)[:, None]
        points[number] = (
            np.take_along_axis(spent, tier, axis=1).mean(),
            np.take_along_axis(right, tier, axis=1).mean(),
        )
    return Curve(points[:, 0], points[:, 1])


def _undominated(points: Curve) -> NDArray[np.intp]:
    """Indices of the Pareto frontier, by rising cost."""
    order = np.lexsort((-points.quality, points.cost))
    quality = points.quality[order]
    best_before = np.concatenate(([-np.inf], np.maximum.accumulate(quality)[:-1]))
    return order[quality > best_before]


def _quantiles(scores: Array, levels: int) -> Array:
    """Thresholds from "nobody climbs" to "everybody climbs"."""
    inner = np.quantile(scores, np.linspace(0, 1, levels), method="inverted_cdf")
    return np.unique(np.append(inner, np.inf))


def _tiers(correct: ArrayLike, cost: ArrayLike, tiers: int | None = None) -> tuple[Array, Array]:
    right, paid = np.asarray(correct, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    if right.ndim != 2 or right.shape != paid.shape or not len(right) or right.shape[1] < 2:
        raise ValueError(f"correct and cost: (rows, tiers) with two tiers or more; {right.shape} and {paid.shape}")
    if tiers is not None and right.shape[1] != tiers:
        raise ValueError(f"{right.shape[1]} tiers where {tiers} are meant")
    if not (np.isfinite(right).all() and np.isfinite(paid).all()) or paid.min() < 0:
        raise ValueError("correct and cost: all known, and no cost below 0")
    return right, paid


def _confidence(confidence: ArrayLike, right: Array) -> Array:
    """The columns that are asked: (n, k - 1)."""
    scores = np.asarray(confidence, dtype=np.float64)
    scores = scores[:, None] if scores.ndim == 1 else scores
    below = right.shape[1] - 1
    if len(scores) != len(right) or scores.shape[1] not in (below, below + 1) or np.isnan(scores[:, :below]).any():
        raise ValueError(f"confidence: {scores.shape} for {right.shape} rows and tiers, all known")
    return scores[:, :below]
