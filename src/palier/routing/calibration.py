"""Fitting what turns features into a probability: `fit_calibrator`, and `cross_fitted` to judge it on its own rows.

Nothing is left to choose: what could be is chosen by cross-validated log loss. The result is the same, to the last bit,
whatever the order of the rows; and the same but for rounding whatever the unit and the zero of a feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import ArrayLike, NDArray

from palier.errors import InvalidRequest
from palier.routing.calibrator import Calibrator, Feature, isotonic
from palier.routing.regression import centred_isotonic, losses, penalised_logistic, penalised_logistics

__all__ = ["MINIMUM_ROWS", "Calibrator", "cross_fitted", "fit_calibrator"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

MINIMUM_ROWS = 20
"""With fewer, the best of two features is mostly luck."""

_RIDGES = (1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4)
"""L2 penalties of a row that are tried, strongest first: of two as good, the first is taken."""
_FOLDS, _FOLDS_OF_FEW, _FEW = 5, 10, 2000
_ENOUGH = 10_000
"""Rows by which the penalty is chosen where there are more than twice as many."""
_ROUNDING = 1e-12
"""A feature that varies by less than this part of its size varies by rounding alone."""


def fit_calibrator(names: Sequence[str], matrix: ArrayLike, outcomes: ArrayLike, *, seed: int = 0) -> Calibrator:
    """The calibrator of `outcomes` (n,), each in [0, 1] and 1 for right, from `matrix` (n, k) with columns `names`.

    Logistic regression with an L2 penalty. Chosen by the log loss on rows left out: the penalty; whether it is even, or
    heavier on features that tell little alone; features as they are or bent to normal scores; isotonic over the linear
    score, or not. Features that never vary count for nothing and are
    listed (`constant`). `seed` draws the folds. About 5 s for 100,000 rows of twenty features.

    Raises `InvalidRequest` whose `param` is the feature, "features" or "outcomes": fewer than 20 rows, all outcomes
    alike, every feature constant, a number that is not finite (its row is named, counted from 0).
    """
    raw, y = _checked(names, matrix, outcomes)
    order = _sorted(raw, y)
    raw, y = raw[order], y[order]
    plain, varying = _standards(names, raw)
    fits = [
        _cross_validated(features, by_promise, raw, y, varying, seed)
        for features in (plain, _bent(plain, raw, varying))
        for by_promise in ((False, True) if varying.sum() > 1 else (False,))
    ]
    best = min(fits, key=lambda fit: fit.loss)
    coefficients = np.zeros(len(names) + 1)
    coefficients[np.append(varying, True)] = penalised_logistic(best.x, y, best.ridge) * np.append(best.units, 1.0)
    stepped = _isotonic_loss(best.scores, y, seed)
    return Calibrator(
        features=tuple(replace(f, coefficient=float(c)) for f, c in zip(best.features, coefficients[:-1], strict=True)),
        intercept=float(coefficients[-1]),
        kind="isotonic" if stepped < best.loss else "logistic",
        knots=centred_isotonic(best.scores, y) if stepped < best.loss else (),
        constant=tuple(name for name, varies in zip(names, varying, strict=True) if not varies),
        rows=len(y),
        ridge=best.ridge,
        log_loss=min(stepped, best.loss),
        log_loss_of_mean=float(losses(np.full(len(y), np.log(y.mean() / (1 - y.mean()))), y).mean()),
    )


class _Fit(NamedTuple):
    """A logistic model, cross-validated: the features and the rows (n, k) as it reads them, in `units` (k,) of the
    features, its penalty, its mean loss on rows left out and their linear scores (n,)."""

    features: list[Feature]
    x: Array
    units: Array
    ridge: float
    loss: float
    scores: Array


def cross_fitted(
    names: Sequence[str], matrix: ArrayLike, outcomes: ArrayLike, *, folds: int = 5, seed: int = 0
) -> Array:
    """Probabilities (n,) of the rows themselves, each by a calibrator fitted without it (out of fold).

    What a threshold or a second model is fitted on must be this: what `fit_calibrator` says of its own rows is too
    good. Equal rows with equal outcomes may fall into different folds. Raises as `fit_calibrator`, for what is left of
    the rows in each fold.
    """
    raw, y = _checked(names, matrix, outcomes)
    if not 2 <= folds <= len(y):
        raise InvalidRequest(f"{folds} folds of {len(y)} rows", hint="at least 2, and a row in each", param="folds")
    order = _sorted(raw, y)
    fold = np.empty(len(y), dtype=np.intp)
    fold[order] = _dealt(y[order], folds, seed)
    result = np.empty(len(y))
    for number in range(folds):
        out = fold == number
        result[out] = fit_calibrator(names, raw[~out], y[~out], seed=seed).probabilities(raw[out])
    return result


def _sorted(raw: Array, y: Array) -> NDArray[np.intp]:
    """The rows in an order of their own: by outcome, then by each feature."""
    return np.lexsort((*raw.T[::-1], y))


def _dealt(y: Array, folds: int, seed: int) -> NDArray[np.intp]:
    """The fold (n,) of each of the rows, sorted by outcome: each fold has its share of low ones and of high ones.

    At random within those: folds balanced over the features too would be copies of one another, and what overfits would
    be rewarded.
    """
    random = np.random.default_rng(seed)
    low = int(np.searchsorted(y, y.mean(), side="right"))
    numbers = np.arange(len(y)) % folds
    return np.concatenate((random.permutation(numbers[:low]), random.permutation(numbers[low:])))


def _cross_validated(
    features: list[Feature], by_promise: bool, raw: Array, y: Array, varying: Flags, seed: int
) -> _Fit:
    """With the penalty of least loss on rows left out; `by_promise`: heavier on features that tell little alone."""
    x = np.column_stack([f.scores(raw[:, at]) for at, f in enumerate(features) if varying[at]])
    units = _promise(x, y) if by_promise else np.ones(x.shape[1])
    x = x * units
    # A penalty is told well enough by some thousands of rows; every n-th of the sorted ones are a sample of all.
    few = np.arange(0, len(y), max(len(y) // _ENOUGH, 1))
    tried = _left_out(x[few], y[few], _RIDGES, seed)
    found = [float(losses(score, y[few]).mean()) for score in tried]
    best = int(np.argmin(found))
    if len(few) == len(y):
        return _Fit(features, x, units, _RIDGES[best], found[best], tried[best])
    scores = _left_out(x, y, _RIDGES[best : best + 1], seed)[0]
    return _Fit(features, x, units, _RIDGES[best], float(losses(scores, y).mean()), scores)


def _promise(x: Array, y: Array) -> Array:
    """The squared correlation of each column with the outcome (k,), as a share of the largest.

    Among a handful of rows a feature of no use passes for one of some use, and the order that results is worse than
    that of the one good feature: with these units it pays more penalty (the adaptive lasso's weights, Zou 2006).
    """
    centred = x - x.mean(axis=0)
    size = (centred * centred).sum(axis=0)
    squared = ((y - y.mean()) @ centred) ** 2 / np.where(size > 0, size, 1.0)
    most = float(squared.max())
    return np.maximum(squared / most, 1e-6) if most > 0 else np.ones(x.shape[1])


def _left_out(x: Array, y: Array, ridges: Sequence[float], seed: int) -> Array:
    """The linear scores (m, n) of the rows under each penalty, each by the models of the other folds."""
    folds = _FOLDS if len(y) > _FEW else _FOLDS_OF_FEW
    fold = _dealt(y, folds, seed)
    inside = (fold != np.arange(folds)[:, None]).astype(np.float64)
    models = penalised_logistics(x, y, np.repeat(np.array(ridges), folds), np.tile(inside, (len(ridges), 1)))
    beta = models.reshape(len(ridges), folds, -1)[:, fold]
    result: Array = (beta[:, :, :-1] * x).sum(axis=2) + beta[:, :, -1]
    return result


def _isotonic_loss(scores: Array, y: Array, seed: int) -> float:
    """The mean loss under an isotonic map of the other rows' scores; all of these are out of fold already."""
    fold = _dealt(y, _FOLDS, seed + 1)
    total = 0.0
    for number in range(_FOLDS):
        out = fold == number
        p = isotonic(scores[out], centred_isotonic(scores[~out], y[~out]))
        p = np.clip(p, 1e-12, 1 - 1e-12)  # where the other rows were all alike it is certain, to the last bit
        total -= float(y[out] @ np.log(p) + (1 - y[out]) @ np.log1p(-p))
    return total / len(y)


def _standards(names: Sequence[str], raw: Array) -> tuple[list[Feature], Flags]:
    """Features with their mean and standard deviation, or 1 for that of one that never varies; and which vary."""
    size = np.abs(raw).max(axis=0)
    unit = np.where(size > 0, size, 1.0)  # so that no square overflows
    scaled = raw / unit
    deviations = scaled.std(axis=0)
    scales = deviations * unit
    varying = (np.ptp(scaled, axis=0) > 0) & (deviations > _ROUNDING) & (scales > 0)
    if not varying.any():
        raise InvalidRequest(
            f"no feature varies: {', '.join(names)}",
            hint="give at least one signal that differs from row to row",
            param="features",
        )
    means, scales = scaled.mean(axis=0) * unit, np.where(varying, scales, 1.0)
    numbers = zip(names, means.tolist(), scales.tolist(), strict=True)
    return [Feature(name=n, mean=m, scale=s, coefficient=0.0) for n, m, s in numbers], varying


def _bent(features: list[Feature], raw: Array, varying: Flags) -> list[Feature]:
    """Features with the knots that make them normal: their quantiles, against those of the normal distribution.

    Where many rows have one value it has the mean of their normal scores.
    """
    normal = NormalDist()
    last = -normal.inv_cdf(0.5 / len(raw))
    inner = np.arange(-12, 13) / 4
    levels = np.concatenate(([-last], inner[np.abs(inner) < last - 0.125], [last]))
    at = np.clip([normal.cdf(level) * len(raw) for level in levels], 0, len(raw) - 1).astype(int)
    bent = []
    for feature, column, varies in zip(features, np.sort(raw, axis=0)[at].T, varying, strict=True):
        places, place_of, counts = np.unique(column, return_inverse=True, return_counts=True)
        means = np.bincount(place_of, weights=levels) / counts
        knots = tuple(zip(places.tolist(), means.tolist(), strict=True))
        bent.append(replace(feature, knots=knots) if varies else feature)
    return bent


def _checked(names: Sequence[str], matrix: ArrayLike, outcomes: ArrayLike) -> tuple[Array, Array]:
    """The arrays, or an `InvalidRequest` that says what is wrong with them."""
    raw, y = np.asarray(matrix, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if raw.ndim != 2 or y.shape != raw.shape[:1] or raw.shape[1] != len(names) or not names:
        raise InvalidRequest(
            f"{len(names)} features, a matrix of {raw.shape}, outcomes of {y.shape}",
            hint="a row for each outcome, a column for each name",
            param="features",
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise InvalidRequest(f"two features are named {twice}", hint="each once", param=twice)
    if len(y) < MINIMUM_ROWS:
        raise InvalidRequest(
            f"{len(y)} rows are too few to fit a probability",
            hint=f"collect at least {MINIMUM_ROWS} judged answers; a few hundred for a threshold with a guarantee",
            param="outcomes",
        )
    if not np.isfinite(raw).all():
        row, column = np.argwhere(~np.isfinite(raw))[0]
        raise InvalidRequest(
            f"feature {names[column]} is {raw[row, column]} in row {row}",
            hint="leave the row out, or give the feature a finite number and another one that says it was missing",
            param=names[column],
        )
    _check_outcomes(y)
    return raw, y


def _check_outcomes(y: Array) -> None:
    wrong = np.flatnonzero(~((y >= 0) & (y <= 1)))
    if len(wrong):
        raise InvalidRequest(
            f"the outcome of row {wrong[0]} is {y[wrong[0]]}", hint="each is in [0, 1], 1 for right", param="outcomes"
        )
    if y.min() == y.max():
        raise InvalidRequest(
            f"every outcome is {y[0]:g}: there is nothing to tell apart",
            hint="judge answers of both kinds, right and wrong",
            param="outcomes",
        )
