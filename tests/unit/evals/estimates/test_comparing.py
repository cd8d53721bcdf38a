"""Better, worse or cannot tell, with the truth known."""

import numpy as np
import pytest
from tests.measured import MEAN, PROPORTION, Ratio, Score, results, some_cases

from palier.cases import Outcome
from palier.errors import ConfigurationError
from palier.evals.estimates.comparing import compare

CASES = some_cases(300)
RANDOM = np.random.default_rng(0)
HARD = RANDOM.random(300)
GOOD, BAD = (HARD < 0.85).astype(float), (HARD < 0.7).astype(float)
LIKE = GOOD.copy()
LIKE[np.flatnonzero(GOOD)[:5]], LIKE[np.flatnonzero(GOOD == 0)[:2]] = 0, 1


def of(**scores):
    return {name: results(name, CASES, values) for name, values in scores.items()}


def test_the_verdict_goes_by_the_corrected_p():
    better, same = compare([PROPORTION], CASES, of(base=BAD, good=GOOD, same=BAD))
    assert (better.candidate, better.baseline, better.verdict, better.needs) == ("good", "base", "better", None)
    assert better.difference.value == pytest.approx(GOOD.mean() - BAD.mean())
    assert better.difference.low > 0
    assert better.adjusted == pytest.approx(2 * better.p)
    assert (same.verdict, same.p, same.difference.value, same.needs) == ("cannot tell", 1.0, 0.0, None)
    assert same.difference.low < 0 < same.difference.high


def test_against_the_baseline_that_is_named():
    (worse,) = compare([PROPORTION], CASES, of(base=BAD, good=GOOD), baseline="good")
    assert (worse.candidate, worse.baseline, worse.verdict) == ("base", "good", "worse")


def test_where_lower_is_better():
    (found,) = compare([Score(better="lower")], CASES, of(base=BAD, other=GOOD))
    assert found.difference.value > 0
    assert found.verdict == "worse"


def test_cannot_tell_says_how_many_it_would_take():
    (found,) = compare([PROPORTION], CASES, of(base=GOOD, like=LIKE))
    assert found.verdict == "cannot tell"
    assert found.difference.value != 0
    assert found.needs > 300


def test_a_failure_is_a_wrong_answer_and_what_was_not_asked_is_left_out():
    outcomes = of(base=GOOD, failing=GOOD)
    failing = dict(outcomes["failing"])
    for case in CASES[:60]:
        failing[case.id] = Outcome(id=case.id, candidate="failing", status="failed", error="timeout")
    del failing[CASES[-1].id]
    (found,) = compare([PROPORTION], CASES, {"base": outcomes["base"], "failing": failing})
    assert found.difference.n == 299
    assert found.verdict == "worse"


def test_only_of_the_split():
    cases = [*CASES[:100], *some_cases(50, split="holdout", prefix="h")]
    outcomes = {name: results(name, cases, np.ones(150) * value) for name, value in (("base", 0.5), ("it", 0.6))}
    whole, dev, holdout = compare([MEAN], cases, outcomes, split=("all", "dev", "holdout"))
    assert [one.difference.n for one in (whole, dev, holdout)] == [150, 100, 50]
    assert [one.split for one in (whole, dev, holdout)] == ["all", "dev", "holdout"]
    assert all(one.difference.value == pytest.approx(0.1) for one in (whole, dev, holdout))
    # A constant difference is no certain one.
    assert holdout.difference.low < 0.1 < holdout.difference.high


def test_families_are_one_draw():
    right = np.repeat(RANDOM.random(30) < 0.5, 10).astype(float)
    other = right.copy()
    other[:40] = 1 - other[:40]  # Four families of ten, which are not forty cases.
    right[:40] = 0
    other[:40] = 1
    alone = {name: results(name, CASES, values) for name, values in (("base", right), ("it", other))}
    (told,) = compare([PROPORTION], CASES, alone)
    families = some_cases(300, members=10)
    (untold,) = compare(
        [PROPORTION],
        families,
        {name: results(name, families, [o.metrics["score"] for o in found.values()]) for name, found in alone.items()},
    )
    assert (told.verdict, untold.verdict) == ("better", "cannot tell")
    assert untold.difference.families == 30
    assert untold.difference.method == "BCa, paired"


def test_many_comparisons_can_still_be_told():
    """With 2,000 draws no p-value could be small enough for the strictest of 110 levels."""
    cases = CASES[:40]
    names = {"base": np.zeros(40), **{f"c{i}": np.ones(40) for i in range(110)}}
    found = compare([PROPORTION], cases, {name: results(name, cases, values) for name, values in names.items()})
    assert len(found) == 110
    assert {one.verdict for one in found} == {"better"}


def test_what_is_not_defined_is_not_compared():
    nothing = {
        n: {c.id: Outcome(id=c.id, candidate=n, metrics={"part": 0.0, "whole": 0.0}) for c in CASES} for n in "ab"
    }
    assert compare([Ratio()], CASES, nothing) == ()
    assert compare([PROPORTION], CASES, of(base=GOOD)) == ()
    assert compare([PROPORTION], [], of(base=GOOD, it=BAD)) == ()
    assert compare([PROPORTION], CASES, {}) == ()


def test_a_baseline_without_results_is_refused():
    with pytest.raises(ConfigurationError, match="no results of `cloud`") as refused:
        compare([PROPORTION], CASES, of(base=GOOD, it=BAD), baseline="cloud")
    assert "base, it" in refused.value.hint


def test_the_mean_of_several_tries_is_no_right_or_wrong():
    """.51 against .50 on every case is a hundredth, and no certainty that the one is right where the other is not."""
    (found,) = compare([PROPORTION], CASES, of(base=np.full(300, 0.50), other=np.full(300, 0.51)))
    assert found.difference.value == pytest.approx(0.01)
    assert found.difference.low <= 0.01 <= found.difference.high < 0.1
    tries = np.random.default_rng(1).binomial(4, 0.8, 300) / 4
    (found,) = compare([PROPORTION], CASES, of(base=np.random.default_rng(2).binomial(4, 0.5, 300) / 4, other=tries))
    assert found.difference.low < found.difference.value < found.difference.high
    assert found.difference.method == "BCa, paired"
