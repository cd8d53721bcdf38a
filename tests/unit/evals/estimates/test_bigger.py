"""Fronts, the price of the next point, the curve, and what is said of what is not known."""

import msgspec
import numpy as np
import pytest
from tests.measured import PROPORTION, Score, results, some_cases

from palier.cases import Published
from palier.evals.estimates.bigger import bigger
from palier.evals.estimates.choosing import Constraints
from palier.evals.estimates.estimating import estimates
from palier.evals.figures import Candidate, Latency, Quantiles, Resources
from palier.types import Quantity

NONE = Constraints()
CASES = some_cases(300)
RANDOM = np.random.default_rng(0)
HARD = RANDOM.permutation(300) / 300
COST = {"small": 0.001, "medium": 0.002, "wasteful": 0.004, "large": 0.01}
RIGHT = {"small": HARD < 0.5, "medium": HARD < 0.8, "wasteful": HARD < 0.75, "large": (HARD < 0.81)}
PAID = {name: cost * RANDOM.uniform(0.5, 1.5, 300) for name, cost in COST.items()}
OUTCOMES = {name: results(name, CASES, RIGHT[name].astype(float), PAID[name]) for name in COST}


def candidate(name, outcomes=None, cases=CASES, metric=PROPORTION, **fields):
    found = (outcomes or OUTCOMES)[name]
    paid = [o.cost.value for o in found.values()]
    cost = Quantity() if None in paid else Quantity(value=float(np.mean(paid)), basis="measured")
    return Candidate(
        name=name,
        metrics={"score": estimates(metric, [(case, found[case.id]) for case in cases])},
        **{"kind": "tier", "resources": Resources(cost=cost), **fields},
    )


ALL = [candidate(name, parameters=int(1e12 * COST[name])) for name in COST]


def of(candidates=ALL, cases=CASES, outcomes=OUTCOMES, metric=PROPORTION, constraints=NONE):
    return bigger(candidates, metric, constraints, cases, outcomes)


def test_the_front_is_of_those_that_no_other_beats():
    found = of()
    assert found.fronts == {"cost": ("small", "medium", "large"), "parameters": ("small", "medium", "large")}
    assert "not on the front of carbon, which is unknown of them: `small`, `medium`, `wasteful`, `large`" in found.notes
    assert found.choice.candidate == "large"
    assert of(constraints=Constraints(margin=0.05)).choice.candidate == "medium"


def test_a_point_has_its_price_where_there_is_a_gain():
    first, second, sized, _ = of().steps
    assert (first.base, first.next, first.axis) == ("small", "medium", "cost")
    assert first.gain.value == pytest.approx(0.3)
    assert first.extra == pytest.approx(PAID["medium"].mean() - PAID["small"].mean())
    assert first.per_point.value == pytest.approx(first.extra / 30)
    assert first.per_point.method == "Fieller"
    assert first.extra / 36 < first.per_point.low < first.per_point.value < first.per_point.high < first.extra / 24
    assert (second.next, second.per_point.value, second.per_point.method) == ("large", None, "the gain may be nothing")
    assert second.gain.low <= 0 < second.gain.value
    assert second.extra > 0
    assert (sized.axis, sized.extra) == ("parameters", 1e9)
    assert sized.per_point.low < 1e9 / 30 < sized.per_point.high


def test_the_price_of_what_is_unknown_is_unknown():
    """Costs of single cases are not known: the figures are taken, and taken as certain."""
    bare = {name: results(name, CASES, RIGHT[name].astype(float)) for name in ("small", "medium")}
    told = [candidate(n, bare, resources=Resources(cost=Quantity(value=COST[n], basis="estimated"))) for n in bare]
    (step,) = of(told, outcomes=bare).steps
    assert step.extra == pytest.approx(0.001)
    assert step.per_point.value == pytest.approx(0.001 / 30)
    assert of([candidate(n, bare) for n in bare], outcomes=bare).steps == ()
    assert of([candidate(n, bare) for n in bare], outcomes=bare).fronts == {}


def test_where_lower_is_better():
    lower = Score("proportion", better="lower")
    wrong = {name: results(name, CASES, (~right).astype(float), PAID[name]) for name, right in RIGHT.items()}
    found = of([candidate(name, wrong, metric=lower) for name in wrong], outcomes=wrong, metric=lower)
    assert found.fronts["cost"] == ("small", "medium", "large")
    assert found.steps[0].gain.value == pytest.approx(0.3)
    assert found.steps[0].gain.low < 0.3 < found.steps[0].gain.high
    assert found.steps[0].per_point.value > 0


def test_equal_points_have_the_cheaper_alone():
    twins = [candidate("small"), msgspec.structs.replace(candidate("small"), name="twin")]
    assert of(twins, outcomes={**OUTCOMES, "twin": OUTCOMES["small"]}).fronts["cost"] == ("small",)


def test_published_and_simulated_are_said_to_be():
    there = Candidate(name="gpt", kind="published", published=Published(quality=0.95, cost=0.02, source="a page"))
    made = candidate("large", simulated=True)
    found = of([candidate("small"), made, there])
    assert found.fronts["cost"] == ("small", "large", "gpt")
    assert "simulated, not measured: `large` (simulated)" in found.notes
    assert any(note.endswith("compared with none of these: `gpt` (published)") for note in found.notes)
    step = found.steps[-1]
    assert (step.gain.low, step.per_point.value) == (None, None)
    assert step.gain.value == pytest.approx(0.95 - RIGHT["large"].mean())
    assert step.gain.method == "no interval: no case in common"
    assert found.choice.candidate == "small"


def test_latency_is_that_of_95_in_100_and_says_where_it_compares_badly():
    def slow(name, p95, concurrency):
        quantiles = Quantiles(p50=1, p95=p95, p99=p95, n=300)
        return candidate(name, latency=Latency(concurrency=concurrency, total=quantiles))

    found = of([slow("small", 100, 1), slow("medium", 900, 8)])
    assert found.fronts["latency"] == ("small", "medium")
    step = next(step for step in found.steps if step.axis == "latency")
    assert step.extra == 800
    assert any("different numbers of questions at once" in note for note in found.notes)


def test_a_curve_only_from_six_sizes_on():
    sizes = [10**8, 5 * 10**8, 10**9, 3 * 10**9, 7 * 10**9, 7 * 10**10]
    right = {f"m{i}": share > HARD for i, share in enumerate((0.2, 0.35, 0.5, 0.6, 0.75, 0.9))}
    outcomes = {name: results(name, CASES, values.astype(float)) for name, values in right.items()}
    models = [candidate(name, outcomes, parameters=size) for name, size in zip(outcomes, sizes, strict=True)]
    assert of(models, outcomes=outcomes).curve["sizes"] == 6
    five = of(models[:5], outcomes=outcomes)
    assert five.curve is None
    assert "no curve of quality against size: 5 sizes were measured, and 6 are needed" in five.notes
    for change in ({"simulated": True}, {"kind": "cascade"}, {"variant_of": "m0"}, {"parameters": sizes[0]}):
        other = [*models[:5], msgspec.structs.replace(models[5], **change)]
        assert of(other, outcomes=outcomes).curve is None, change
    flat = {name: results(name, CASES, (HARD < 0.5).astype(float)) for name in outcomes}
    even = [candidate(name, flat, parameters=size) for name, size in zip(flat, sizes, strict=True)]
    assert any("may be flat" in note for note in of(even, outcomes=flat).notes)


def test_a_candidate_tuned_on_dev_is_judged_on_the_holdout():
    cases = [*CASES, *some_cases(100, split="holdout", prefix="h")]
    scores = {
        "tuned": np.concatenate((np.ones(300), np.arange(100) % 2)),
        "plain": np.ones(400) * (np.arange(400) % 4 > 0),
    }
    outcomes = {name: results(name, cases, values, 0.001) for name, values in scores.items()}
    tuned = candidate("tuned", outcomes, cases, tuned_on="dev")
    found = of([tuned, candidate("plain", outcomes, cases)], cases, outcomes)
    assert found.fronts["cost"] == ("plain",)
    assert "quality is that of the holdout: `tuned` was tuned on dev" in found.notes
    assert found.choice.candidate == "plain"
    alone = of([candidate("tuned", outcomes, CASES, tuned_on="dev")], CASES, outcomes)
    assert any("there is no holdout" in note for note in alone.notes)


def test_nothing_measured_is_nothing_said():
    found = of([Candidate(name="x", kind="tier")], outcomes={})
    assert (found.fronts, found.steps, found.curve) == ({}, (), None)
    assert "on no front, for their quality is unknown: `x`" in found.notes
    assert found.choice.candidate is None
