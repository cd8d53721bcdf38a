"""Who is promoted, and how often somebody is who should not be."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.cases import Case, Outcome
from palier.errors import InvalidRequest
from palier.evals.estimates import measures
from palier.training.promote import Evidence, Ruling, Terms, _Judge, judge, marks
from palier.types import Guarded, Message, Quantity

LAST = "top"


def cases(n: int) -> list[Case]:
    return [Case(id=f"c{i}", input="?", references=("a",)) for i in range(n)]


def outcomes(right: Any, *, cost: float = 1.0, tier: str = "home", said: str = "x", **more: Any) -> dict[str, Outcome]:
    return {
        f"c{i}": Outcome(
            id=f"c{i}",
            candidate="any",
            output=f"{said} {i} {bool(ok)}",
            tier=tier,
            cost=Quantity(value=cost),
            latency_ms=100.0 * cost,
            **more,
        )
        for i, ok in enumerate(right)
    }


class Right:
    """A metric: does the output say that it is right?"""

    name, kind, better, low, high = "right", "proportion", "higher", 0.0, 1.0

    def statistics(self, case: Case, outcome: Outcome) -> tuple[float, float]:
        return float(outcome.output.endswith("True")), 1.0

    def combine(self, sums: Any) -> Any:
        return measures.ratio(sums)


def ruled(champion: dict[str, Outcome], challenger: dict[str, Outcome], **more: Any) -> Ruling:
    evidence = more.pop("evidence", Evidence())
    return judge(
        Right(),  # type: ignore[arg-type]
        cases(len(champion)),
        champion,
        challenger,
        evidence,
        home=lambda outcome: outcome.tier != LAST,
        **more,
    )


def failed(ruling: Ruling) -> list[str]:
    return [check.name for check in ruling.failed]


N = 600
GOOD = np.arange(N) % 10 != 0


def test_as_good_and_cheaper_is_promoted() -> None:
    ruling = ruled(outcomes(GOOD, cost=2.0), outcomes(GOOD, cost=1.0, said="y"))
    assert ruling.passed, ruling
    assert (ruling.use, ruling.needed) == (1, None)
    gain = next(check for check in ruling.checks if check.name == "gain")
    assert "cost -1 [" in gain.reason


def test_what_is_not_known_of_all_is_no_gain() -> None:
    """As carbon where only the drafts at home have a figure: those who stay are not drawn by lot."""
    dear, cheap = outcomes(GOOD), outcomes(GOOD, said="y")
    for side, grams in ((dear, 2.0), (cheap, 1.0)):
        for name in list(side)[:300]:
            side[name] = msgspec.structs.replace(side[name], carbon=Quantity(value=grams))
    (gain,) = [check for check in ruled(dear, cheap).checks if check.name == "gain"]
    assert not gain.passed
    assert gain.reason.startswith("nothing is surely better; not surely: cost ")
    assert gain.reason.endswith("; not known: carbon (of 600 answers)")
    for side, grams in ((dear, 2.0), (cheap, 1.0)):
        for name in side:
            side[name] = msgspec.structs.replace(side[name], carbon=Quantity(value=grams))
    (gain,) = [check for check in ruled(dear, cheap).checks if check.name == "gain"]
    assert gain.reason.startswith("better: carbon -1 [")


def test_what_climbs_more_often_is_not_faster_for_the_moment_it_was_asked_at() -> None:
    """The champion's answers are of a busy minute: a student that sends all above is as right, and looks quick."""
    slow = {name: msgspec.structs.replace(one, latency_ms=300.0) for name, one in outcomes(GOOD).items()}
    above = outcomes(GOOD, tier=LAST, said="y")
    (gain,) = [check for check in ruled(slow, above).checks if check.name == "gain"]
    assert not gain.passed, gain
    assert "latency -200 [" in gain.reason
    (gain,) = [check for check in ruled(slow, outcomes(GOOD, said="y")).checks if check.name == "gain"]
    assert gain.passed, gain


def test_staying_home_more_often_is_a_gain() -> None:
    champion = outcomes(GOOD)
    champion = {k: o if int(k[1:]) % 2 else _at(o, LAST) for k, o in champion.items()}
    assert ruled(champion, outcomes(GOOD, said="y")).passed


def _at(outcome: Outcome, tier: str) -> Outcome:
    import msgspec

    return msgspec.structs.replace(outcome, tier=tier)


def test_each_test_can_stop_it_alone() -> None:
    champion = outcomes(GOOD, cost=2.0)
    worse = GOOD & (np.arange(N) % 10 != 1)
    stopped = (Guarded(guard="g", place="output", action="refuse"),)
    for challenger, more, name in (
        (outcomes(worse, said="y"), {}, "quality"),
        (outcomes(GOOD, said="y", cost=2.0), {}, "gain"),
        (outcomes(GOOD, cost=1.0), {}, "changed"),
        (outcomes(GOOD, said="y", guards=stopped), {}, "guards"),
        (outcomes(GOOD, said="y"), {"evidence": Evidence(certified=False)}, "calibration"),
        (outcomes(GOOD, said="y"), {"evidence": Evidence(recited=("k1",), planted=5)}, "canaries"),
        (outcomes(GOOD, said="y"), {"used": 8}, "holdout"),
        (dict(list(outcomes(GOOD, said="y").items())[:-1]), {}, "holdout"),
    ):
        ruling = ruled(champion, challenger, **more)
        assert (ruling.passed, failed(ruling)) == (False, [name]), name
        assert all(check.reason for check in ruling.checks)


def test_too_few_cases_say_how_many_it_takes() -> None:
    rng = np.random.default_rng(1)
    champion, challenger = outcomes(rng.random(60) < 0.8, cost=2.0), outcomes(rng.random(60) < 0.8, said="y")
    ruling = ruled(champion, challenger)
    assert "quality" in failed(ruling)
    assert ruling.needed is not None
    assert 2_000 < ruling.needed < 12_000


def test_what_it_says_would_be_enough_mostly_is() -> None:
    """A challenger that is just as good, and differs on a tenth of the cases, at the number that was named."""
    terms, rng = Terms(margin=0.05), np.random.default_rng(3)
    one, other = (outcomes(rng.random(2_000) >= 0.05) for _ in range(2))
    needed = _Judge(cases(2_000), one, other, terms).needed(Right())  # type: ignore[arg-type]
    assert needed is not None
    assert 350 < needed < 500
    passed = 0
    for _ in range(20):
        one, other = (rng.random(needed) >= 0.05 for _ in range(2))
        quality = ruled(outcomes(one, cost=2.0), outcomes(other, said="y"), terms=terms).checks[1]
        passed += quality.passed
    assert passed >= 12


def test_the_error_over_all_uses_of_a_holdout_is_kept() -> None:
    """A challenger worse by just the margin, tried eight times on one holdout: how often does any try pass?"""
    rng, wrongly, rounds = np.random.default_rng(7), 0, 60
    terms = Terms(margin=0.05, uses=4)
    for _ in range(rounds):
        base = rng.random(300) < 0.9
        champion = outcomes(base)
        lost = base & (rng.random((terms.uses, 300)) < 0.05 / 0.9)
        tries = [ruled(champion, outcomes(base & ~lost[k], said="y"), used=k, terms=terms) for k in range(terms.uses)]
        wrongly += any(one.checks[1].passed for one in tries)
    assert wrongly / rounds <= 0.05 + 0.06, "two standard errors of so many rounds above the level"


def test_terms_share_the_error() -> None:
    assert Terms(alpha=0.05, uses=10).level == pytest.approx(0.005)


def test_a_case_is_known_again_by_what_is_asked() -> None:
    one = Case(id="a", input="Combien coûte la fibre ?", references=("29",))
    edited = Case(id="b", input="combien coute  la FIBRE", references=("39",), split="holdout", tags=("x",))
    other = Case(id="a", input="Combien coûte le mobile ?", references=("29",))
    talk = Case(id="c", messages=(Message(role="user", content="Combien coûte la fibre ?"),))
    assert marks([one]) == marks([edited]) == marks([talk])
    assert marks([one]) != marks([other])
    empty = [Case(id="a"), Case(id="b"), Case(id="c", evidence=("text",)), Case(id="d", input="?!")]
    assert len(set(marks(empty))) == 4


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.lists(st.booleans(), min_size=1, max_size=40))
def test_any_outcomes_have_a_ruling_that_says_why(one: list[bool], other: list[bool]) -> None:
    n = min(len(one), len(other))
    ruling = ruled(outcomes(one[:n]), outcomes(other[:n], said="y"))
    assert all(check.reason for check in ruling.checks)
    assert ruling.passed == (not ruling.failed)


def test_nothing_is_decided_without_cases() -> None:
    ruling = ruled({}, {})
    assert not ruling.passed
    assert "holdout" in failed(ruling)


@pytest.mark.parametrize(
    "terms", [{"margin": 0.0}, {"margin": float("nan")}, {"margin": -1.0}, {"alpha": 0.0}, {"uses": 0}]
)
def test_terms_that_are_none_are_refused(terms: dict[str, float]) -> None:
    with pytest.raises(InvalidRequest):
        Terms(**terms)  # type: ignore[arg-type]


def test_what_is_gained_has_the_metrics_own_direction() -> None:
    class Wrong(Right):
        better = "lower"

    better = outcomes(GOOD, cost=1.0, said="y")
    for metric, sign in ((Right(), 1), (Wrong(), -1)):
        champion = outcomes(GOOD & (np.arange(N) % 7 != 0), cost=2.0)
        ruling = judge(metric, cases(N), champion, better, Evidence(), home=lambda o: True)  # type: ignore[arg-type]
        assert ruling.gained is not None
        assert ruling.gained * sign > 0
