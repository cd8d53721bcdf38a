"""How far a figure of a sample may be from the truth: Wilson's interval of a proportion, BCa's of anything else.

Cases of one family (an original, its paraphrases) are not independent, so families are what is drawn. Where cases are
asked of a metric they are rows of statistics (n, k), and `combine` makes the figure of a sum of rows: a mean, BLEU,
macro-F1. Neither the order of the rows nor the numbers of the families change anything, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Combine = Callable[[Array], Array]
"""Sums of statistics (..., k) to figures (...), NaN where there is none."""

DRAWS = 2000
SEED = 7
UNDEFINED = 0.01
"""Share of the draws that may have no figure, and are left out; of more there is no interval."""

_NORMAL = NormalDist()
_CELLS = 1 << 21
"""Numbers that are held at once while drawing, 16 MiB of them."""


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a proportion (Wilson, 1927): `successes` of `n` independent trials.

    Neither need be whole: an effective sample size is not, nor is a sum of scores in [0, 1], for which it is wider
    than needed. It is never empty: of 20 right out of 20 it says that the truth may be .84. Raises `ValueError` where
    there is no trial.
    """
    if not n > 0 or not -1e-9 <= successes <= n * (1 + 1e-9) + 1e-9:
        raise ValueError(f"{successes} successes of {n} trials")
    share = min(max(successes / n, 0.0), 1.0)
    z = _NORMAL.inv_cdf(0.5 + confidence / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(min(centre - half, share), 0.0), min(max(centre + half, share), 1.0)


def wilson_of_families(values: ArrayLike, groups: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of the mean of `values` (n,), each 0 or 1, whose families `groups` (n,) are drawn whole.

    With the effective sample size n / deff, deff being how much wider families make it (Kish, 1965), corrected for the
    families being few (Korn and Graubard, 1998); Dean and Pagano (2015) found it the steadiest of seven. Families of
    one case each are independent cases. Families that answer all alike count once each, however large they are.
    """
    y, family = np.asarray(values, dtype=np.float64), _numbered(groups)
    sizes = np.bincount(family).astype(np.float64)
    n, families = len(y), len(sizes)
    if n == families:
        return wilson(float(y.sum()), n, confidence)
    share = float(y.mean())
    apart = np.bincount(family, weights=y) - share * sizes
    squares = float(apart @ apart)
    if families < 2 or squares <= 0:  # Nothing is known of how families differ: as if their members never did.
        effective = n * n / float(sizes @ sizes)
    else:
        variance = families / (families - 1) * squares / (n * n)
        few = _NORMAL.inv_cdf(0.5 + confidence / 2) / student(0.5 + confidence / 2, families - 1)
        effective = min(share * (1 - share) / variance, n) * few**2
    return wilson(share * effective, effective, confidence)


def of_quantile(values: ArrayLike, share: float, confidence: float = 0.95) -> tuple[float, float, float]:
    """The quantile of `values` (n,) at `share`, the smallest that so many reach, and the ends of its interval.

    Two of the values themselves, whatever their distribution: how many lie below the truth is binomial (David and
    Nagaraja, 2003, section 7.1). NaN for an end that so few cannot give.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    if not n:
        return math.nan, math.nan, math.nan
    k = np.arange(n + 1)
    # Binomial probabilities by their logarithms: n may be thousands.
    logs = math.lgamma(n + 1) - np.array([math.lgamma(i + 1) + math.lgamma(n - i + 1) for i in k])
    logs += k * math.log(share) + (n - k) * math.log1p(-share)
    below = np.concatenate(([0.0], np.cumsum(np.exp(logs))))[: n + 1]  # P(fewer than k lie below)
    tail = (1 - confidence) / 2
    first, last = int(np.searchsorted(below, tail, side="right")) - 1, int(np.searchsorted(below, 1 - tail))
    at = min(max(math.ceil(share * n) - 1, 0), n - 1)
    low = float(ordered[first - 1]) if first >= 1 else math.nan
    high = float(ordered[last - 1]) if last <= n else math.nan
    return float(ordered[at]), low, high


class Resampled(NamedTuple):
    """A figure, and what it is on other draws of the same families."""

    value: float
    families: int
    drawn: Array
    """(draws,), NaN where it is not defined."""
    without: Array
    """(u,): the figure without one family, of each of u different families."""
    alike: Integers
    """(u,): how many families each stands for."""

    @property
    def error(self) -> float:
        """The jackknife's standard error of the figure (Tukey, 1958); NaN where it is not defined without a family."""
        count = float(self.alike.sum())
        apart = self.without - float(self.alike @ self.without) / count
        return math.sqrt((count - 1) / count * float(self.alike @ apart**2))

    @property
    def unknown(self) -> str:
        """Why there is no interval, or nothing."""
        if self.families < 2:
            return "one family says nothing of others"
        if math.isnan(self.value):
            return "not defined on these cases"
        missing = float(np.isnan(self.drawn).mean())
        if missing > UNDEFINED:
            return f"not defined in {missing:.0%} of the draws"
        if np.nanmax(self.drawn) - np.nanmin(self.drawn) <= 1e-12 * max(abs(self.value), 1.0):
            return "every draw gives the same figure"
        return ""

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Bias-corrected and accelerated (Efron, 1987); two NaN where `unknown` says why.

        The levels are those of Student's t for this many families, and the draws stretched as the variance is
        (Hesterberg, 2015): plain BCa is too narrow of fifty families.
        """
        if self.unknown:
            return math.nan, math.nan
        drawn = self.drawn[~np.isnan(self.drawn)]
        below = float((drawn < self.value).mean() + (drawn == self.value).mean() / 2)
        bias = _NORMAL.inv_cdf(min(max(below, 0.5 / len(drawn)), 1 - 0.5 / len(drawn)))
        rate = self._acceleration()
        half = expanded(confidence, self.families)
        levels = [_NORMAL.cdf(bias + z / max(1 - rate * z, 1e-3)) for z in (bias - half, bias + half)]
        low, high = np.quantile(drawn, levels)
        return min(float(low), self.value), max(float(high), self.value)

    def _acceleration(self) -> float:
        """Of the jackknife; 0 where leaving a family out changes nothing, or leaves no figure."""
        known = ~np.isnan(self.without)
        alike, without = self.alike[known], self.without[known]
        if not alike.sum():
            return 0.0
        apart = float(alike @ without) / float(alike.sum()) - without
        spread = float(alike @ apart**2)
        return float(alike @ apart**3) / (6 * spread**1.5) if spread > 0 else 0.0


def expanded(confidence: float, families: int) -> float:
    """How many bootstrap deviations to each side: Student's t, and what the bootstrap's variance lacks."""
    return student(0.5 + confidence / 2, families - 1) * math.sqrt(families / (families - 1))


def resample(
    statistics: ArrayLike,
    combine: Combine,
    groups: ArrayLike | None = None,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Resampled:
    """`draws` times as many families as there are, with replacement, and the figure of each; and without each family.

    `statistics` (n, k) with n > 0; `groups` (n,) are the families, each row its own without. Memory is bounded: a few
    times 16 MiB beside the rows, however many draws. Families whose sums are equal are drawn together, so that a
    hundred thousand cases of a few kinds cost no more than a few cases.
    """
    sums, alike = families_of(statistics, groups)
    total, count = np.asarray(alike @ sums), int(alike.sum())
    rng = np.random.default_rng(seed)
    drawn = [combine(weights @ sums) for weights in _weights(alike, count, draws, rng)]
    without = [combine(rest) for rest in without_each(sums, alike)] if count > 1 else []
    return Resampled(
        value=float(combine(total)),
        families=count,
        drawn=np.concatenate(drawn),
        without=np.concatenate(without) if without else np.full(len(sums), math.nan),
        alike=alike,
    )


def bca(
    statistics: ArrayLike,
    combine: Combine,
    groups: ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
    confidence: float = 0.95,
) -> tuple[float, float, float]:
    """The figure of `statistics` (n, k) with the ends of its BCa interval, families `groups` (n,) being drawn whole.

    The ends are NaN where nothing can be said: of one family, or where every draw gives the same figure, which does
    not mean that the next cases will. `resample` also says why.
    """
    found = resample(statistics, combine, groups, draws=draws, seed=seed)
    return (found.value, *found.interval(confidence))


def families_of(statistics: ArrayLike, groups: ArrayLike | None = None) -> tuple[Array, Integers]:
    """The sums of each family that differ (u, k), in an order of their own, and how many families have them (u,)."""
    rows = np.asarray(statistics, dtype=np.float64)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"statistics: (cases, sums), at least one of each; their shape is {rows.shape}")
    if groups is not None:
        family = _numbered(groups)
        if len(family) != len(rows):
            raise ValueError(f"{len(family)} families for {len(rows)} cases")
        # Summed in one order whatever theirs was: a last bit that differs would be another draw.
        order = np.lexsort((_bytes(rows), family)) if len(rows) > family.max() + 1 else np.argsort(family)
        starts = np.flatnonzero(np.diff(family[order], prepend=-1))
        rows = np.add.reduceat(rows[order], starts, axis=0)
    _, first, counts = np.unique(_bytes(rows), return_index=True, return_counts=True)
    return rows[first], counts.astype(np.int64)


def without_each(sums: Array, alike: Integers) -> Iterator[Array]:
    """What remains of all families without one of each kind: (some, k) at a time, (u, k) in all."""
    total = np.asarray(alike @ sums)
    step = max(1, _CELLS // sums.shape[1])
    for at in range(0, len(sums), step):
        yield total - sums[at : at + step]


def student(level: float, freedom: float) -> float:
    """The quantile of Student's t at `level`: exact for 1 and 2 degrees of freedom.

    By the expansion around the normal (Abramowitz and Stegun, 1964, 26.7.5): within 0.2 % at .975 from three on.
    """
    if freedom < 1:
        return math.inf if level > 0.5 else -math.inf
    if freedom < 2:
        return math.tan(math.pi * (level - 0.5))
    if freedom < 3:
        return (2 * level - 1) * math.sqrt(2 / (4 * level * (1 - level)))
    z, n = _NORMAL.inv_cdf(level), freedom
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / n**power for power, term in enumerate(terms, 1))


def _weights(alike: Integers, count: int, draws: int, rng: np.random.Generator) -> Iterator[Array]:
    """How often each kind of family is drawn, (some, u) at a time, `draws` rows in all."""
    few = len(alike) * 8 <= count
    step = max(1, _CELLS // (len(alike) if few else count))
    kind = np.repeat(np.arange(len(alike)), alike)
    for at in range(0, draws, step):
        size = min(step, draws - at)
        if few:
            yield rng.multinomial(count, alike / count, size=size).astype(np.float64)
            continue
        taken = kind[rng.integers(0, count, size=(size, count))]
        taken += np.arange(size)[:, None] * len(alike)
        yield np.bincount(taken.ravel(), minlength=size * len(alike)).reshape(size, -1).astype(np.float64)


def _numbered(groups: ArrayLike) -> NDArray[np.intp]:
    """Families as 0, 1, 2, ..."""
    return np.asarray(np.unique(np.asarray(groups), return_inverse=True)[1], dtype=np.intp).reshape(-1)


def _bytes(rows: Array) -> NDArray[np.void]:
    """Each row as one thing that can be sorted, (n,). 0 and -0 are one."""
    whole = np.ascontiguousarray(rows + 0.0)
    return whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).reshape(-1)
