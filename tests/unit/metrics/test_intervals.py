"""Intervals against a reference implementation, and where there is nothing to say."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from palier.metrics.intervals import bca, expanded, of_quantile, resample, student, wilson, wilson_of_families


def mean(sums):
    return sums[..., 0] / sums[..., 1]


def rows_of(values):
    return np.column_stack((values, np.ones(len(values))))


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (13, 40), (190, 200), (99_999, 100_000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilson_is_that_of_scipy(right, n, confidence):
    reference = stats.binomtest(right, n).proportion_ci(confidence, method="wilson")
    assert wilson(right, n, confidence) == pytest.approx((reference.low, reference.high), abs=1e-12)


@pytest.mark.parametrize(("right", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_of_nothing_possible_is_refused(right, n):
    with pytest.raises(ValueError, match="trials"):
        wilson(right, n)


@pytest.mark.parametrize("freedom", [1, 2, 3, 5, 9, 49, 999])
def test_student_is_that_of_scipy(freedom):
    assert student(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=2e-3)


@pytest.mark.parametrize("n", [30, 200])
def test_bca_is_that_of_scipy_at_the_same_level(n):
    """Which has no correction for few cases: it is asked for the confidence that ours comes to."""
    values = np.random.default_rng(4).beta(0.5, 2, n)
    level = 1 - 2 * stats.norm.sf(expanded(0.95, n))
    reference = stats.bootstrap(
        (values,), np.mean, method="BCa", confidence_level=level, n_resamples=20_000, rng=np.random.default_rng(5)
    ).confidence_interval
    value, low, high = bca(rows_of(values), mean, draws=20_000)
    assert value == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=0.04 * (high - low))


def test_bca_of_a_ratio_is_that_of_scipy():
    random = np.random.default_rng(6)
    above, below = random.gamma(2, 1, 80), random.gamma(3, 1, 80)
    reference = stats.bootstrap(
        (above, below),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        method="BCa",
        confidence_level=1 - 2 * stats.norm.sf(expanded(0.95, 80)),
        n_resamples=20_000,
        rng=np.random.default_rng(7),
    ).confidence_interval
    _, low, high = bca(np.column_stack((above, below)), mean, draws=20_000)
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=0.04 * (high - low))


def test_the_error_is_that_of_the_mean():
    values = np.random.default_rng(1).random(40)
    assert resample(rows_of(values), mean).error == pytest.approx(values.std(ddof=1) / math.sqrt(40))


def test_one_family_has_no_interval():
    value, low, high = bca(rows_of([0.0, 1.0, 1.0]), mean, [4, 4, 4])
    assert value == pytest.approx(2 / 3)
    assert math.isnan(low)
    assert math.isnan(high)
    assert resample(rows_of([1.0]), mean).unknown == "one family says nothing of others"


def test_all_alike_is_no_certainty():
    found = resample(rows_of(np.full(50, 0.7)), mean)
    assert found.unknown == "every draw gives the same figure"
    assert all(math.isnan(end) for end in found.interval())


def test_a_figure_that_draws_do_not_have_has_no_interval():
    """The only case with a denominator is left out of a third of the draws."""
    rows = np.zeros((30, 2))
    rows[3] = (1.0, 2.0)

    def ratio(sums):
        return np.where(sums[..., 1] > 0, sums[..., 0] / np.maximum(sums[..., 1], 1e-9), np.nan)

    found = resample(rows, ratio)
    assert found.value == 0.5
    assert found.unknown.startswith("not defined in 3")
    assert math.isnan(found.interval()[0])


def test_families_of_copies_are_no_more_evidence():
    right = np.random.default_rng(2).random(200) < 0.8
    alone, copied = np.arange(200), np.repeat(np.arange(200), 5)
    low, high = wilson_of_families(right, alone)
    assert (low, high) == wilson(right.sum(), 200)
    wide = wilson_of_families(np.repeat(right, 5), copied)
    assert wide[1] - wide[0] == pytest.approx(high - low, rel=0.01)
    naive = wilson(5 * right.sum(), 1000)
    assert wide[1] - wide[0] > 2 * (naive[1] - naive[0])
    values = np.random.default_rng(3).random(60)
    _, once, twice = bca(rows_of(values), mean)
    _, *more = bca(rows_of(np.repeat(values, 4)), mean, np.repeat(np.arange(60), 4))
    assert more[1] - more[0] == pytest.approx(twice - once, rel=0.08)


def test_families_that_are_all_right_count_once():
    assert wilson_of_families(np.ones(60), np.repeat(np.arange(20), 3)) == wilson(20, 20)
    assert wilson_of_families(np.ones(3), np.zeros(3)) == wilson(1, 1)


def test_memory_is_bounded_and_many_cases_are_quick():
    rows = rows_of(np.random.default_rng(0).random(100_000))
    tracemalloc.start()
    found = resample(rows, mean, draws=100)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.error == pytest.approx(rows[:, 0].std() / math.sqrt(100_000), rel=1e-3)
    assert most < 120 * 2**20


@pytest.mark.parametrize("rows", [np.zeros((0, 2)), np.zeros(3), np.zeros((2, 0))])
def test_rows_of_another_shape_are_refused(rows):
    with pytest.raises(ValueError, match="shape"):
        bca(rows, mean)


def test_families_of_other_cases_are_refused():
    with pytest.raises(ValueError, match="2 families for 3 cases"):
        bca(rows_of([1.0, 0.0, 1.0]), mean, [1, 2])


@pytest.mark.parametrize("n", [1, 4, 8, 60, 500, 3000])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_the_interval_of_a_quantile_is_that_of_scipy(n, share):
    values = np.random.default_rng(n).lognormal(size=n)
    reference = stats.quantile_test(values, p=share).confidence_interval(0.95)
    value, low, high = of_quantile(values, share)
    assert value == np.quantile(values, share, method="inverted_cdf")
    assert (low, high) == pytest.approx((reference.low, reference.high), nan_ok=True)


def test_the_interval_of_a_quantile_holds_it_as_often_as_it_says():
    rng, held, draws = np.random.default_rng(5), 0, 2_000
    for _ in range(draws):
        _, low, high = of_quantile(rng.exponential(size=80), 0.5)
        held += low <= math.log(2) <= high
    assert held / draws >= 0.945


def test_nothing_has_no_quantile():
    assert all(math.isnan(figure) for figure in of_quantile([], 0.5))
