"""Has a signal changed since the reference? A test that may be looked at after each request, for ever.

While what goes by is exchangeable with the reference (it could have come in any other order), a false alarm is raised
with probability at most `delta`, over the whole life of the watch and however often it is asked.

Method. Each value is ranked among the reference and all that came since, ties broken by chance: such conformal
p-values are independent and uniform as long as nothing changes (Vovk, Gammerman & Shafer 2005, theorem 8.2). A bet
against that is a martingale: capital of 1/delta is the alarm (Ville's inequality; Vovk, Petej & Ahlberg 2021, "Retrain
or not retrain: conformal test martingales for change-point detection"). As in `routing.monitor`, the capital, 1 in
all, is staked little by little, so that a late change is seen as soon as an early one; and it is spread over bets: that
values are higher or lower, a little of many or much of a few, more extreme or less, and that they lie where those of
late lay (a histogram that forgets), which sees what none of the others is made for.

Values are numbers of bins, so that the ranks need the counts of the bins and nothing else. The bins must come from
elsewhere than the values that are counted (`drift.reference`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from palier.routing.monitor import FIRST_STAKE, reserve

Floats = NDArray[np.float64]

TAILS = (
    *((0.02, 0.06), (0.02, 0.2), (0.05, 0.1), (0.05, 0.25), (0.1, 0.2), (0.1, 0.4)),
    *((0.2, 0.3), (0.2, 0.5), (0.5, 0.6), (0.5, 0.8)),
)
"""A share of the ranks, and the share of the values that a bet says falls on it."""
EXTREMES = ((0.1, 0.2), (0.3, 0.5))
"""The same of both ends together, and of the middle."""
CELLS = 16
"""Of the histogram."""
HALVES = (60.0, 250.0)
"""Values after which a histogram has forgotten half."""
PRIOR = 2.0
"""Values that each cell has had before the first."""
METHOD = 1
"""Changes with any figure above: capital staked by one rule is not carried on by another."""
_RICHEST = 1e300


class _Bets(NamedTuple):
    side: NDArray[np.intp]
    share: Floats
    inside: Floats
    outside: Floats
    weight: Floats
    """Of the capital, histograms last."""


def _bets() -> _Bets:
    """Sides: 0 high values, 1 low ones, 2 the middle, 3 both ends."""
    rows = [(side, *tail) for side in (0, 1) for tail in TAILS] + [
        (side, *both) for side in (2, 3) for both in EXTREMES
    ]
    side, share, mass = (np.array(column) for column in zip(*rows, strict=True))
    weight = np.concatenate([np.full(len(rows), 0.5 / len(rows)), np.full(len(HALVES), 0.5 / len(HALVES))])
    return _Bets(side.astype(np.intp), share, mass / share, (1 - mass) / (1 - share), weight)


BETS = _bets()
_FADING = (1.0 - 0.5 ** (1.0 / np.array(HALVES)))[:, None]


class Martingale(msgspec.Struct, kw_only=True):
    """One signal under watch: some kilobytes as JSON whatever it has seen. `update` changes it.

    `counts` are those of the bins in the reference at first. `seed` breaks ties: the same values in the same order give
    the same bits, however many at a time. `ValueError` for a bin that is none.
    """

    delta: float
    counts: list[int]
    seed: int
    n: int = 0
    """Values since the reference."""
    wealth: list[float] = msgspec.field(default_factory=lambda: (FIRST_STAKE * BETS.weight).tolist())
    cells: list[list[float]] = msgspec.field(default_factory=lambda: [[PRIOR] * CELLS for _ in HALVES])
    alarmed_at: int | None = None
    """`n` at the alarm. It stays raised."""
    rise: float = 0.0
    onset: int = 0
    """`n` when the capital began to rise to where it is: about when the change came. An estimate."""
    method: int = METHOD

    @property
    def evidence(self) -> float:
        """The e-value against "nothing has changed": 1 at the start, and on average no more while that is so."""
        return reserve(self.n) + sum(self.wealth)

    def update(self, bins: Sequence[int]) -> None:
        """After more values, in their order. About 20 microseconds each."""
        if not bins:
            return
        if not 0 <= min(bins) <= max(bins) < len(self.counts):
            raise ValueError(f"drift: bins go from 0 to {len(self.counts) - 1}")
        chance = np.random.Generator(np.random.PCG64(self.seed).advance(self.n)).random(len(bins))
        wealth, cells = np.array(self.wealth), np.array(self.cells)
        for odds in odds_of(self._ranks(bins, chance.tolist()), cells):
            stake = max(reserve(self.n) - reserve(self.n + 1), 1e-300)
            before = wealth + stake * BETS.weight
            wealth = np.minimum(before * odds, _RICHEST)
            self.n += 1
            held = float(wealth.sum())
            self._follow(math.log(held / float(before.sum())), held)
        self.wealth, self.cells = wealth.tolist(), cells.tolist()

    def _ranks(self, bins: Sequence[int], chance: Sequence[float]) -> Floats:
        """The share of the values so far, itself among them, that are higher; of those that are equal, some."""
        ranks, counts, total = [], self.counts, sum(self.counts)
        for value, tie in zip(bins, chance, strict=True):
            total += 1
            ranks.append((sum(counts[value + 1 :]) + tie * (counts[value] + 1)) / total)
            counts[value] += 1
        return np.array(ranks)

    def _follow(self, growth: float, held: float) -> None:
        if self.alarmed_at is not None:
            return
        self.rise += growth
        if self.rise <= 0.0:
            self.rise, self.onset = 0.0, self.n
        if reserve(self.n) + held >= 1.0 / self.delta:
            self.alarmed_at = self.n


def odds_of(ranks: Floats, cells: Floats) -> Floats:
    """What each bet multiplies its capital by at each rank, (ranks, bets): 1 on average over a uniform one.

    `cells` are those of the histograms, and take the ranks in.
    """
    middle = np.abs(2.0 * ranks - 1.0)
    places = np.stack([ranks, 1.0 - ranks, middle, 1.0 - middle], axis=1)
    odds = np.empty((len(ranks), len(BETS.weight)))
    odds[:, : len(BETS.side)] = np.where(places[:, BETS.side] < BETS.share, BETS.inside, BETS.outside)
    for row, cell in enumerate(np.minimum((ranks * CELLS).astype(int), CELLS - 1).tolist()):
        odds[row, len(BETS.side) :] = cells[:, cell] / cells.sum(axis=1) * CELLS
        cells -= (cells - PRIOR) * _FADING
        cells[:, cell] += 1.0
    return odds
