"""The gap between splits, the stability of wordings, the spread of prompts."""

import numpy as np
import pytest
from tests.measured import MEAN, PROPORTION, Score, pairs_of, some_cases

from palier.evals.estimates.overfit import gap, spread, stability
from palier.evals.figures import Candidate, Estimate


def two_splits(dev, holdout):
    return pairs_of(some_cases(len(dev)), dev) + pairs_of(
        some_cases(len(holdout), split="holdout", prefix="h"), holdout
    )


def test_the_gap_is_that_of_newcombe():
    """His own example (1998, table II, method 10): 56 of 70 less 48 of 80 is .2 [.0524, .3339]."""
    found = gap(PROPORTION, two_splits([1] * 56 + [0] * 14, [1] * 48 + [0] * 32))
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert (found.n, found.families) == (150, 150)
    assert found.method == "Newcombe, of two splits (Wilson)"


def test_above_0_dev_looks_better_than_it_is_whichever_way_better_is():
    random = np.random.default_rng(0)
    low, high = random.beta(2, 6, 60), random.beta(6, 2, 60)
    assert gap(MEAN, two_splits(high, low)).low > 0
    assert gap(Score(better="lower"), two_splits(low, high)).low > 0
    assert gap(Score(better="lower"), two_splits(low, high)).value == pytest.approx(high.mean() - low.mean())


def test_no_gap_of_one_split():
    assert gap(PROPORTION, pairs_of(some_cases(10), [1] * 10)) is None
    assert gap(PROPORTION, []) is None


def test_stability_is_of_families_that_are_answered_alike():
    cases = some_cases(9, members=3)
    found = stability(PROPORTION, pairs_of(cases, [1, 1, 1, 0, 0, 0, 1, 0, 1]))
    assert (found.value, found.n, found.families) == (pytest.approx(2 / 3), 9, 3)
    assert 0 < found.low < 2 / 3 < found.high < 1


@pytest.mark.parametrize(("metric", "apart", "alike"), [(MEAN, 0.1, 1), (MEAN, 0.11, 0), (Score(high=100), 9.0, 1)])
def test_scores_are_alike_within_a_tenth_of_the_range(metric, apart, alike):
    assert stability(metric, pairs_of(some_cases(2, members=2), [0.5, 0.5 + apart])).value == alike


def test_no_stability_without_families():
    assert stability(PROPORTION, pairs_of(some_cases(5), [1] * 5)) is None
    assert stability(PROPORTION, []) is None


def test_spread_is_of_prompt_variants():
    def with_quality(name, value, variant_of=""):
        return Candidate(name=name, kind="tier", variant_of=variant_of, metrics={"f1": {"all": Estimate(value=value)}})

    candidates = [
        with_quality("a", 0.8),
        with_quality("a-short", 0.7, "a"),
        with_quality("a-long", 0.85, "a"),
        with_quality("a-lost", None, "a"),
        with_quality("b", 0.1),
        with_quality("c-short", 0.2, "c"),
    ]
    assert spread(candidates, "f1") == {"a": pytest.approx(0.15)}
    assert spread(candidates, "other") == {}
