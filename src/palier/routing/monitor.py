"""Is the guarantee still true today? A test on audited kept answers that may be looked at after each one, for ever.

A policy promises that, of the answers kept at home, at most `alpha` are wrong. A few of them are audited (drawn by a
keyed hash before any decision), and each audit gives a loss in [0, 1]. While the risk of every audited answer, given
those before it, is at most `alpha`, `Monitor` raises a false alarm with probability at most `delta`, over its whole
life and however often it is asked. It watches today's risk: good days do not pay for bad ones. It needs labels whose
order, and whose coming at all, do not depend on what they say.

Method. A bet of fraction f on "wrong" multiplies its capital by 1 + f (loss - alpha) / alpha, which on average does
not grow while the promise holds (Waudby-Smith & Ramdas 2023, "Estimating means of bounded random variables by betting";
Podkopaev & Ramdas 2022, "Tracking the risk of a deployed model"). A bet placed at the start is bankrupt after a long
good time and slow to see the end of it. So the capital, 1 in all, is staked little by little: a mixture over all starts
and over a grid of bets. What one fraction holds, from all its starts, is one number (the recursion of Shiryaev and
Roberts, with stakes that sum to one): every start is kept, in fixed memory. Capital of 1/delta is the alarm (Ville's
inequality). An e-detector (Shin, Ramdas & Rinaldo 2024) stakes 1 each time instead: it bounds how often it is wrong,
not whether it ever is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Self

from palier.types import Data

BETS = 12
FIRST_STAKE = 0.25
"""Share of the capital that is staked on the first answer, for a policy that was never right."""
EVEN = 500.0
"""Answers over which the stakes are about even; then they fall as n^-1.5.

More of them: late changes are seen sooner, early ones later.
"""
TILTS = tuple(6.0 / 2.0**k for k in range(12))
"""Of the interval: the first is best for a handful of answers, the last for a million."""
METHOD = 1
"""Changes with any figure above, so that capital staked by one rule is not carried on by another."""
_LEAST = 1e-9
"""Promises below it cannot be watched in floating point, nor in a lifetime."""
_RICHEST = 1e300
"""More is not counted: the alarm has long been raised, and JSON has no infinity."""


@lru_cache(maxsize=64)
def bets(alpha: float) -> tuple[float, ...]:
    """Fractions of the capital, in (0, 1), at even ratios: f is the best against a risk of alpha + f (1 - alpha).

    They begin with a risk a quarter above the promise; a smaller excess is seen too, later.
    """
    low = min(0.25 * alpha / (1.0 - alpha), 0.1)
    ratio = (0.4 / low) ** (1.0 / (BETS - 1))
    return tuple(low * ratio**k for k in range(BETS))


def reserve(n: int) -> float:
    """Capital not yet staked after `n` answers. It goes to 0: in the end all is staked, and never more than all."""
    return (1.0 - FIRST_STAKE) / math.sqrt(1.0 + n / EVEN)


class Monitor(Data, frozen=True, kw_only=True):
    """One policy's promise under watch: a value, about 400 bytes as JSON whatever it has seen.

    `update` gives the next value; store it with the label that it counted, or replay the losses in their order: both
    give the same bits. `alpha`: the promised risk; `delta`: the probability of ever raising a false alarm. `ValueError`
    (`msgspec.ValidationError` when decoded) for what no monitor could have come to.
    """

    alpha: float
    delta: float
    n: int = 0
    """Audited kept answers."""
    total: float = 0.0
    """The sum of their losses."""
    wealth: tuple[float, ...] = (FIRST_STAKE / BETS,) * BETS
    """What each bet holds, from all its starts."""
    alarmed_at: int | None = None
    """`n` when the alarm was raised. It stays raised: a policy is not right again before it is certified again."""
    rise: float = 0.0
    """Growth of the bets' logarithm since it was last at its lowest, up to the alarm."""
    onset: int = 0
    """`n` when that rise began: about when the risk changed. An estimate, without a guarantee."""
    onset_total: float = 0.0
    method: int = METHOD

    def __post_init__(self) -> None:
        for name, value in (("alpha", self.alpha), ("delta", self.delta)):
            if not _LEAST <= value < 1.0:  # NaN too
                raise ValueError(f"monitor: {name} lies between {_LEAST:g} and 1, without 1; this is {value}")
        if self.method != METHOD or len(self.wealth) != BETS:
            raise ValueError(f"monitor: state of method {self.method}, not {METHOD}; replay the losses")
        figures = (*self.wealth, self.rise, self.onset_total)
        if not (min(figures) >= 0.0 and sum(figures) < math.inf):
            raise ValueError("monitor: a figure is negative or not finite")
        if not (0 <= self.onset <= self.n and 0 <= (self.alarmed_at or 0) <= self.n and 0.0 <= self.total <= self.n):
            raise ValueError("monitor: it counts more than its answers")

    def update(self, loss: float) -> Self:
        """After one more audited kept answer; `loss`: 0 (right) to 1 (wrong), else `ValueError`. Microseconds."""
        if not 0.0 <= loss <= 1.0:  # NaN too
            raise ValueError(f"monitor: a loss lies between 0 and 1; this is {loss}")
        stake = max(reserve(self.n) - reserve(self.n + 1), 1e-300) / BETS  # the bets are never bankrupt together
        gain = (loss - self.alpha) / self.alpha
        before = [held + stake for held in self.wealth]
        after = [held * (1.0 + f * gain) for held, f in zip(before, bets(self.alpha), strict=True)]
        wealth = tuple(min(held, _RICHEST) for held in after)
        n, total = self.n + 1, self.total + loss
        rise, onset, onset_total = self.rise, self.onset, self.onset_total
        alarmed_at = self.alarmed_at
        if alarmed_at is None:
            rise += math.log(sum(after) / sum(before))
            if rise <= 0.0:
                rise, onset, onset_total = 0.0, n, total
            if reserve(n) + sum(wealth) >= 1.0 / self.delta:
                alarmed_at = n
        return type(self)(
            alpha=self.alpha,
            delta=self.delta,
            n=n,
            total=total,
            wealth=wealth,
            alarmed_at=alarmed_at,
            rise=rise,
            onset=onset,
            onset_total=onset_total,
        )

    @property
    def alarm(self) -> bool:
        """Whether the promise was found broken, at any time so far."""
        return self.alarmed_at is not None

    @property
    def evidence(self) -> float:
        """The e-value against the promise, now: 1 at the start, and on average no more while the promise holds."""
        return reserve(self.n) + sum(self.wealth)

    @property
    def mean(self) -> float | None:
        """Mean loss of all audited kept answers; None before the first."""
        return self.total / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound of the mean risk of the audited answers so far; (0, 1) before the first.

        A confidence sequence: with probability 1 - `delta` it is right after every answer at once, also where the risk
        changes on the way (then it bounds the running mean of the risks, not today's). The supermartingale of
        exponential tilts of Howard et al. 2020, "Time-uniform Chernoff bounds via nonnegative supermartingales"
        (sub-Bernoulli case), mixed over a grid; for binary losses each tilt is a bet, for others it is wider than need
        be. It has a `delta` of its own, beside that of the alarm. About a millisecond.
        """
        if not self.n:
            return 0.0, 1.0
        mean = self.total / self.n
        limit = math.log(2.0 * len(TILTS) / self.delta)
        low = _edge(lambda m: self._against(m, 1.0) < limit, mean, 0.0)
        high = _edge(lambda m: self._against(m, -1.0) < limit, mean, 1.0)
        return low, high

    def _against(self, m: float, sign: float) -> float:
        """Log evidence, times the number of tilts, that the mean risk is below (sign 1) or above (-1) `m`."""
        tilts = (sign * tilt for tilt in TILTS)
        # log(1 + risk (e^tilt - 1)) is concave in the risk: at the mean risk it is at least the mean over answers.
        logs = [tilt * self.total - self.n * math.log1p(m * math.expm1(tilt)) for tilt in tilts]
        top = max(logs)
        return top + math.log(sum(math.exp(log - top) for log in logs))

    def __str__(self) -> str:
        """What is known, in words: "watching: 412 audited kept answers, 6.1 % wrong [3.9, 9.4], limit 10 %"."""
        limit = f"limit {100 * self.alpha:g} %"
        if self.alarmed_at is not None:
            since, wrong = self.n - self.onset, self.total - self.onset_total
            recent = f"{100 * wrong / max(since, 1):.1f} % of the {since} since about then were wrong"
            return f"breached, seen after {self.alarmed_at} audited kept answers: {recent}, {limit}"
        if not self.n:
            return f"watching: no audited kept answer yet, {limit}"
        low, high = self.interval
        answers = "answer" if self.n == 1 else "answers"
        share = f"{100 * self.total / self.n:.1f} % wrong [{100 * low:.1f}, {100 * high:.1f}]"
        return f"watching: {self.n} audited kept {answers}, {share}, {limit}"


def _edge(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Between `inside`, which holds, and `outside`: the nearest that does not (so rounded outwards), else `outside`."""
    if holds(outside):
        return outside
    for _ in range(50):
        middle = (inside + outside) / 2.0
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return outside
