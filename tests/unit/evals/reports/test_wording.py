"""Figures in words: as many digits as they are worth, and unknown where they are."""

from __future__ import annotations

import msgspec
import pytest
from tests import offers

from palier.evals.estimates.choosing import Constraints
from palier.evals.figures import Choice, Comparison, Estimate, Quantiles
from palier.evals.reports import wording
from palier.evals.reports.report import assemble
from palier.types import Quantity


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (0.0000123, "0.0000123"),
        (0.12345, "0.123"),
        (1.5, "1.5"),
        (999.6, "1,000"),
        (1234567, "1,230,000"),
        (-0.5, "-0.5"),
        (float("nan"), "unknown"),
    ],
)
def test_digits(value: float, said: str) -> None:
    assert wording.digits(value) == said


@pytest.mark.parametrize(
    ("figure", "times", "said"),
    [
        (Quantity(value=0.0012, low=0.0012, high=0.0012, basis="measured"), 1, "$0.0012"),
        (Quantity(value=0.0012, low=0.0006, high=0.0024, basis="estimated"), 1000, "$1.2 [0.6, 2.4]"),
        (Quantity(method="no price"), 1, "unknown"),
        (Quantity(low=0.5, method="no price"), 1, "unknown (at least $0.5)"),
        (Quantity(value=0.0, low=0.0, high=0.0, basis="measured"), 1, "$0"),
    ],
)
def test_quantities(figure: Quantity, times: float, said: str) -> None:
    assert wording.quantity(figure, "$", times=times) == said


def test_estimates() -> None:
    assert wording.estimate(None) == "\u2013"
    assert wording.estimate(Estimate(value=None)) == "unknown"
    assert wording.estimate(Estimate(value=0.8731, low=0.841, high=0.9)) == "0.873 [0.841, 0.900]"
    assert (
        wording.estimate(Estimate(value=-0.03, low=-0.1, high=0.04), sign=True) == "\u22120.030 [\u22120.100, +0.040]"
    )


def test_small_figures_are_not_rounded_to_nothing() -> None:
    assert wording.number(0.0000213) == "0.000021"
    assert wording.number(0.0) == "0.000"
    assert wording.signed(-0.00004) == "\u22120.00004"


def test_tails_of_few_are_marked() -> None:
    assert wording.quantiles(Quantiles(p50=90, p95=1500, p99=2000, n=30)) == ("90 ms", "1.5 s", "≈2 s")
    assert wording.quantiles(None) == ("unknown",) * 3


@pytest.mark.parametrize(
    ("count", "said"), [(None, "unknown"), (135_000_000, "135M"), (7_000_000_000, "7B"), (1_500, "1.5K"), (12, "12")]
)
def test_parameters(count: int | None, said: str) -> None:
    assert wording.parameters(count) == said


def test_verdicts_say_what_it_would_take() -> None:
    one = Comparison(
        metric="m",
        split="all",
        candidate="a",
        baseline="b",
        difference=Estimate(value=0.1),
        p=0.5,
        adjusted=0.9,
        verdict="cannot tell",
        needs=1240,
    )
    assert wording.verdict(one) == "cannot tell (needs about 1,240 more cases)"
    assert wording.verdict(msgspec.structs.replace(one, needs=None)) == "cannot tell"


def test_the_headline_says_what_to_use_or_that_nothing_is() -> None:
    report = assemble(offers.run(120), offers.METRICS, constraints=Constraints(max_cost=0.001))
    first, *rest = wording.headline(report)
    assert first == "Use cascade."
    assert any("per 1,000 requests" in line for line in rest)
    none = Choice(constraints={}, candidate=None, reason="every candidate costs too much")
    refused = msgspec.structs.replace(report, bigger=msgspec.structs.replace(report.bigger, choice=none))
    assert wording.headline(refused) == ("Nothing is recommended.", "Every candidate costs too much.")
    bare = msgspec.structs.replace(report, bigger=type(report.bigger)())
    assert wording.headline(bare)[0].startswith("big (simulated) has the highest exact: 0.")
    empty = msgspec.structs.replace(bare, candidates=())
    assert wording.headline(empty) == ("Nothing can be recommended: no quality is known.",)


def test_what_is_unknown_is_said_once_for_all_that_lack_it() -> None:
    report = assemble(offers.run(40), offers.METRICS)
    lines = wording.unknowns(report)
    assert lines[0] == "The energy, carbon, latency and number of parameters of leaderboard (published) are unknown."
    assert any("simulated answers" in line for line in lines)


def test_what_could_move_a_cursor_or_turn_a_line_is_replaced() -> None:
    assert wording.one_line("a\u202eb\x1b[31m\r\nc\ud800\u2066") == "a\ufffdb\ufffd[31m c\ufffd\ufffd"
    assert wording.one_line("x" * 100, 10) == "x" * 9 + "…"
    assert wording.inert("a\rb\r\nc") == "a\nb\nc"
