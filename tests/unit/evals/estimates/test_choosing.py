"""What is recommended under which constraints, and why the others are not."""

import msgspec
import numpy as np
import pytest
from tests.measured import MEAN, PROPORTION, Score, results, some_cases

from palier.cases import Published
from palier.evals.estimates.choosing import Constraints, choose, untold
from palier.evals.estimates.estimating import estimates
from palier.evals.figures import Candidate, Latency, Quantiles, Resources
from palier.types import Quantity

NONE = Constraints()
CASES = some_cases(600)
HARD = np.random.default_rng(0).permutation(600) / 600
RIGHT = {"small": HARD < 0.60, "medium": (HARD < 0.90) & (HARD > 0.003), "large": HARD < 0.90, "bad": HARD < 0.3}
COST = {"small": 0.0001, "medium": 0.001, "large": 0.01, "bad": 0.00005}
OUTCOMES = {name: results(name, CASES, right.astype(float)) for name, right in RIGHT.items()}


def candidate(name, metric=PROPORTION, **fields):
    pairs = [(case, OUTCOMES[name][case.id]) for case in CASES]
    cost = Quantity() if COST[name] is None else Quantity(value=COST[name], basis="measured")
    given = {
        "kind": "tier",
        "parameters": 1_000_000,
        "licence": "apache-2.0",
        "languages": ("fr", "en"),
        "on_premises": True,
        "resources": Resources(cost=cost, carbon=Quantity(value=0.1, basis="estimated")),
        "latency": Latency(concurrency=1, total=Quantiles(p50=100, p95=300, p99=400, n=400)),
        **fields,
    }
    return Candidate(name=name, metrics={"score": estimates(metric, pairs)}, **given)


ALL = [candidate(name) for name in RIGHT]


def chosen(constraints=NONE, candidates=ALL, metric=PROPORTION):
    return choose(candidates, metric, constraints, CASES, OUTCOMES)


def test_the_cheapest_that_is_shown_to_be_as_good_as_the_best():
    found = chosen()
    assert found.candidate == "medium"
    assert found.reason.startswith(
        "`medium` takes the least ($0.001 a request, against $0.01 a request) of those shown"
    )
    assert "worse than the best, `large` (0.9 [" in found.reason
    assert found.passed_over["large"] == "the best, but takes more: $0.01 a request"
    assert found.passed_over["small"].startswith("worse than `large` by 0.3 [")
    assert set(found.passed_over) == {"large", "small", "bad"}
    assert found.constraints == {}


def test_what_is_not_shown_is_not_taken_for_as_good():
    """On 30 cases nothing is within two points of anything: the best is taken, and what it would take is said."""
    few = CASES[:30]
    found = choose(ALL, PROPORTION, Constraints(), few, {n: {c.id: o[c.id] for c in few} for n, o in OUTCOMES.items()})
    assert found.candidate == "large"
    assert "no other is shown to be within 0.02 of it" in found.reason
    assert found.passed_over["medium"].startswith("not shown to be within 0.02 of `large`: worse by 0")
    assert "more cases might show it" in found.passed_over["medium"]
    assert "medium" in untold(found)
    assert untold(chosen()) == ()


def test_constraints_leave_out_what_does_not_keep_to_them():
    found = chosen(Constraints(max_cost=0.0005, min_quality=0.5))
    assert found.candidate == "small"
    assert found.reason.endswith("is the only candidate that meets what was asked")
    assert found.passed_over["large"] == "$0.01 a request, over $0.0005 a request"
    assert "under 0.5" in found.passed_over["bad"]
    assert found.constraints == {"max_cost": 0.0005, "min_quality": 0.5}


def test_quality_is_kept_to_by_the_lower_end():
    found = chosen(Constraints(min_quality=0.89))
    assert found.candidate is None
    assert "the figure keeps to 0.89, its lower end does not yet" in found.passed_over["large"]
    assert "the nearest is `" in found.reason


def test_where_lower_is_better():
    lower = Score("proportion", better="lower")
    found = choose([candidate(name, lower) for name in RIGHT], lower, Constraints(min_quality=0.7), CASES, OUTCOMES)
    assert found.candidate == "bad"
    assert "over 0.7" in found.passed_over["large"]
    assert found.passed_over["small"].startswith("worse than `bad` by 0.3")


@pytest.mark.parametrize(
    ("fields", "constraints", "why"),
    [
        (
            {"resources": Resources()},
            Constraints(max_cost=1),
            "its cost is unknown, and at most $1 a request was asked",
        ),
        ({"resources": Resources()}, Constraints(max_carbon=1), "its carbon is unknown"),
        ({"latency": None}, Constraints(max_latency_ms=9), "its latency is unknown, and at most 9 ms (p95) was asked"),
        ({}, Constraints(max_latency_ms=200), "300 ms (p95), over 200 ms (p95)"),
        ({}, Constraints(max_carbon=0.05), "0.1 g CO2e a request, over 0.05 g CO2e a request"),
        ({"licence": ""}, Constraints(licences=("mit",)), "its licence is unknown"),
        ({"licence": "Apache-2.0, gemma"}, Constraints(licences=("apache-2.0",)), "its licence is gemma, not one of"),
        ({"on_premises": None}, Constraints(on_premises=True), "where it runs is unknown"),
        ({"on_premises": False}, Constraints(on_premises=True), "it runs off the premises"),
        ({"languages": ()}, Constraints(languages=("fr",)), "its languages are unknown"),
        ({}, Constraints(languages=("fr", "br")), "it is not made for br"),
        ({"simulated": True}, Constraints(), "simulated: its answers were made up for a study"),
        ({"metrics": {}}, Constraints(min_quality=0.1), "its quality is unknown: not measured"),
    ],
)
def test_each_constraint_says_why(fields, constraints, why):
    import msgspec

    found = chosen(constraints, [msgspec.structs.replace(candidate("large"), **fields)])
    assert found.candidate is None
    assert why in found.passed_over["large"]
    assert why in found.reason


@pytest.mark.parametrize("licence", ["apache-2.0", "Apache-2.0 and MIT", "MIT, apache-2.0"])
def test_a_licence_is_met_whatever_its_case(licence):
    constraints = Constraints(licences=("Apache-2.0", "mit"), on_premises=True, languages=("FR",), max_carbon=1)
    assert chosen(constraints, [candidate("large", licence=licence)]).candidate == "large"


def test_what_was_published_elsewhere_is_not_recommended():
    there = Candidate(name="gpt", kind="published", published=Published(quality=0.99, cost=0.00001, source="a page"))
    found = chosen(candidates=[*ALL, there])
    assert found.candidate == "medium"
    assert found.passed_over["gpt"] == "measured elsewhere, not on these cases"
    alone = chosen(candidates=[there])
    assert alone.candidate is None
    assert "`gpt` (published)" in alone.reason


def test_where_a_cost_is_unknown_the_next_axis_decides_and_says_so():
    free = candidate("medium", resources=Resources(carbon=Quantity(value=0.01, basis="estimated")))
    found = chosen(candidates=[free, candidate("large")])
    assert found.candidate == "medium"
    assert found.reason.endswith("; by carbon, the cost of `medium` being unknown")
    unknown = {"resources": Resources(), "latency": None, "parameters": None}
    best = chosen(candidates=[candidate("medium", **unknown), candidate("large")])
    assert best.candidate == "large"
    assert "what the others would save is unknown" in best.reason


def test_answers_that_are_the_same_are_as_good():
    values = np.random.default_rng(3).random(600)
    outcomes = {name: results(name, CASES, values) for name in ("small", "large")}
    candidates = [
        Candidate(
            name=name,
            kind="tier",
            metrics={"score": estimates(MEAN, [(c, outcomes[name][c.id]) for c in CASES])},
            resources=Resources(cost=Quantity(value=COST[name], basis="measured")),
        )
        for name in outcomes
    ]
    assert choose(candidates, MEAN, Constraints(), CASES, outcomes).candidate == "small"


def test_without_candidates_or_cases_in_common():
    assert chosen(candidates=[]).reason == "there is no candidate"
    found = choose(ALL, PROPORTION, Constraints(), CASES, {"large": OUTCOMES["large"]})
    assert found.candidate == "large"
    assert found.passed_over["small"] == "no case in common with `large`"


def test_who_is_alone_is_not_called_good_enough_and_who_answered_nothing_is_not_recommended():
    small, silent = ALL[0], candidate("bad", asked=600, failed=600)
    found = choose([small, silent], PROPORTION, NONE, CASES, OUTCOMES)
    assert (found.candidate, found.alone) == ("small", True)
    assert "whether it is good enough is not said" in found.reason
    assert found.passed_over == {"bad": "it answered nothing"}
    assert choose([silent], PROPORTION, NONE, CASES, OUTCOMES).candidate is None
    wanted = choose([small], PROPORTION, Constraints(min_quality=0.5), CASES, OUTCOMES)
    assert not wanted.alone


def test_results_of_some_cases_alone_are_not_recommended():
    """Eight cases that it is right on say nothing of the others."""
    few = Candidate(
        **{
            **{name: getattr(candidate("large"), name) for name in Candidate.__struct_fields__},
            "name": "chosen",
            "asked": 8,
            "answered": 8,
        }
    )
    whole = [msgspec.structs.replace(one, asked=600, answered=600) for one in ALL]
    outcomes = {**OUTCOMES, "chosen": {case.id: OUTCOMES["large"][case.id] for case in CASES[:8]}}
    found = choose([*whole, few], PROPORTION, NONE, CASES, outcomes)
    assert found.candidate == "medium"
    assert found.passed_over["chosen"] == "it has results of 8 of 600 cases alone"


def test_who_leaves_out_what_it_fails_on_is_not_the_best():
    """The same answers without the failures, ten times as dear: on the cases of both they are alike."""
    right = [case for case in CASES if OUTCOMES["large"][case.id].metrics["score"]]
    wrong = [case for case in CASES if not OUTCOMES["large"][case.id].metrics["score"]]
    own = {case.id: OUTCOMES["large"][case.id] for case in [*right, *wrong[25:]]}
    pairs = [(case, own[case.id]) for case in CASES if case.id in own]
    cut = msgspec.structs.replace(
        candidate("large"),
        name="cut",
        asked=len(own),
        answered=len(own),
        metrics={"score": estimates(PROPORTION, pairs)},
        resources=Resources(cost=Quantity(value=10.0, basis="measured")),
    )
    whole = msgspec.structs.replace(candidate("large"), asked=600, answered=600)
    assert cut.metrics["score"]["all"].value > whole.metrics["score"]["all"].value
    found = choose([whole, cut], PROPORTION, NONE, CASES, {"large": OUTCOMES["large"], "cut": own})
    assert found.candidate == "large"
