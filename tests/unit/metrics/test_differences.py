"""Tests of a difference against exact ones, Holm by hand, and how many cases it takes."""

import math

import numpy as np
import pytest
from scipy import stats

from palier.metrics.differences import (
    apart,
    fieller,
    holm,
    holm_levels,
    needed,
    needed_a_side,
    paired_p,
    paired_shares,
)
from palier.metrics.intervals import wilson


def mean(sums):
    return sums[..., 0] / sums[..., 1]


def rows_of(values):
    return np.column_stack((np.asarray(values, dtype=float), np.ones(len(values))))


def disagreeing(more, less, alike):
    first = np.concatenate((np.ones(more), np.zeros(less), np.ones(alike)))
    second = np.concatenate((np.zeros(more), np.ones(less), np.ones(alike)))
    return rows_of(first), rows_of(second)


@pytest.mark.parametrize(("more", "less"), [(9, 2), (14, 6), (5, 5), (8, 0)])
def test_of_proportions_it_is_the_mid_p_of_mcnemar(more, less):
    """Fagerland, Lydersen and Laake (2013): half of what is as likely as what was seen."""
    first, second = disagreeing(more, less, 80)
    p = stats.binom.pmf(np.arange(more + less + 1), more + less, 0.5)
    apart = np.abs(2 * np.arange(more + less + 1) - more - less)
    expected = p[apart > abs(more - less)].sum() + p[apart == abs(more - less)].sum() / 2
    found = paired_p(first, second, mean, draws=40_000)
    assert found == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 40_000) if expected < 0.2 else 0.03)


def test_of_few_families_it_is_exact():
    first, second = rows_of([1, 1, 1, 1, 1, 1]), rows_of([0, 0, 0, 0, 0, 0])
    assert paired_p(first, second, mean) == pytest.approx(2 / 64, abs=0.006)
    families = np.repeat(np.arange(3), 40)
    many, none = rows_of(np.ones(120)), rows_of(np.zeros(120))
    assert paired_p(many, none, mean, families) == pytest.approx(2 / 8, abs=0.03)


def test_no_difference_is_no_evidence():
    rows = rows_of(np.random.default_rng(0).random(30))
    assert paired_p(rows, rows, mean) == 1.0


def test_it_is_never_0_and_more_draws_can_tell_more():
    first, second = rows_of(np.ones(100)), rows_of(np.zeros(100))
    assert paired_p(first, second, mean) == pytest.approx(1 / 10_001)
    assert paired_p(first, second, mean, draws=50_000) == pytest.approx(1 / 50_001)


def test_rows_of_other_cases_are_refused():
    with pytest.raises(ValueError, match="same cases"):
        paired_p(np.ones((3, 2)), np.ones((4, 2)), mean)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []
    assert holm_levels([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.05 / 3, 0.05, 0.025])


def test_needed_is_what_the_formula_says():
    # (1.96 + 0.8416)^2 x (0.5 / 0.1)^2 = 196.2 families of one case, of which 100 are there.
    assert needed(0.1, 0.05, 100, 100) == 97
    assert needed(-0.1, 0.05, 100, 100) == 97
    # Of two cases each, twice as many.
    assert needed(0.1, 0.05, 200, 100) == 200
    assert needed(0.001, 0.05, 100, 100) == 2_000_000
    assert needed(0.0, 0.05, 100, 100) is None
    assert needed(math.nan, 0.05, 100, 100) is None


def test_needed_is_no_fewer_than_could_pass():
    """Three families that all differ alike have no spread, and no three could tell anything."""
    assert needed(1.0, 0.0, 3, 3) == 3


def test_shares_that_agree_on_all_may_yet_differ():
    low, high = paired_shares(np.ones(200), np.ones(200))
    assert (low, high) == pytest.approx((-high, high))
    # With no disagreement it is Wilson's of none in 200: z^2 / (n + z^2).
    assert high == pytest.approx(1.96**2 / (200 + 1.96**2), rel=1e-3)


def test_the_interval_of_shares_is_tangos():
    """Its ends are where the score test of Tango (1998) is on the edge; by hand where all disagree the same way."""
    first = np.array([1.0] * 5 + [0.0] * 1 + [1.0] * 44)
    second = np.array([0.0] * 5 + [1.0] * 1 + [1.0] * 44)
    low, high = paired_shares(first, second)
    for end in (low, high):
        n, more, less = 50, 5, 1
        linear = (2 * n - more + less) * end - more - less
        rarer = (math.sqrt(linear**2 + 8 * n * less * end * (1 - end)) - linear) / (4 * n)
        assert abs(more - less - n * end) / math.sqrt(n * (2 * rarer + end * (1 - end))) == pytest.approx(1.95996, 1e-4)
    assert low < 4 / 50 < high
    assert paired_shares(np.ones(20), np.zeros(20)) == (pytest.approx((20 - 1.96**2) / (20 + 1.96**2), rel=1e-3), 1.0)


def test_fieller_by_hand():
    """A denominator that is known makes it the interval of the numerator."""
    assert fieller(6.0, 2.0, [[1.0, 0.0], [0.0, 0.0]], 2.0) == pytest.approx((2.0, 4.0))
    low, high = fieller(6.0, 2.0, [[0.0, 0.0], [0.0, 0.25]], 2.0)
    assert (low, high) == pytest.approx((2.0, 6.0))
    assert all(math.isnan(end) for end in fieller(6.0, 2.0, [[0.0, 0.0], [0.0, 1.0]], 2.0))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090)), ((10, 10), (0, 20), (0.6791, 1.0))],
)
def test_two_shares_of_different_cases_are_as_newcombe_published_them(first, second, expected):
    """Newcombe (1998), table II, method 10."""
    shares = [(k / n, wilson(k, n)) for k, n in (first, second)]
    (one, around), (other, about) = shares
    value, low, high = apart(one, around, other, about)
    assert value == pytest.approx(one - other)
    assert (low, high) == pytest.approx(expected, abs=6e-5)
    back = apart(other, about, one, around)
    assert back == pytest.approx((-value, -high, -low))


def test_a_difference_of_different_cases_is_covered_as_often_as_it_says():
    rng, held, draws = np.random.default_rng(3), 0, 2_000
    for _ in range(draws):
        k, m = rng.binomial(60, 0.3), rng.binomial(150, 0.1)
        _, low, high = apart(k / 60, wilson(k, 60), m / 150, wilson(m, 150))
        held += low <= 0.2 <= high
    assert 0.935 <= held / draws <= 0.975


def test_how_many_a_side_it_takes_is_what_gives_the_power():
    p, q = 0.4, 0.3
    n = needed_a_side(p - q, p * (1 - p) + q * (1 - q))
    assert n is not None
    rng, told, draws = np.random.default_rng(4), 0, 1_000
    for _ in range(draws):
        k, m = rng.binomial(n, p), rng.binomial(n, q)
        told += apart(k / n, wilson(k, n), m / n, wilson(m, n))[1] > 0
    assert 0.76 <= told / draws <= 0.84
    assert needed_a_side(0.0, 1.0) is None
