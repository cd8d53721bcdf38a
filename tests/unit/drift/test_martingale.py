"""The watch over one signal: silent while nothing changes, whatever the looks; it sees what changes."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.drift.martingale import BETS, CELLS, HALVES, PRIOR, Martingale, odds_of

BINS = 16


def watch(delta: float = 0.05, seed: int = 1, counts: list[int] | None = None) -> Martingale:
    return Martingale(delta=delta, counts=list(counts or [40] * BINS), seed=seed)


def test_no_bet_gains_while_ranks_are_uniform() -> None:
    """What each multiplies its capital by is 1 on average over all ranks: then Ville's inequality holds."""
    cells = np.full((len(HALVES), CELLS), PRIOR)
    cells[0, 3] += 40.0
    grid = (np.arange(5_000) + 0.5) / 5_000
    means = np.mean([odds_of(np.array([rank]), cells.copy())[0] for rank in grid], axis=0)
    assert means == pytest.approx(np.ones(len(BETS.weight)), abs=2e-3)
    assert BETS.weight.sum() == pytest.approx(1.0)


def test_false_alarms_are_no_more_than_was_said_over_all_looks() -> None:
    """At a level of 20 %, 80 watches of which each is looked at after every value: 28 would be 3 deviations too many."""
    rng = np.random.default_rng(3)
    alarms = 0
    for seed in range(80):
        shape = rng.dirichlet(np.ones(5))
        one = watch(0.2, seed, rng.multinomial(60, shape).tolist())
        one.update(rng.choice(5, 250, p=shape).tolist())
        alarms += one.alarmed_at is not None
    assert alarms <= 16 + 3 * 3.6


@pytest.mark.parametrize(
    "changed",
    [
        np.r_[np.full(8, 1.0), np.full(8, 2.0)],  # higher
        np.r_[np.full(8, 2.0), np.full(8, 1.0)],  # lower
        np.r_[np.full(15, 1.0), 5.0],  # a few much higher
        np.r_[np.full(7, 1.0), 6.0, np.full(8, 1.0)],  # one bin in the middle
        np.r_[3.0, 3.0, np.full(12, 1.0), 3.0, 3.0],  # more extreme
    ],
)
def test_it_sees_a_change_after_a_quiet_time(changed: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    one = watch(0.01)
    one.update(rng.integers(0, BINS, 600).tolist())
    assert one.alarmed_at is None
    one.update(rng.choice(BINS, 900, p=changed / changed.sum()).tolist())
    assert one.alarmed_at is not None
    assert one.evidence > 100
    assert 400 < one.onset <= one.alarmed_at


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, BINS - 1), max_size=60), st.integers(0, 60))
def test_it_does_not_matter_how_many_come_at_a_time(bins: list[int], cut: int) -> None:
    whole, parts = watch(), watch()
    whole.update(bins)
    parts.update(bins[:cut])
    parts = msgspec.json.decode(msgspec.json.encode(parts), type=Martingale)  # and a restart in between
    parts.update(bins[cut:])
    assert parts == whole
    assert sum(whole.counts) == 40 * BINS + len(bins) == 40 * BINS + whole.n


def test_a_yes_or_no_is_watched_by_the_same_ranks() -> None:
    rng = np.random.default_rng(7)
    one = watch(0.01, counts=[800, 200])
    one.update((rng.random(1500) < 0.35).astype(int).tolist())
    assert one.alarmed_at is not None


@pytest.mark.parametrize("bins", [[-1], [BINS]])
def test_a_bin_that_is_none_changes_nothing(bins: list[int]) -> None:
    one = watch()
    with pytest.raises(ValueError, match="bins go from 0 to 15"):
        one.update(bins)
    assert one == watch()
