"""Are two candidates told apart by the cases both answered: a p-value, its correction, and how many cases it takes.

Shapes and `combine` as in `intervals`; rows of `first` and `second` are of the same cases, in one order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palier.metrics.intervals import SEED, Array, Combine, Integers, families_of

DRAWS = 10_000
"""Of signs. No p-value is below one in so many, so comparisons by the hundred ask for more."""
FIRST = 2000
UNLIKELY = 0.2
"""Where the first draws give a larger p-value, the others are saved."""
EXACT = 10
"""Families below which ties count whole."""
POWER = 0.8

_NORMAL = NormalDist()
_CELLS = 1 << 21


def paired_p(
    first: ArrayLike,
    second: ArrayLike,
    combine: Combine,
    groups: ArrayLike | None = None,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> float:
    """Two-sided p-value of no difference between `first` and `second` (n, k): the paired randomisation test.

    Whole families change sides by chance: what share of `draws` exchanges makes the figures differ as much or more
    (Noreen, 1989; for the metrics of texts, Riezler and Maxwell, 2005)? One is added to both counts, so that it is
    never 0. An exchange that makes them differ just as much counts half (mid-p; Fagerland, Lydersen and Laake, 2013),
    or two that differ on a dozen cases would be told apart too seldom; of fewer than ten families it counts whole, and
    the test is exact. Where the two are no more than equal in the mean it holds as the cases grow many.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != other.shape:
        raise ValueError(f"{one.shape} and {other.shape}: not of the same cases")
    seen = abs(float(combine(one.sum(axis=0)) - combine(other.sum(axis=0))))
    apart, alike = families_of(one - other, groups)
    differing = np.any(apart != 0, axis=1)
    apart, alike = apart[differing], alike[differing]
    if math.isnan(seen) or not len(apart):
        return 1.0
    total = one.sum(axis=0) + other.sum(axis=0)
    half = 0.5 if _families(one, groups) >= EXACT else 0.0
    slack = 1e-9 * max(seen, 1e-3)
    as_much, done, rng = 0.0, 0, np.random.default_rng(seed)
    for signs in _signs(alike, draws, rng):
        swapped = signs @ apart
        figures = np.abs(combine((total + swapped) / 2) - combine((total - swapped) / 2))
        tied = np.abs(figures - seen) <= slack
        as_much += float(np.sum(~(figures < seen - slack)) - half * np.sum(tied))  # What is not defined is no evidence.
        done += len(signs)
        if done >= FIRST and as_much > UNLIKELY * done:
            break
    return (as_much + 1) / (done + 1)


def holm(p: ArrayLike) -> Array:
    """Adjusted p-values (m,), in the order of `p`: 5 % of reports, at most, tell any difference that is not there.

    Holm (1979), which asks no independence of the comparisons.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    return adjusted


def holm_levels(p: ArrayLike, level: float = 0.05) -> Array:
    """The level (m,) at which Holm tests each: `level` shared among those with no smaller p-value."""
    values = np.asarray(p, dtype=np.float64)
    levels = np.empty_like(values)
    levels[np.argsort(values, kind="stable")] = level / np.arange(len(values), 0, -1)
    return levels


def needed(
    difference: float, error: float, cases: int, families: int, *, level: float = 0.05, power: float = POWER
) -> int | None:
    """About how many cases more would tell a difference of this size, by a two-sided test at `level`.

    From the paired `difference` and its standard `error` over `families` families of `cases` cases: the error falls
    with the root of their number (normal approximation). Never fewer than could pass at all, all differing the same
    way. Rounded up to two digits, for it is no better known than the difference. None where there is no difference.
    """
    if not abs(difference) > 1e-12 or not math.isfinite(difference) or families < 1:
        return None
    spread = error if math.isfinite(error) else abs(difference) * math.sqrt(families)
    quantiles = _NORMAL.inv_cdf(1 - level / 2) + _NORMAL.inv_cdf(power)
    enough = max(families * (spread * quantiles / difference) ** 2, 1 - math.log2(level))
    more = max(math.ceil((enough - families) * cases / families), 1)
    digits = max(len(str(more)) - 2, 0)
    unit = int(10**digits)
    return -(-more // unit) * unit


def paired_shares(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the difference of two proportions of the same cases, `first` and `second` (n,) being 0 or 1.

    Tango's score interval (1998): all differences that a score test would not reject. Never empty where the two agree
    on all, and near its level also where both are nearly always right, where others are too wide
    (`benchmarks/interval_coverage.py`).
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    n, more, less = len(one), int(np.sum(one > other)), int(np.sum(one < other))
    quantile = _NORMAL.inv_cdf(0.5 + confidence / 2)
    seen = (more - less) / n
    return (
        _crossing(lambda at: _score(more, less, n, at) - quantile, -1.0, seen),
        _crossing(lambda at: _score(more, less, n, at) + quantile, seen, 1.0),
    )


def apart(
    first: float, around: tuple[float, float], second: float, about: tuple[float, float]
) -> tuple[float, float, float]:
    """`first` less `second`, two figures of different cases, and the interval that follows from those of each.

    `around` and `about` are intervals of one level, and so is what comes of them: the distances of the ends that
    matter are added as errors are (Newcombe, 1998, method 10, for two proportions by Wilson's interval; Zou and
    Donner, 2008, for any two figures). NaN where an end it needs is.
    """
    found = first - second
    low = found - math.hypot(first - around[0], about[1] - second)
    high = found + math.hypot(around[1] - first, second - about[0])
    return found, low, high


def needed_a_side(difference: float, variance: float, *, level: float = 0.05, power: float = POWER) -> int | None:
    """About how many cases a side would tell `difference` of two means of different cases, by a two-sided test.

    `variance` is the sum of that of one case of each side. None where there is no difference.
    """
    if not abs(difference) > 1e-12 or not math.isfinite(variance):
        return None
    quantiles = _NORMAL.inv_cdf(1 - level / 2) + _NORMAL.inv_cdf(power)
    return max(math.ceil(variance * (quantiles / difference) ** 2), 2)


def _score(more: int, less: int, n: int, at: float) -> float:
    """Tango's statistic of the hypothesis that the difference is `at`: it falls from the left to the right."""
    above = more - less - n * at
    linear = (2 * n - more + less) * at - more - less
    rarer = (math.sqrt(max(linear * linear + 8 * n * less * at * (1 - at), 0.0)) - linear) / (4 * n)
    spread = n * (2 * rarer + at * (1 - at))
    if spread > 0:
        return above / math.sqrt(spread)
    return math.copysign(math.inf, above) if above else 0.0


def _crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function passes zero, by bisection; an end where it does not."""
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def fieller(numerator: float, denominator: float, covariance: ArrayLike, quantile: float) -> tuple[float, float]:
    """The interval of a ratio of two figures (Fieller, 1954), `covariance` (2, 2) being that of the two.

    `quantile` is how many standard errors to each side. Two NaN where the denominator may be 0: any ratio is then
    possible.
    """
    (above, between), (_, below) = np.asarray(covariance, dtype=np.float64).tolist()
    square = quantile * quantile
    a = denominator**2 - square * below
    b = numerator * denominator - square * between
    c = numerator**2 - square * above
    if a <= 0:
        return math.nan, math.nan
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a


def _families(rows: Array, groups: ArrayLike | None) -> int:
    return len(rows) if groups is None else len(np.unique(np.asarray(groups)))


def _signs(alike: Integers, draws: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Sums of as many random signs as families are `alike` (u,): (some, u) at a time, `FIRST` at most."""
    step = max(1, min(FIRST, _CELLS // len(alike)))
    single = int(alike.max()) == 1
    for at in range(0, draws, step):
        shape = (min(step, draws - at), len(alike))
        heads = rng.integers(0, 2, shape, dtype=np.int8) if single else rng.binomial(alike, 0.5, shape)
        yield np.asarray(2 * heads - alike, dtype=np.float64)
