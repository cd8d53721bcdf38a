"""Conditions of a gate: what they read, what they name, and that nothing unknown ever passes."""

from __future__ import annotations

import pytest

from palier.errors import ConfigurationError
from palier.evals.figures import Candidate, Comparison, Estimate, Latency, Quantiles, Report, Resources, SuiteSummary
from palier.evals.reports.conditions import Threshold, Told, check, failing, parse
from palier.types import Quantity


def candidate(name: str, value: float | None, **more: object) -> Candidate:
    figure = Estimate(
        value=value, low=None if value is None else value - 0.05, high=None if value is None else value + 0.05, n=100
    )
    splits = {"all": figure, "holdout": Estimate(value=None if value is None else value - 0.1)}
    return Candidate(
        name=name,
        kind="tier",
        metrics={"exact": splits, "chrf": {"all": Estimate(value=41.0)}},
        asked=100,
        answered=97,
        failed=3,
        **more,
    )  # type: ignore[arg-type]


def report(*candidates: Candidate, comparisons: tuple[Comparison, ...] = ()) -> Report:
    summary = SuiteSummary(name="s", version="1", task="qa", digest="d")
    return Report(suite=summary, quality="exact", candidates=candidates, comparisons=comparisons)


COST = Resources(cost=Quantity(value=0.002, low=0.001, high=0.004, basis="estimated", method="m"))
TIMES = Latency(concurrency=4, total=Quantiles(p50=100, p95=900, p99=2500, n=100))
ONE = report(candidate("tier-1", 0.75, resources=COST, latency=TIMES))


@pytest.mark.parametrize(
    ("condition", "fails"),
    [
        ("quality < 0.8", True),
        ("quality < 0.75", False),
        ("quality <= 0.75", True),
        ("quality<80%", True),
        ("exact.low < 0.71", True),
        ("tier-1.quality.low < 0.7", False),
        ("quality.holdout < 0.7", True),
        ("quality.holdout.low < 0.1", True),  # no interval is known
        ("chrf < 40", False),
        ("cost > 0.001", True),
        ("cost.high > 0.003", True),
        ("cost > 2e-3", False),
        ("failed > 0", True),
        ("failed > 3%", False),
        ("failed > 2.9%", True),
        ("answered != 97", False),
        ("p95 > 800", True),
        ("p99 > 2500", False),
        ("first_p95 > 1", True),  # not measured
        ("carbon > 1", True),  # not known
        ("gap > 0.05", True),  # not known
    ],
)
def test_figures(condition: str, fails: bool) -> None:
    assert bool(failing(ONE, condition)) is fails


def test_a_reason_names_the_condition_the_candidate_and_the_figure() -> None:
    assert failing(ONE, "quality < 0.8") == ["quality < 0.8: quality of tier-1 is 0.75"]
    assert failing(ONE, "failed > 1%") == ["failed > 1.0%: failed of tier-1 is 3 %"]
    assert failing(ONE, "carbon > 1") == ["carbon > 1.0: carbon of tier-1 is unknown"]


def test_without_a_candidate_all_that_ran_are_held_to_it_and_published_ones_are_not() -> None:
    found = report(candidate("a", 0.9), candidate("b", 0.5), Candidate(name="page", kind="published"))
    assert [reason.split(": ")[1] for reason in failing(found, "quality < 0.8")] == ["quality of b is 0.5"]
    assert failing(found, "a.quality < 0.8") == []
    assert failing(report(), "quality < 0.8") == ["quality < 0.8: nothing was run that it could be said of"]


def test_names_may_hold_dots_and_words_of_the_grammar() -> None:
    found = report(candidate("gpt-4.1", 0.5), candidate("high.quality", 0.9))
    assert len(failing(found, "gpt-4.1.quality < 0.8")) == 1
    assert failing(found, "high.quality.exact < 0.8") == []
    assert len(failing(found, "high.quality.exact.low < 0.86")) == 1


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("qualty < 0.8", "did you mean `quality`"),
        ("tier-9.quality < 0.8", "did you mean `tier-1`"),
        ("cost.dev > 1", "`cost` has no splits"),
        ("p95.low > 1", "`p95` has no interval"),
        ("asked < 10%", "always 100 %"),
        ("tier-1 worse than teir-2", "there is no candidate `teir-2`"),
        ("nothing worse", "there is no candidate or metric `nothing`"),
    ],
)
def test_unknown_names_are_said_with_what_there_is(condition: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=r"one of|no splits|no interval|always") as raised:
        check(condition, ["tier-1"], ["exact", "chrf"])
    assert says in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quality",
        "quality < ",
        "quality < many",
        "quality < 1e999",
        "< 0.8",
        "quality < nan",
        "q" * 400,
        "__import__('os') ; 1",
    ],
)
def test_what_is_no_condition_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse(text)
    assert "quality < 0.8" in raised.value.hint


def comparison(name: str, baseline: str, verdict: str, metric: str = "exact") -> Comparison:
    return Comparison(
        metric=metric, split="all", candidate=name, baseline=baseline, difference=Estimate(value=-0.1, low=-0.2, high=-0.01),
        p=0.01, adjusted=0.02, verdict=verdict, needs=200 if verdict == "cannot tell" else None,  # type: ignore[arg-type]
    )  # fmt: skip


def test_verdicts_hold_from_either_side() -> None:
    found = report(
        candidate("a", 0.5),
        candidate("b", 0.6),
        candidate("c", 0.6),
        comparisons=(comparison("a", "b", "worse"), comparison("c", "b", "cannot tell")),
    )
    assert len(failing(found, "a worse than b")) == 1
    assert failing(found, "b worse than a") == []
    assert failing(found, "b not better than a") == []
    assert failing(found, "c worse than b") == []
    assert "cannot tell (needs about 200 more cases)" in failing(found, "c not better than b")[0]
    assert "cannot tell" in failing(found, "b not better than c")[0]
    assert failing(found, "a worse than c") == ["a worse than c: unknown, they were not compared"]
    assert len(failing(found, "worse")) == 1
    assert len(failing(found, ["worse", "a.exact worse", "any worse", "quality < 0.1"])) == 3


def test_a_condition_reads_as_it_is_written() -> None:
    assert parse("  quality   <  0.8 ") == Threshold(path="quality", op="<", number=0.8)
    assert parse("failed > 5 %") == Threshold(path="failed", op=">", number=5, percent=True)
    assert parse("cascade  worse than tier-2") == Told(subject="cascade", word="worse", than="tier-2")
    assert parse("not better than x") == Told(word="not better", than="x")
