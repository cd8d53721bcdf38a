"""Figures with their intervals, and where there is none, why."""

import numpy as np
import pytest
from tests.measured import MEAN, PROPORTION, Ratio, Score, pairs_of, some_cases

from palier.cases import Case, Outcome
from palier.evals.estimates.estimating import estimate, estimates
from palier.metrics.intervals import wilson


def test_a_proportion_has_wilsons_interval():
    found = estimate(PROPORTION, pairs_of(some_cases(40), [1] * 30 + [0] * 10))
    assert (found.value, found.n, found.families, found.method) == (0.75, 40, 40, "Wilson")
    assert (found.low, found.high) == wilson(30, 40)


def test_families_make_it_wider():
    right = np.repeat(np.random.default_rng(0).random(30) < 0.7, 4)
    alone = estimate(PROPORTION, pairs_of(some_cases(120), right))
    found = estimate(PROPORTION, pairs_of(some_cases(120, members=4), right))
    assert (found.n, found.families, found.method) == (120, 30, "Wilson, families as clusters")
    assert found.value == alone.value
    assert found.high - found.low > 1.7 * (alone.high - alone.low)


def test_a_mean_has_bcas():
    found = estimate(MEAN, pairs_of(some_cases(60), np.random.default_rng(1).beta(0.5, 2, 60)))
    assert found.method == "BCa"
    assert found.low < found.value < found.high
    assert found.high - found.value > found.value - found.low


def test_a_mean_of_cases_that_are_all_alike_is_not_certain():
    """Twenty perfect scores: no scores below 1 are more uncertain than as many that are right or wrong."""
    found = estimate(MEAN, pairs_of(some_cases(20), np.ones(20)))
    assert (found.low, found.high) == wilson(20, 20)
    assert found.method == "Wilson, wider than needed: every draw gives the same figure"


def test_few_families_have_the_wider_interval():
    values = np.random.default_rng(1).random(6)
    found = estimate(Score("mean", low=0, high=100), pairs_of(some_cases(6), 100 * values))
    low, high = wilson(values.sum(), 6)
    assert (found.low, found.high) == pytest.approx((100 * low, 100 * high))
    assert "fewer than 10 families" in found.method


def test_a_figure_without_end_has_none_of_few():
    cases = some_cases(3)
    pairs = [(c, Outcome(id=c.id, candidate="it", metrics={"part": 1.0, "whole": 2.0})) for c in cases]
    found = estimate(Ratio(), pairs)
    assert (found.value, found.low, found.high) == (0.5, None, None)
    assert found.method == "no interval: fewer than 10 families"


def test_unknown_is_none():
    nothing = estimate(MEAN, [(Case(id="a"), Outcome(id="a", candidate="it"))])
    assert (nothing.value, nothing.n, nothing.method) == (None, 0, "no case has what it goes by")
    assert estimate(MEAN, []).value is None
    undefined = estimate(
        Ratio(), [(Case(id="a"), Outcome(id="a", candidate="it", metrics={"part": 0.0, "whole": 0.0}))]
    )
    assert (undefined.value, undefined.method) == (None, "not defined on these cases")


def test_a_failure_counts_as_wrong():
    pairs = [*pairs_of(some_cases(3), [1, 1, 1]), (Case(id="z"), Outcome(id="z", candidate="it", status="failed"))]
    assert estimate(PROPORTION, pairs).value == 0.75


def test_by_split_and_all_together():
    pairs = pairs_of(some_cases(20), np.ones(20)) + pairs_of(some_cases(10, split="holdout", prefix="h"), np.zeros(10))
    found = estimates(PROPORTION, pairs)
    assert {split: (one.value, one.n) for split, one in found.items()} == {
        "dev": (1.0, 20),
        "holdout": (0.0, 10),
        "all": (pytest.approx(2 / 3), 30),
    }
    assert list(estimates(PROPORTION, pairs[:20])) == ["dev", "all"]
    assert estimates(PROPORTION, [])["all"].value is None
