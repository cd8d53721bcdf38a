"""What a route may take: the hard limit holds however many are at work, and what cannot be counted is said."""

from __future__ import annotations

import asyncio
from calendar import timegm
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.budgets import Budget, Budgets
from palier.cards import ModelCard, Price
from palier.config import Budget as Terms
from palier.config import Route, Tier
from palier.errors import BudgetExceeded, Unavailable
from palier.metrics import zones
from palier.models.fake import Fake, Rule
from palier.pipeline import Landing, answer
from palier.spending import BudgetStanding, budget_words
from palier.stores.audits import SqliteAudits
from palier.stores.hours import SqliteHours
from palier.stores.traces import SqliteTraces
from palier.testing.traces import trace_of
from palier.types import Event, Quantity, Step, Usage

from .pipeline.test_stream import parts, request, tier

NOON = float(timegm((2026, 11, 26, 12, 0, 0)))
DEAR = ModelCard(name="dear", kind="endpoint", price=Price(input=0.0, output=1e6))  # a dollar a token
FREE = ModelCard(name="free", kind="head", generates=False)
UNPRICED = ModelCard(name="unpriced", kind="endpoint")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def budget(clock: Clock | None = None, **terms: Any) -> Budget:
    return Budget("support", msgspec.convert(terms, Terms), clock or Clock())


def step(cost: float | None, carbon: float | None = None) -> Step:
    return Step(
        tier="t",
        model="m",
        outcome="answered",
        reason="",
        latency_ms=1.0,
        cost=Quantity(value=cost),
        carbon=Quantity(value=carbon),
    )


def writes(tokens: int) -> Any:
    return lambda: Usage(prompt=0, completion=tokens)


def side(one: Budget | BudgetStanding) -> Any:
    standing = one.standing() if isinstance(one, Budget) else one
    (found,) = standing.sides
    return found


@given(
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 12)), max_size=60),
)
def test_however_many_are_at_work_the_limit_is_passed_by_one_answer_at_most(
    hard: int, asked: list[tuple[int, int, int]]
) -> None:
    """Each asks for `most` tokens, writes no more, and ends after so many others have come."""
    held = budget(hard=float(hard), per="day")
    at_work: list[tuple[int, Any, int]] = []
    most_of_all = spent = 0
    for n, (most, less, stays) in enumerate(asked):
        for ends, tab, wrote in [one for one in at_work if one[0] <= n]:
            tab.close([step(float(wrote))])
            at_work.remove((ends, tab, wrote))
            spent += wrote
        tab = held.open()
        if tab.take(DEAR, None, writes(most)):
            assert side(held).spent + side(held).held >= hard
            continue
        wrote = max(most - less, 0)
        most_of_all = max(most_of_all, wrote)
        at_work.append((n + stays, tab, wrote))
    for _, tab, wrote in at_work:
        tab.close([step(float(wrote))])
        spent += wrote
    assert side(held).spent == spent
    assert side(held).held == 0
    assert spent < hard + most_of_all or spent == 0


def test_what_is_free_is_asked_whatever_was_spent() -> None:
    held = budget(hard=1.0)
    held.open().close([step(5.0)])
    assert "is spent" in held.open().take(DEAR, None, writes(1))
    assert held.open().take(FREE, None, writes(1)) == ""


def test_a_limit_of_nothing_asks_what_is_free_alone() -> None:
    held = budget(hard=0.0)
    assert held.open().take(DEAR, None, writes(1))
    assert not held.open().take(FREE, None, writes(1))


def test_a_hard_limit_asks_nobody_elsewhere_that_it_cannot_count() -> None:
    tab = budget(hard=1.0).open()
    assert "cannot here: no price is known for unpriced" in tab.take(UNPRICED, None, writes(1))
    assert tab.refused is not None
    assert tab.refused.retry_after is None
    assert not budget(hard=1.0, uncounted="allow").open().take(UNPRICED, None, writes(1))
    assert not budget(soft=0.0).open().take(UNPRICED, None, writes(1))
    inside = msgspec.structs.replace(UNPRICED, kind="engine")
    assert not budget(hard=0.0).open().take(inside, None, writes(1))


def test_what_was_not_known_is_said_and_in_no_sum() -> None:
    held = budget(soft=1.0, hard=2.0)
    held.open().close([step(0.5), step(None), step(None)])
    held.open().close([step(None)])
    held.open().close([msgspec.structs.replace(step(None), latency_ms=0.0)])  # it was not asked
    assert (side(held).spent, side(held).uncounted) == (0.5, 2)
    assert budget_words(held.standing()) == (
        "$0.5 of $2 this month, below the soft limit of $1; the budget cannot count 2 requests"
    )


def test_the_soft_limit_is_said_once_in_the_log_and_in_every_answer(caplog: pytest.LogCaptureFixture) -> None:
    held = budget(soft=1.0, per="day")
    for cost, words in ((0.5, ""), (0.5, "$1 this day, over the soft limit of $1"), (1.0, "$2 this day, over")):
        tab = held.open()
        assert not tab.take(DEAR, None, writes(1))
        tab.close([step(cost)])
        assert tab.words.startswith(words)
        assert bool(tab.words) == bool(words)
    assert [record.message for record in caplog.records] == ["route `support`: $1 this day, over the soft limit of $1"]


def test_past_the_hard_limit_the_answer_names_that_one() -> None:
    for limits in ({"soft": 1.0, "hard": 2.0}, {"hard": 2.0}):
        held = budget(**limits)
        tab = held.open()
        tab.close([step(2.2)])
        assert tab.words == "$2.2 this month, over the hard limit of $2"


def test_carbon_has_limits_of_its_own() -> None:
    zone = zones.declared(1000.0)
    heavy = ModelCard(name="heavy", kind="endpoint", watts=100.0, price=Price(input=0, output=0))
    held = budget(hard_co2e=10.0)
    assert not held.open().take(heavy, zone, writes(1))
    held.open().close([step(None, 10.0)])
    assert "10 g CO2e a month, is spent" in held.open().take(heavy, zone, writes(1))
    assert "cannot here: no zone" in budget(hard_co2e=1.0).open().take(heavy, None, writes(1))


def test_another_day_begins_anew_and_a_clock_that_is_set_back_finds_what_was_spent() -> None:
    clock = Clock()
    held = budget(clock, hard=1.0, per="day")
    held.open().close([step(1.0)])
    tab = held.open()
    assert tab.take(DEAR, None, writes(1))
    assert tab.refused is not None
    assert tab.refused.retry_after == 12 * 3600
    clock.now += 86_400
    assert not held.open().take(DEAR, None, writes(1))
    clock.now -= 86_400
    assert held.open().take(DEAR, None, writes(1))


def test_what_only_others_at_work_hold_is_to_be_asked_again_soon() -> None:
    held = budget(hard=4.0)
    first = held.open()
    assert not first.take(DEAR, None, writes(5))
    second = held.open()
    assert "$5 held for answers at work" in second.take(DEAR, None, writes(1))
    assert second.refused is not None
    assert second.refused.retry_after == 5.0
    first.close([step(3.0)])
    assert not second.take(DEAR, None, writes(1))


@pytest.mark.parametrize("per", ["day", "month"])
async def test_a_restart_forgets_nothing_that_was_recorded(tmp_path: Path, per: str) -> None:
    traces = SqliteTraces.open(tmp_path / "traces.db")
    clock, route = Clock(), Route(tiers=(Tier(model="m"),), budget=msgspec.convert({"per": per, "hard": 9.0}, Terms))
    before = Budgets({"support": route, "free": Route(tiers=(Tier(model="m"),))}, clock)
    assert before.of("free") is None
    held = before.of("support")
    assert held is not None
    for n, steps in enumerate([(step(1.0), step(2.0)), (step(0.5), step(None))]):
        tab = held.open()
        tab.close(steps)
        trace = trace_of(f"t{n}", NOON + n, route="support")
        costs = [one.cost.value for one in steps]
        cost = Quantity() if None in costs else Quantity(value=sum(filter(None, costs)))
        await traces.record(msgspec.structs.replace(trace, steps=steps, cost=cost))
    await traces.record(trace_of("old", NOON - 32 * 86_400, route="support"))
    after = Budgets({"support": route}, clock)
    await after.look(SqliteHours(traces.database), SqliteAudits(traces.database))
    assert after.standing() == [held.standing()]
    assert (side(held).spent, side(held).uncounted) == (3.5, 1)
    await traces.close()


# --- on the way up the stairs --------------------------------------------------------------------------------------


def priced(name: str, *rules: Rule, price: float = 1e6, threshold: float = 0.0) -> Landing:
    return tier(name, *rules, threshold=threshold, price=Price(input=0.0, output=price))


@pytest.fixture
async def traces(tmp_path: Path) -> Any:
    opened = SqliteTraces.open(tmp_path / "traces.db")
    yield opened
    await opened.close()


async def test_dearer_tiers_are_skipped_and_the_decision_says_why(traces: SqliteTraces) -> None:
    held = Budget("support", Terms(hard=1.0))
    held.open().close([step(1.0)])
    home, cloud = priced("home", Rule(answer="x (0.1)"), price=0.0, threshold=0.5), priced("cloud", Rule(answer="y"))
    result = await answer(request(), parts(traces, home, cloud, budget=held))
    assert (result.status, [one.outcome for one in result.steps]) == ("abstained", ["climbed", "skipped"])
    assert "cloud: the budget of route `support`, $1 a month, is spent" in result.decision.reason
    assert "A model that might have known was not asked: the budget does not allow it for now." in result.text
    assert isinstance(cloud.model, Fake)
    assert not cloud.model.calls


async def test_where_no_tier_remains_it_is_429_with_the_time_to_ask_again(traces: SqliteTraces) -> None:
    held = Budget("support", Terms(hard=1.0, per="day"))
    held.open().close([step(1.0)])
    built = parts(traces, priced("cloud", Rule(answer="y")), budget=held)
    for asked in (request(), request(tier="cloud")):
        with pytest.raises(BudgetExceeded, match="is spent") as refused:
            await answer(asked, built)
        assert (refused.value.status, refused.value.whose) == (429, "route")
        assert 0 < (refused.value.retry_after or 0) <= 86_400
    assert side(held).held == 0


async def test_forty_at_once_pass_the_limit_by_one_answer(traces: SqliteTraces) -> None:
    held = Budget("support", Terms(hard=200.0))
    cloud = priced("cloud", Rule(answer="one two three four five", delay_s=0.001))
    built = parts(traces, cloud, budget=held)
    asked = [msgspec.structs.replace(request(), id=f"r-{n}") for n in range(40)]
    found = await asyncio.gather(*(answer(one, built) for one in asked), return_exceptions=True)
    answered = [one for one in found if not isinstance(one, BaseException)]
    refused = [one for one in found if isinstance(one, BudgetExceeded)]
    costs = [one.cost.value or 0.0 for one in answered]
    assert len(answered) + len(refused) == 40
    assert refused
    assert side(held).spent == pytest.approx(sum(costs))
    assert sum(costs) < 200.0 + max(costs)
    assert side(held).held == 0


async def test_an_answer_over_the_soft_limit_says_so(traces: SqliteTraces) -> None:
    held = Budget("support", Terms(soft=0.5))
    built = parts(traces, priced("cloud", Rule(answer="y")), budget=held)
    assert (await answer(request(), built)).budget.endswith("over the soft limit of $0.5")


async def test_an_upstream_that_nothing_was_sent_to_took_nothing(traces: SqliteTraces, monkeypatch: Any) -> None:
    held = Budget("support", Terms(soft=0.5))
    cloud = priced("cloud", Rule(answer="y"))
    for unsent, uncounted in ((True, 0), (False, 1)):

        async def away(_: object, unsent: bool = unsent) -> AsyncGenerator[Event, None]:
            await asyncio.sleep(0.002)
            error = Unavailable("cannot connect to the cloud")
            error.unsent = unsent
            raise error
            yield

        monkeypatch.setattr(cloud.model, "stream", away)
        with pytest.raises(Unavailable):
            await answer(request(), parts(traces, cloud, budget=held))
        assert side(held).uncounted == uncounted
