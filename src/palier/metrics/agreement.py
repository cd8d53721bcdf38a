"""How far two who judged the same agree: Cohen's kappa, quadratic weighted kappa, Spearman's rank correlation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def cohen_kappa(one: ArrayLike, other: ArrayLike) -> float | None:
    """Agreement on right or wrong beyond what chance gives (Cohen, 1960), in [-1, 1].

    None where it is not defined: nothing was judged, or both say the same one thing of everything.
    """
    return _value(kappa_of(kappa_sums(one, other).sum(axis=0)))


def weighted_kappa(one: ArrayLike, other: ArrayLike) -> float | None:
    """The same of scores, disagreement weighing by its square (Cohen, 1968); needs no bins. None: not defined."""
    return _value(weighted_kappa_of(weighted_sums(one, other).sum(axis=0)))


def spearman(one: ArrayLike, other: ArrayLike) -> float | None:
    """Correlation of the ranks, ties at their mean rank. None where one of them gives everything the same rank."""
    x, y = np.asarray(one, float), np.asarray(other, float)
    if len(x) < 2 or x.min() == x.max() or y.min() == y.max():
        return None
    return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])


def kappa_sums(one: ArrayLike, other: ArrayLike) -> Floats:
    """By case, what `kappa_of` takes the sum of: (n, 4), both right, only the one, only the other, none."""
    x, y = np.asarray(one, bool), np.asarray(other, bool)
    return np.stack([x & y, x & ~y, ~x & y, ~x & ~y], axis=-1).astype(float)


def kappa_of(sums: Floats) -> Floats:
    """Kappa of each row of `sums` (..., 4); NaN where it is not defined. Shape (...)."""
    both, first, second, none = np.moveaxis(np.asarray(sums, float), -1, 0)
    n = both + first + second + none
    chance = (both + first) * (both + second) + (none + second) * (none + first)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n * n > chance, ((both + none) * n - chance) / (n * n - chance), np.nan)


def weighted_sums(one: ArrayLike, other: ArrayLike) -> Floats:
    """By case, what `weighted_kappa_of` takes the sum of: (n, 6), 1, x, y, x², y², xy."""
    x, y = np.asarray(one, float), np.asarray(other, float)
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)


def weighted_kappa_of(sums: Floats) -> Floats:
    """One less the mean squared difference, by that of every score of the one with every score of the other."""
    n, x, y, xx, yy, xy = np.moveaxis(np.asarray(sums, float), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = xx + yy - 2 * x * y / n
        return np.where(chance > 1e-9, 1 - (xx + yy - 2 * xy) / chance, np.nan)


def _ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], float)


def _value(figure: Floats) -> float | None:
    return None if np.isnan(figure) else float(figure)
