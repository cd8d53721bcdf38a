"""Detectors of a risk above its promise, on many streams of losses at once; and what is counted of them.

A detector takes losses, one row an answer and one column a stream, and the promise; it gives, for each stream, the
number of answers after which it speaks, or `NEVER`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from palier.routing.monitor import TILTS, bets, reserve

DELTA = 0.05
FOR_LENGTH = 10_000
WINDOW = 200
NEVER = np.iinfo(np.int64).max
Array = NDArray[np.float64]
Times = NDArray[np.int64]


def betting(losses: Array, alpha: float, fractions: Array, stakes: Array, idle: Array, limit: float) -> Times:
    """When capital reaches `limit`; `stakes[t]` is put on every fraction alike before answer t, `idle[t]` stays out."""
    wealth = np.zeros((len(fractions), losses.shape[1]))
    spoke = np.full(losses.shape[1], NEVER)
    gains = (losses - alpha) / alpha
    for t, gain in enumerate(gains):
        wealth += stakes[t] / len(fractions)
        wealth *= 1.0 + fractions[:, None] * gain
        np.minimum(wealth, 1e100, out=wealth)
        spoke[(idle[t] + wealth.sum(0) >= limit) & (spoke == NEVER)] = t + 1
    return spoke


def monitor(losses: Array, alpha: float) -> Times:
    """As palier does."""
    left = np.array([reserve(n) for n in range(len(losses) + 1)])
    stakes = -np.diff(left)
    stakes[0] += 1.0 - left[0]
    return betting(losses, alpha, np.array(bets(alpha)), stakes, left[1:], 1 / DELTA)


def bets_from_start(losses: Array, alpha: float) -> Times:
    """All capital on the first answer, over the same bets."""
    stakes = np.eye(1, len(losses))[0]
    return betting(losses, alpha, np.array(bets(alpha)), stakes, 0 * stakes, 1 / DELTA)


def one_bet_from_start(losses: Array, alpha: float) -> Times:
    """All capital on the first answer and one bet, the best if the risk is twice the promise."""
    stakes = np.eye(1, len(losses))[0]
    return betting(losses, alpha, np.array([alpha / (1 - alpha)]), stakes, 0 * stakes, 1 / DELTA)


def agrapa_from_start(losses: Array, alpha: float) -> Times:
    """All capital on the first answer; bets follow the mean and variance so far (Waudby-Smith & Ramdas 2023, aGRAPA)."""
    wealth, spoke = np.ones(losses.shape[1]), np.full(losses.shape[1], NEVER)
    total, squares = np.full_like(wealth, alpha), np.full_like(wealth, alpha * (1 - alpha))
    for t, loss in enumerate(losses):
        excess = total / (t + 1) - alpha
        bet = np.clip(excess / (squares / (t + 1) + excess**2), 0.0, 0.5 / alpha)
        wealth = np.minimum(wealth * (1.0 + bet * (loss - alpha)), 1e100)
        spoke[(wealth >= 1 / DELTA) & (spoke == NEVER)] = t + 1
        total = total + loss
        squares = squares + (loss - total / (t + 2)) ** 2
    return spoke


def e_detector(limit: float) -> Callable[[Array, float], Times]:
    """Shiryaev-Roberts: 1 staked at each answer; at least `limit` answers on average to a false alarm."""

    def detector(losses: Array, alpha: float) -> Times:
        ones = np.ones(len(losses))
        return betting(losses, alpha, np.array(bets(alpha)), ones, 0 * ones, limit)

    return detector


def window_binomial(losses: Array, alpha: float) -> Times:
    """An exact binomial test of the last 200 answers at level `DELTA`, after each answer: not made to be repeated."""
    critical = next(k for k in range(WINDOW + 2) if binomial_tail(k, WINDOW, alpha) <= DELTA)
    sums = np.cumsum(np.pad(losses, ((1, 0), (0, 0))), axis=0)
    over = np.pad(sums[WINDOW:] - sums[:-WINDOW] >= critical - 0.5, ((WINDOW - 1, 0), (0, 0)))
    return np.where(over.any(0), over.argmax(0) + 1, NEVER)


DETECTORS: dict[str, Callable[[Array, float], Times]] = {
    "monitor": monitor,
    "bets_from_start": bets_from_start,
    "agrapa_from_start": agrapa_from_start,
    "one_bet_from_start": one_bet_from_start,
    "window_binomial": window_binomial,
    "e_detector_for_this_length": e_detector(FOR_LENGTH / DELTA),
    "e_detector_1_in_10000": e_detector(10_000),
}


def binomial_tail(k: int, n: int, p: float) -> float:
    """The chance of `k` or more."""
    logs = (
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * math.log(p) + (n - i) * math.log1p(-p)
        for i in range(k, n + 1)
    )
    return min(1.0, sum(map(math.exp, logs)))


def share(k: int, n: int) -> dict[str, float]:
    """`k` of `n`, with the exact 95 % interval of Clopper and Pearson."""

    def solve(reached: Callable[[float], bool]) -> float:
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (low, middle) if reached(middle) else (middle, high)
        return round(high, 4)

    low = solve(lambda p: binomial_tail(k, n, p) >= 0.025) if k else 0.0
    high = solve(lambda p: binomial_tail(k + 1, n, p) >= 0.975) if k < n else 1.0
    return {"count": k, "of": n, "low": low, "high": high}


def interval_missed(losses: Array, risks: Array) -> int:
    """Streams in which the monitor's interval did not hold the running mean risk, after one answer or another."""
    n = np.arange(1, len(losses) + 1)[:, None]
    mean, sums = (np.cumsum(risks) / n[:, 0])[:, None], np.cumsum(losses, axis=0)
    missed = np.zeros(losses.shape[1], bool)
    for sign in (1.0, -1.0):
        against = np.full(losses.shape, -np.inf)
        for tilt in TILTS:
            np.logaddexp(against, sign * tilt * sums - n * np.log1p(mean * np.expm1(sign * tilt)), out=against)
        missed |= (against >= math.log(2 * len(TILTS) / DELTA)).any(0)
    return int(missed.sum())
