"""Climbing a ladder of any length by what climbing is expected to gain, at every price of a gain.

For a price of cost in quality, from the top tier down: what going on from a tier brings is what the policy above it
brought on the rows that it is fitted on, as a probability given this tier's log-probability; a row climbs where the
expected gain is worth the expected cost. One sweep over prices draws the whole curve, for any number of tiers, where a
grid of thresholds grows with their power.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from palier.metrics.curves import Curve
from palier.routing.calibration import fit_calibrator

if TYPE_CHECKING:
    from benchmarks.escalation_curves import Rows

Array = NDArray[np.float64]

PRICES = 40


def climbing(train: Rows, test: Rows, tiers: list[int], size: Array, size_there: Array) -> Curve:
    """The curve on test. `size` (n,) is what the cost of a row of train grows with, `size_there` that of test."""
    step = train.cost[:, tiers[-1]].mean()
    points = np.array(
        [_at(price / step, train, test, tiers, size, size_there) for price in np.geomspace(1e-3, 10, PRICES)]
    )
    order = np.argsort(points[:, 0], kind="stable")
    return Curve(points[order, 0], points[order, 1])


def _at(price: float, train: Rows, test: Rows, tiers: list[int], size: Array, size_there: Array) -> tuple[float, float]:
    """Mean cost and quality on test where a unit of cost is worth `price` of quality."""
    quality, cost = train.right[:, tiers[-1]], train.cost[:, tiers[-1]]
    quality_there, cost_there = test.right[:, tiers[-1]], test.cost[:, tiers[-1]]
    for tier in reversed(tiers[:-1]):
        here, there = train.logprob[:, tier], test.logprob[:, tier]
        gain = _expected(here, quality - train.right[:, tier], -1.0, 1.0)
        each = cost / size
        spent = _expected(here, each, 0.0, float(each.max()))
        climbs = gain(here) > price * spent(here) * size
        climbs_there = gain(there) > price * spent(there) * size_there
        quality = np.where(climbs, quality, train.right[:, tier])
        quality_there = np.where(climbs_there, quality_there, test.right[:, tier])
        cost = train.cost[:, tier] + np.where(climbs, cost, 0.0)
        cost_there = test.cost[:, tier] + np.where(climbs_there, cost_there, 0.0)
    return float(cost_there.mean()), float(quality_there.mean())


def _expected(logprob: Array, values: Array, low: float, high: float) -> Callable[[Array], Array]:
    """The mean of `values`, each in [low, high], given a log-probability: a calibrator of their place between."""
    places = (values - low) / (high - low)
    if np.ptp(places) == 0:
        return lambda at: np.full(len(at), values[0])
    model = fit_calibrator(["logprob"], logprob[:, None], places)
    return lambda at: low + (high - low) * model.probabilities(at[:, None])
