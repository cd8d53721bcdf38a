"""Quality against the size of the model: a curve through the candidates, where there are sizes enough for one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from palier.evals.figures import Estimate
from palier.metrics.intervals import Array, student
from palier.types import JSON

SIZES = 6
"""Fewer give no curve: two of its numbers are fitted, and what is left must tell how far models stray from it."""
POINTS = 25
_STEPS = 50


class Sized(NamedTuple):
    """A model of known size: how many parameters it has, and its quality."""

    name: str
    parameters: int
    quality: Estimate


def fit(models: Sequence[Sized], low: float, high: float) -> JSON:
    """Logistic regression of quality, within [`low`, `high`], on the logarithm of parameters, with a 95 % band.

    For fractions, as by Papke and Wooldridge (1996): how far models stray from the curve is estimated from themselves,
    and is never taken to be less than what their own intervals allow. The band is for the mean of such models, not for
    a single one, and is drawn between the smallest and the largest alone. Gives `{form, low, high, intercept, slope,
    slope_low, slope_high, sizes, models, points: [{parameters, quality, low, high}]}`, slopes being for tenfold
    parameters on the scale of log-odds. Needs `SIZES` different sizes, with figures, and finite limits.
    """
    x = np.array([math.log10(model.parameters) for model in models])
    q = np.array([(float(model.quality.value or 0.0) - low) / (high - low) for model in models])
    design = np.column_stack((np.ones_like(x), x - x.mean()))
    beta, fitted = _logistic(design, np.clip(q, 0.0, 1.0))
    weights = fitted * (1 - fitted)
    freedom = len(x) - 2
    strayed = float(np.sum((q - fitted) ** 2 / weights)) / freedom
    noise = float(np.mean([_variance(model.quality, high - low) for model in models] / weights))
    covariance = max(strayed, noise) * np.linalg.inv(design.T @ (weights[:, None] * design))
    t = student(0.975, freedom)
    at = np.linspace(x.min(), x.max(), POINTS)
    rows = np.column_stack((np.ones_like(at), at - x.mean()))
    middle, half = rows @ beta, t * np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance, rows))
    slope_half = t * math.sqrt(float(covariance[1, 1]))
    drawn = [low + (high - low) * _share(line) for line in (middle, middle - half, middle + half)]
    return {
        "form": "logistic",
        "low": low,
        "high": high,
        "intercept": float(beta[0] - beta[1] * x.mean()),
        "slope": float(beta[1]),
        "slope_low": float(beta[1]) - slope_half,
        "slope_high": float(beta[1]) + slope_half,
        "sizes": len({model.parameters for model in models}),
        "models": [model.name for model in models],
        "points": [
            {"parameters": float(10**a), "quality": float(y), "low": float(lo), "high": float(hi)}
            for a, y, lo, hi in zip(at, *drawn, strict=True)
        ],
    }


def _logistic(design: Array, shares: Array) -> tuple[Array, Array]:
    """Iteratively reweighted least squares; steps are halved where they would make the fit worse."""

    def likelihood(beta: Array) -> float:
        p = _share(design @ beta)
        return float(np.sum(shares * np.log(p) + (1 - shares) * np.log1p(-p)))

    beta = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        p = _share(design @ beta)
        step = np.linalg.solve(design.T @ ((p * (1 - p))[:, None] * design), design.T @ (shares - p))
        while likelihood(beta + step) < likelihood(beta) - 1e-12 and float(np.abs(step).max()) > 1e-12:
            step = step / 2
        beta = beta + step
        if float(np.abs(step).max()) < 1e-10:
            break
    return beta, _share(design @ beta)


def _share(line: Array) -> Array:
    """The logistic function, kept off 0 and 1: models that are all right or all wrong have no finite fit."""
    return np.asarray(np.clip(1 / (1 + np.exp(-np.clip(line, -30, 30))), 1e-6, 1 - 1e-6))


def _variance(figure: Estimate, width: float) -> float:
    """Of a figure, as a share of the metric's range, from its interval."""
    if figure.low is None or figure.high is None:
        return 0.0
    return ((figure.high - figure.low) / width / (2 * 1.96)) ** 2
