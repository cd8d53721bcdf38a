"""A small run of the simulation, with its seeds: what is shipped holds the truth, and what is not used does not."""

import numpy as np
import pytest
from benchmarks.interval_coverage import (
    bleu_like,
    cells,
    covered,
    exact_wilson,
    macro_f1,
    of_splits,
    of_two,
    told,
    two_proportions,
    two_shapes,
)
from benchmarks.interval_coverage import mean as mean_of
from scipy import stats

from palier.metrics.intervals import wilson


def test_the_coverage_of_wilson_is_summed_exactly():
    ends = [wilson(k, 60) for k in range(61)]
    held = [low <= 0.9 <= high for low, high in ends]
    assert exact_wilson(60, 0.9) == pytest.approx(stats.binom.pmf(np.arange(61), 60, 0.9)[held].sum())


def test_the_figures_are_what_they_say():
    from sklearn.metrics import f1_score

    true, said = np.array([0, 1, 2, 2, 1, 0, 0]), np.array([0, 2, 2, 1, 1, 0, 1])
    one, other = np.eye(3)[true], np.eye(3)[said]
    sums = np.hstack((one * other, other, one)).sum(axis=0)
    assert macro_f1(sums) == pytest.approx(f1_score(true, said, average="macro"))
    assert bleu_like(np.array([8.0, 10.0, 4.0, 8.0, 10.0, 12.0])) == pytest.approx((0.8 * 0.5) ** 0.5 * np.exp(-0.2))


@pytest.mark.parametrize(
    "name", ["BCa, mean of skewed scores", "BCa, mean token F1", "BCa, BLEU-like", "Wilson, families"]
)
def test_intervals_hold_the_truth(name):
    """Of 150 draws of 100 cases: within three standard errors of .95, less what a hundred cases are short of."""
    found = covered(cells()[name], 100, 150, seed=11)
    assert 0.89 <= found["share"] <= 0.995, found


def test_families_that_are_taken_for_cases_do_not():
    assert covered(cells()["not used: Wilson, families taken for cases"], 200, 300, seed=11)["share"] < 0.88


def test_intervals_of_differences_hold_the_truth():
    assert 0.92 <= of_two(100, 150, (0.86, 0.80), 0.5)["Tango"]["share"] <= 0.99
    assert 0.925 <= of_splits(150, 2000)["Newcombe, two splits"]["share"] <= 0.975


def test_what_is_equal_is_seldom_told_apart_and_what_is_not_often():
    assert told(two_proportions((0.8, 0.8), 0.5), mean_of, 100, 300)["share"] <= 0.09
    assert told(two_shapes, mean_of, 100, 300)["share"] <= 0.09
    assert told(two_proportions((0.9, 0.75), 0.5), mean_of, 200, 100)["share"] >= 0.9
