"""The two regressions that calibration is made of, on arrays: penalised logistic, and isotonic.

Outcomes are in [0, 1]: 0 and 1, or scores between, for which both losses are as well defined.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_INTERCEPT = 1e-6
"""Penalty of the intercept: next to none, but outcomes that are all alike still have a finite fit."""


def penalised_logistic(
    x: Array, outcomes: Array, ridge: float, *, weight: Array | None = None, start: Array | None = None
) -> Array:
    """Coefficients (k + 1,), the intercept last, of logistic regression of `outcomes` (n,) on `x` (n, k).

    `ridge` is the L2 penalty of a row, so that it means the same for few rows and for many; `x` should be standardised.
    Newton's method (iteratively reweighted least squares), a step halved while it does not go down. `weight` (n,) is of
    each row, 1 by default; `start` the coefficients to begin with.
    """
    columns = np.column_stack((x, np.ones(len(x))))
    weights = np.ones(len(x)) if weight is None else weight
    penalty = np.append(np.full(x.shape[1], ridge), _INTERCEPT) * weights.sum()
    beta = np.zeros(columns.shape[1]) if start is None else start
    linear = columns @ beta
    loss = _loss(linear, outcomes, weights, penalty, beta)
    for _ in range(50):
        p = sigmoid(linear)
        gradient = columns.T @ (weights * (p - outcomes)) + penalty * beta
        curvature = (columns * (weights * p * (1 - p))[:, None]).T @ columns
        curvature.flat[:: len(beta) + 1] += penalty
        step = np.linalg.solve(curvature, gradient)
        slope = columns @ step
        size = 1.0
        while (after := _loss(linear - size * slope, outcomes, weights, penalty, beta - size * step)) > loss:
            size /= 2
            if size < 1e-6:
                return beta
        beta, linear = beta - size * step, linear - size * slope
        if gradient @ step <= 1e-9 * weights.sum() and size == 1.0:
            break  # Newton's decrement: this step has squared what was left
        loss = after
    return beta


def sigmoid(linear: Array) -> Array:
    """Elementwise 1 / (1 + exp(-linear)), without overflow."""
    small = np.exp(-np.abs(linear))
    result: Array = np.where(linear >= 0, 1.0, small) / (1.0 + small)
    return result


def losses(linear: Array, outcomes: Array) -> Array:
    """Cross-entropy in nats of sigmoid(linear) against outcomes, elementwise."""
    result: Array = np.logaddexp(0.0, linear) - outcomes * linear
    return result


def centred_isotonic(scores: Array, outcomes: Array) -> tuple[tuple[float, float], ...]:
    """The knots (score, value) of a rising, piecewise linear function of `scores` (n,) that fits `outcomes` (n,).

    Pool adjacent violators (Ayer et al., 1955), then each pooled block stands at its mean score and the function runs
    straight between blocks (centred isotonic regression, Oron and Flournoy, 2017): where a step function is flat within
    a block, this still tells its rows apart. A block counts one row more, of the mean outcome: a few rows that were all
    right do not make a certainty. Scores and values both rise.
    """
    places, place_of = np.unique(scores, return_inverse=True)
    counts: Array = np.bincount(place_of).astype(np.float64)
    sums: Array = np.bincount(place_of, weights=outcomes).astype(np.float64)
    blocks = _pooled(sums, counts, places * counts)
    mean = float(outcomes.mean())
    blocks = _pooled(blocks[0] + mean, blocks[1] + 1.0, blocks[2] / blocks[1] * (blocks[1] + 1.0))
    return tuple(zip((blocks[2] / blocks[1]).tolist(), (blocks[0] / blocks[1]).tolist(), strict=True))


def _pooled(sums: Array, weights: Array, moments: Array) -> Array:
    """Neighbours whose means do not rise, added up: (3, blocks) of sums, weights and moments."""
    blocks: list[list[float]] = []
    for total, weight, moment in zip(sums.tolist(), weights.tolist(), moments.tolist(), strict=True):
        block = [total, weight, moment]
        while blocks and blocks[-1][0] * block[1] >= block[0] * blocks[-1][1]:
            block = [own + before for own, before in zip(block, blocks.pop(), strict=True)]
        blocks.append(block)
    return np.array(blocks).T


def _loss(linear: Array, outcomes: Array, weights: Array, penalty: Array, beta: Array) -> float:
    return float(weights @ losses(linear, outcomes) + penalty @ (beta * beta) / 2)
