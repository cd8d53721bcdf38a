"""The decision: its action, and that its words say the numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.routing.cascade import NEVER, decide

PROBABILITY = st.floats(0, 1)


@given(PROBABILITY, st.floats(0.001, 1))
def test_stays_exactly_when_the_probability_reaches_the_threshold(probability: float, threshold: float) -> None:
    decision = decide(probability, threshold)
    assert (decision.action == "stay") == (probability >= threshold)


@given(PROBABILITY, PROBABILITY, st.floats(0.001, 1))
def test_is_monotone_in_the_probability(low: float, high: float, threshold: float) -> None:
    low, high = sorted((low, high))
    if decide(low, threshold).action == "stay":
        assert decide(high, threshold).action == "stay"


@given(st.none() | PROBABILITY)
def test_a_threshold_of_zero_asks_nothing(probability: float | None) -> None:
    assert decide(probability, 0.0).action == "stay"


def test_what_has_no_confidence_reaches_no_threshold() -> None:
    decision = decide(None, 0.4)
    assert decision.action == "climb"
    assert "no confidence" in decision.reason


@pytest.mark.parametrize(
    ("probability", "threshold", "words"),
    [(0.83, 0.6, "0.83 >= 0.60, not calibrated"), (0.41, 0.6, "0.41 < 0.60, not calibrated")],
)
def test_says_the_numbers_and_that_they_are_not_calibrated(probability: float, threshold: float, words: str) -> None:
    decision = decide(probability, threshold)
    assert decision.reason == words
    assert not decision.calibrated


def test_a_calibrated_decision_quotes_its_policy() -> None:
    promise = "at most 10 % wrong, 95 % confidence, 300 labels, fitted 2026-11-03"
    decision = decide(0.83, 0.78, guarantee=promise)
    assert decision.reason == f"0.83 >= 0.78: {promise}"
    assert decision.calibrated


def test_a_close_call_shows_the_digits_that_decided_it() -> None:
    assert decide(0.7776, 0.7781).reason == "0.7776 < 0.7781, not calibrated"


def test_nothing_is_kept_above_one_and_it_says_why() -> None:
    decision = decide(1.0, NEVER, guarantee="the guarantee broke; calibrate again")
    assert (decision.action, decision.calibrated) == ("climb", False)
    assert decision.reason == "the guarantee broke; calibrate again"
