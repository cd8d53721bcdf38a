"""The two regressions that calibration is made of, on arrays: penalised logistic, and isotonic.

Outcomes are in [0, 1]: 0 and 1, or scores between, for which both losses are as well defined.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_INTERCEPT = 1e-6
"""Penalty of the intercept: next to none, but outcomes that are all alike still have a finite fit."""
_AT_ONCE = 2**20
"""Numbers of a table that is made for many models together: beyond, memory is what is waited for."""


def penalised_logistic(
    x: Array, outcomes: Array, ridge: float, *, weight: Array | None = None, start: Array | None = None
) -> Array:
    """Coefficients (k + 1,), the intercept last, of logistic regression of `outcomes` (n,) on `x` (n, k).

    `ridge` is the L2 penalty of a row, so that it means the same for few rows and for many; `x` should be standardised.
    `weight` (n,) is of each row, 1 by default; `start` the coefficients to begin with.
    """
    weights = np.ones((1, len(x))) if weight is None else weight[None]
    begin = None if start is None else start[None]
    result: Array = penalised_logistics(x, outcomes, np.array([ridge]), weights, start=begin)[0]
    return result


def penalised_logistics(
    x: Array, outcomes: Array, ridges: Array, weights: Array, *, start: Array | None = None
) -> Array:
    """`penalised_logistic` of m models at once, (m, k + 1), each with its ridge (m,) and its weights of rows (m, n).

    Newton's method (iteratively reweighted least squares), a step halved while it does not go down. All models take
    their steps together, which for few rows is most of the time; who has arrived is left out.
    """
    columns = np.column_stack((x, np.ones(len(x))))
    found = np.zeros((len(ridges), columns.shape[1])) if start is None else start.copy()
    penalty: Array = np.full(found.shape, _INTERCEPT)
    penalty[:, :-1] = ridges[:, None]
    penalty *= weights.sum(axis=1, keepdims=True)
    left = np.arange(len(ridges))
    beta = found.copy()
    linear = found @ columns.T
    loss = _loss(linear, outcomes, weights, penalty, beta)
    for _ in range(50):
        step, decrement = _newton(columns, outcomes, linear, beta, weights, penalty)
        slope = step @ columns.T
        # Newton's decrement: a whole step squares what is left of it, and so small a one is lost in rounding.
        last = decrement <= 1e-9 * weights.sum(axis=1)
        size, after = _descent(outcomes, linear, slope, beta, step, weights, penalty, loss, np.where(last, 1.0, 1e-6))
        beta -= size[:, None] * step
        linear -= size[:, None] * slope
        found[left] = beta
        going = (size > 0) & ~last
        if not going.any():
            break
        if not going.all():
            left, beta, linear, after = left[going], beta[going], linear[going], after[going]
            weights, penalty = weights[going], penalty[going]
        loss = after
    return found


def _newton(
    columns: Array, outcomes: Array, linear: Array, beta: Array, weights: Array, penalty: Array
) -> tuple[Array, Array]:
    """The step (m, k + 1) of each model, to be taken off, and its decrement (m,)."""
    p = sigmoid(linear)
    gradient = (weights * (p - outcomes)) @ columns + penalty * beta
    bend = weights * p * (1 - p)
    curvature = np.empty((len(beta), columns.shape[1], columns.shape[1]))
    together = max(_AT_ONCE // columns.size, 1)
    for at in range(0, len(beta), together):
        part = bend[at : at + together, :, None] * columns
        curvature[at : at + together] = part.transpose(0, 2, 1) @ columns
    diagonal = np.arange(columns.shape[1])
    curvature[:, diagonal, diagonal] += penalty
    step = np.asarray(np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0], dtype=np.float64)
    return step, (gradient * step).sum(axis=1)


def _descent(
    outcomes: Array,
    linear: Array,
    slope: Array,
    beta: Array,
    step: Array,
    weights: Array,
    penalty: Array,
    loss: Array,
    least: Array,
) -> tuple[Array, Array]:
    """What part of its step (m,) each model takes, and its loss (m,) there; 0 where none above `least` goes down."""
    size, after = np.ones(len(beta)), _loss(linear - slope, outcomes, weights, penalty, beta - step)
    while (up := np.flatnonzero(after > loss)).size:
        size[up] /= 2
        hopeless = up[size[up] < least[up]]
        size[hopeless], after[hopeless] = 0.0, loss[hopeless]
        up = np.setdiff1d(up, hopeless)
        part = size[up, None]
        after[up] = _loss(linear[up] - part * slope[up], outcomes, weights[up], penalty[up], beta[up] - part * step[up])
    return size, after


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


def _loss(linear: Array, outcomes: Array, weights: Array, penalty: Array, beta: Array) -> Array:
    """The penalised loss (m,) of each model."""
    result: Array = (weights * losses(linear, outcomes)).sum(axis=1) + (penalty * beta * beta).sum(axis=1) / 2
    return result
