"""Two windows compared once: levels that hold, effects that are what they say, nothing that depends on an order."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.drift.comparing import compare, effect_of, p_value
from palier.drift.reference import Vectors
from palier.drift.report import KINDS, DriftReport, Kind, Window
from palier.drift.signals import Observed

WAS, IS = Window(since=0, until=1), Window(since=1, until=2)
SIZES: tuple[Kind, ...] = ("ordered", "share", "topics")
TABLES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=2).filter(
    lambda rows: all(map(sum, zip(*rows, strict=True)))
)


def requests(n: int, seed: int, lower: float = 0.0, climbs: float = 0.2) -> list[Observed]:
    rng = np.random.default_rng(seed)
    return [
        Observed(values={"confidence": float(rng.beta(5, 2 + lower)), "escalated": float(rng.random() < climbs)})
        for _ in range(n)
    ]


def vectors(n: int, seed: int, new: float = 0.0) -> Vectors:
    """Questions about ten things, and a share of them about an eleventh."""
    about = np.random.default_rng(0).normal(size=(11, 16)) * 2
    rng = np.random.default_rng(seed)
    which = np.where(rng.random(n) < new, 10, rng.integers(0, 10, n))
    found = about[which] + rng.normal(size=(n, 16))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def found_of(report: DriftReport) -> dict[str, float]:
    return {one.signal: one.effect for one in report.findings if one.effect is not None}


def test_what_changed_is_found_and_what_did_not_is_not() -> None:
    before = (WAS, requests(800, 1), vectors(800, 1))
    report = compare(before, (IS, requests(500, 2, lower=1.0), vectors(500, 2, new=0.35)))
    assert set(report.drifting) == {"topics", "novelty", "confidence"}
    by_name = {one.signal: one for one in report.findings}
    assert set(by_name) == set(KINDS)
    confidence, escalated = by_name["confidence"], by_name["escalated"]
    assert confidence.now is not None
    assert confidence.before is not None
    assert confidence.now < confidence.before
    assert escalated.low is not None
    assert escalated.high is not None
    assert escalated.low < 0 < escalated.high
    assert by_name["length"].untold == "too few (in the reference)"
    assert (report.reference.n, report.now.n) == (800, 500)
    assert compare(before, (IS, requests(500, 4), vectors(500, 4))).drifting == ()


def test_without_words_it_says_so_and_compares_the_rest() -> None:
    report = compare((WAS, requests(200, 1), None), (IS, requests(100, 2, climbs=0.6), None))
    by_name = {one.signal: one for one in report.findings}
    assert by_name["topics"].untold == by_name["novelty"].untold == "no words are kept"
    assert report.drifting == ("escalated",)


def test_too_few_say_nothing_and_drift_nowhere() -> None:
    report = compare((WAS, requests(50, 1), None), (IS, requests(500, 2, climbs=1.0), None))
    assert not report.drifting
    assert all(one.untold for one in report.findings)
    assert not report.judged
    nothing = compare((WAS, [], None), (IS, [], None))
    assert not nothing.drifting
    assert {one.untold for one in nothing.findings} == {"too few (in the reference)"}, "words are not what is missing"
    few = compare((WAS, requests(50, 1), vectors(50, 1)), (IS, requests(500, 2), vectors(500, 2)))
    assert {one.untold for one in few.findings} == {"too few (in the reference)"}


def test_no_more_windows_are_said_to_drift_than_the_level_allows() -> None:
    """At 20 %, of 36 pairs of windows that are alike; 15 would be 3 deviations too many."""
    said = sum(
        bool(
            compare((WAS, requests(160, 2 * s), None), (IS, requests(90, 2 * s + 1), None), level=0.2, seed=s).drifting
        )
        for s in range(36)
    )
    assert said <= 7.2 + 3 * 2.4


@settings(max_examples=4, deadline=None)
@given(st.permutations(range(60)))
def test_the_order_within_the_window_does_not_matter(order: list[int]) -> None:
    before, now = (WAS, requests(160, 1), vectors(160, 1)), requests(60, 2)
    asked = vectors(60, 2)
    one = compare(before, (IS, now, asked))
    other = compare(before, (IS, [now[n] for n in order], asked[order]))
    assert msgspec.json.encode(one) == msgspec.json.encode(other)


@settings(max_examples=60, deadline=None)
@given(TABLES, st.sampled_from(SIZES))
def test_an_effect_lies_in_its_interval_and_vanishes_between_equals(rows: list[tuple[int, int]], kind: Kind) -> None:
    before, after = (np.array(column) for column in zip(*rows, strict=True))
    effect, low, high = effect_of(kind, before, after)
    assert -1 <= low <= effect + 1e-12
    assert effect - 1e-12 <= high <= 1 + 1e-12
    assert abs(effect) == pytest.approx(abs(effect_of(kind, after, before)[0]))
    assert effect_of(kind, before, 3 * before)[0] == pytest.approx(0)
    p = p_value(kind, before, after, np.random.default_rng(1), 99)
    assert 0.01 <= p <= 1
    assert p_value(kind, before, before, np.random.default_rng(1), 99) == 1


@given(st.lists(st.integers(0, 40), min_size=2, max_size=2, unique=True))
def test_the_more_of_them_the_larger_the_effect(shares: list[int]) -> None:
    fewer, more = sorted(shares)
    before = np.array([40, 0])
    one, other = (effect_of("share", before, np.array([40 - n, n]))[0] for n in (fewer, more))
    assert one < other


def test_p_values_are_those_of_fisher() -> None:
    """Of two by two tables the permutation test of a share is Fisher's exact test."""
    p = p_value("share", np.array([30, 10]), np.array([15, 15]), np.random.default_rng(2), 20_000)
    assert p == pytest.approx(0.0446, abs=0.006)
