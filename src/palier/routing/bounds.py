"""Finite-sample evidence that a mean loss is at most alpha: p-values and upper bounds, without asymptotics.

Everything takes arrays, element by element: the walk of `risk` asks for thousands at once.

- exact binomial tail for losses of 0 and 1 (Clopper & Pearson 1934);
- Hoeffding-Bentkus for losses in [0, 1] (Bates et al. 2021, "Distribution-free, risk-controlling prediction sets");
- betting against a bounded mean, for losses that may be negative (Waudby-Smith & Ramdas 2023).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BETS = 24
"""Bets of the mixture; more change an e-value by less than a percent."""


def binomial_tail(successes: Any, trials: Any, probability: float) -> Floats:
    """P(X <= successes) for X of Binomial(trials, probability), in (0, 1). 1 where there are no trials."""
    k, n = np.broadcast_arrays(np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    out = np.ones(k.shape)
    out[k < 0] = 0.0
    inner = (k >= 0) & (k < n)
    low = inner & (k <= n * probability)
    high = inner & ~low
    if low.any():
        out[low] = _lower_sum(k[low], n[low], probability)
    if high.any():
        out[high] = 1.0 - _lower_sum(n[high] - k[high] - 1.0, n[high], 1.0 - probability)
    return out


def _lower_sum(k: Floats, n: Floats, p: float) -> Floats:
    """The tail from its largest term down, for k up to about the mean: terms fall, and all are positive."""
    factorials = _log_factorials(int(n.max()))
    whole, all_of = k.astype(np.intp), n.astype(np.intp)
    logs = factorials[all_of] - factorials[whole] - factorials[all_of - whole]
    term = np.exp(logs + k * np.log(p) + (n - k) * np.log1p(-p))
    total, odds = term.copy(), (1.0 - p) / p
    for step in range(int(k.max())):
        at = np.maximum(k - step, 0.0)
        term = term * (odds * at / (n - at + 1.0))
        total += term
        if float((term - 1e-15 * total).max()) <= 0:
            break
    return np.asarray(np.minimum(total, 1.0), dtype=np.float64)


def chernoff(mean: Any, trials: Any, alpha: float) -> Floats:
    """exp(-n KL(mean, alpha)), the Hoeffding bound for losses in [0, 1]; 1 where the mean is not below `alpha`."""
    r, n = np.broadcast_arrays(np.asarray(mean, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    low = np.clip(r, 0.0, alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = np.where(low > 0, low * np.log(low / alpha), 0.0) + np.where(
            low < 1, (1 - low) * np.log((1 - low) / (1 - alpha)), 0.0
        )
    return np.asarray(np.exp(-n * np.maximum(divergence, 0.0)), dtype=np.float64)


def hoeffding_bentkus(mean: Any, trials: Any, alpha: float) -> Floats:
    """p-value of "the mean of losses in [0, 1] is above alpha", from the mean of `trials` independent ones."""
    r, n = np.broadcast_arrays(np.asarray(mean, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    # A sum of binary losses is whole but for rounding: 3.0000000004 must not count as 4.
    bentkus = np.e * binomial_tail(np.ceil(n * r - 1e-9), n, alpha)
    return np.asarray(np.minimum(np.minimum(chernoff(r, n, alpha), bentkus), 1.0), dtype=np.float64)


def bets(alpha: float, low: float = -1.0) -> Floats:
    """Stakes against "the mean is above alpha" for losses in [low, 1]: no loss can ruin who places them.

    A loss x multiplies the capital by 1 + stake (alpha - x); the largest stake keeps a hundredth at x = 1.
    """
    most = 0.99 / (1.0 - alpha) if alpha < 1 else 0.99 / (alpha - low)
    return np.geomspace(most / 1000.0, most, BETS)


def betting_tail(log_capital: Floats) -> Floats:
    """p-value of the mixture over `bets`: `log_capital` (..., BETS) is each stake's, summed over the losses."""
    top = log_capital.max(axis=-1, keepdims=True)
    mixture = top[..., 0] + np.log(np.mean(np.exp(log_capital - top), axis=-1))
    return np.asarray(np.exp(-np.maximum(mixture, 0.0)), dtype=np.float64)


def binomial_upper(successes: float, trials: float, confidence: float) -> float:
    """The largest probability that `successes` of `trials` do not exclude: an upper bound, one-sided."""
    if trials <= 0 or successes >= trials:
        return 1.0
    return _solve(lambda p: float(binomial_tail(successes, trials, p)), 1.0 - confidence, successes / trials)


def binomial_lower(successes: float, trials: float, confidence: float) -> float:
    """The smallest probability that is not excluded, one-sided."""
    return 1.0 - binomial_upper(trials - successes, trials, confidence)


def mean_upper(mean: float, trials: float, confidence: float) -> float:
    """An upper bound of the mean of losses in [0, 1], by inverting `hoeffding_bentkus`."""
    if trials <= 0 or mean >= 1:
        return 1.0
    return _solve(lambda a: float(hoeffding_bentkus(mean, trials, a)), 1.0 - confidence, mean)


def _solve(tail: Any, level: float, low: float) -> float:
    """The largest x in [low, 1] whose tail is above `level`, rounded up: tails fall as x grows."""
    high = 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if tail(middle) > level:
            low = middle
        else:
            high = middle
    return high


def _log_factorials(most: int) -> Floats:
    """log(i!) for i from 0 to at least `most`; a table for each power of two is kept."""
    size = 1 << max(most, 1).bit_length()
    if size not in _factorials:
        _factorials[size] = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, size + 1.0)))])
    return _factorials[size]


_factorials: dict[int, Floats] = {}
