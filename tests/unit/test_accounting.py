"""What was taken, by whom, and what always climbing would have."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.accounting import NOBODY, OWNER, TEAMLESS, report
from palier.spending import Landed, Passing, Spread, Sum, WentBy

ROUTES = {"support": ["small", "large"], "labels": ["head"]}


def passing(**given: object) -> Passing:
    fields = {
        "route": "support",
        "tier": "small",
        "status": "answered",
        "key": "",
        "requests": 10,
        "latency_ms": 1000.0,
        "prompt": 100,
        "completion": 20,
        "uncounted": 0,
        "cost": Sum(value=1.0, low=1.0, high=1.0),
        "energy": Sum(unknown=10),
        "carbon": Sum(unknown=10),
    }
    return Passing(**{**fields, **given})  # type: ignore[arg-type]


def landed(tier: str, outcome: str, costs: list[float], unknown: int = 0) -> Landed:
    spread = Spread(value=math.fsum(costs), squares=math.fsum(c * c for c in costs), unknown=unknown)
    steps = len(costs) + unknown
    nothing = Spread(unknown=steps)
    return Landed(
        route="support",
        tier=tier,
        outcome=outcome,
        steps=steps,
        latency_ms=1.0,
        cost=spread,
        energy=nothing,
        carbon=nothing,
    )


def went(*rows: Passing, landed: tuple[Landed, ...] = ()) -> WentBy:
    return WentBy(since=0, until=3600, passing=rows, landed=landed)


def test_lines_by_route_tier_key_and_team() -> None:
    rows = went(
        passing(),
        passing(tier="large", requests=5, key="shop"),
        passing(tier="", status="abstained", requests=2, key="shop"),
        passing(tier="", status="failed", requests=1, key="till"),
        passing(route="labels", tier="head", requests=4),
    )
    by_route = report(rows, "route", ROUTES, {})
    assert [(line.name, line.requests) for line in by_route.lines] == [("support", 18), ("labels", 4)]
    support = by_route.lines[0]
    assert (support.answered, support.abstained, support.failed) == (15, 2, 1)
    assert support.climbed is not None
    assert support.climbed.value == pytest.approx(1 / 3)
    assert support.climbed.low < 1 / 3 < support.climbed.high
    assert by_route.total.requests == 22
    by_tier = {line.name: line.requests for line in report(rows, "tier", ROUTES, {}).lines}
    assert by_tier == {"support/small": 10, "support/large": 5, f"support/{NOBODY}": 3, "labels/head": 4}
    by_key = {line.name: line.requests for line in report(rows, "key", ROUTES, {}).lines}
    assert by_key == {OWNER: 14, "shop": 7, "till": 1}
    teams = {"shop": ("retail", "west"), "till": ()}
    by_team = {line.name: line.requests for line in report(rows, "team", ROUTES, teams).lines}
    assert by_team == {TEAMLESS: 15, "retail": 7, "west": 7}


def test_what_is_not_known_is_counted_and_adds_nothing() -> None:
    rows = went(passing(cost=Sum(value=2.0, low=1.0, high=4.0, unknown=3)), passing(key="shop"))
    line = report(rows, "route", ROUTES, {}).lines[0]
    assert line.cost == Sum(value=3.0, low=2.0, high=5.0, unknown=3)
    assert line.energy == Sum(unknown=20)


def test_what_is_saved_is_the_mean_of_the_last_tier_times_what_was_kept() -> None:
    large = landed("large", "answered", [0.01, 0.03] * 10)
    small = landed("small", "answered", [0.001] * 100)
    climbed = landed("small", "climbed", [0.001] * 20)
    rows = went(passing(requests=100), passing(tier="large", requests=20), landed=(large, small, climbed))
    (saved,) = report(rows, "route", ROUTES, {}).saved
    assert saved.kept == 100
    assert saved.cost.value == pytest.approx(100 * 0.02 - 0.12)
    assert saved.cost.basis == "estimated"
    assert saved.energy.value is None
    assert "large worked on 0 requests" in saved.energy.method


def test_nothing_is_said_of_few() -> None:
    few = went(passing(), landed=(landed("large", "answered", [0.01] * 9),))
    (saved,) = report(few, "route", ROUTES, {}).saved
    assert (saved.cost.value, saved.cost.low, saved.cost.high) == (None, None, None)


def test_drafts_of_which_nothing_is_known_are_between_nothing_and_what_the_last_takes() -> None:
    large, some = landed("large", "answered", [0.01] * 20), landed("small", "answered", [0.001] * 6, 4)
    (saved,) = report(went(passing(), landed=(large, some)), "route", ROUTES, {}).saved
    assert saved.cost.value == pytest.approx(0.1 - 0.006 - 4 * 0.001)
    assert (saved.cost.low, saved.cost.high) == (pytest.approx(0.1 - 0.006 - 0.04), pytest.approx(0.1 - 0.006))
    assert "what 4 of their 10 drafts took is not known" in saved.cost.method
    (saved,) = report(went(passing(), landed=(large, landed("small", "answered", [], 10))), "route", ROUTES, {}).saved
    assert (saved.cost.value, saved.cost.basis) == (None, "unknown")
    assert (saved.cost.low, saved.cost.high) == (pytest.approx(0.0), pytest.approx(0.1)), "the known rest is told"


@given(st.lists(st.floats(0.0, 0.02), max_size=30), st.lists(st.floats(0.0, 0.05), max_size=30))
def test_the_range_holds_whatever_unknown_drafts_took(unknown: list[float], known: list[float]) -> None:
    large = landed("large", "answered", [0.02] * 20)
    (saved,) = report(
        went(passing(), landed=(large, landed("small", "answered", known, len(unknown)))), "route", ROUTES, {}
    ).saved
    truth = 10 * 0.02 - math.fsum(known) - math.fsum(unknown)
    assert saved.cost.low is not None
    assert saved.cost.high is not None
    assert saved.cost.low - 1e-9 <= truth <= saved.cost.high + 1e-9
    assert saved.cost.value is None or saved.cost.low - 1e-9 <= saved.cost.value <= saved.cost.high + 1e-9


def test_a_route_of_one_tier_and_one_that_kept_nothing_save_nothing() -> None:
    rows = went(passing(tier="large"), passing(route="labels", tier="head"))
    assert report(rows, "route", ROUTES, {}).saved == ()


def test_the_interval_covers_what_the_kept_would_have_cost() -> None:
    """Where those that stay are as those that climb, which is what the method says that it assumes."""
    chance = random.Random(7)
    held = 0
    for _ in range(300):
        large = landed("large", "answered", [chance.lognormvariate(-4, 0.5) for _ in range(80)])
        rows = went(passing(requests=200), landed=(large,))
        (saved,) = report(rows, "route", ROUTES, {}).saved
        assert saved.cost.low is not None
        assert saved.cost.high is not None
        expected = 200 * math.exp(-4 + 0.125)
        held += saved.cost.low <= expected <= saved.cost.high
    assert held >= 270


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 50), st.sampled_from(["answered", "abstained", "failed"]))
    )
)
def test_lines_add_up_to_the_total(rows: list[tuple[str, int, str]]) -> None:
    found = report(went(*(passing(key=key, requests=n, status=status) for key, n, status in rows)), "key", ROUTES, {})
    assert sum(line.requests for line in found.lines) == found.total.requests
    assert sum(line.cost.value for line in found.lines) == pytest.approx(found.total.cost.value)
    for line in (*found.lines, found.total):
        assert line.answered + line.abstained + line.failed == line.requests
