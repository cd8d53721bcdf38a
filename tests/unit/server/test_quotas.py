"""Rates and budgets, on clocks that are set."""

from __future__ import annotations

from calendar import timegm

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.access import AccessKey, Spending
from palier.errors import BudgetExceeded
from palier.server import quotas as module
from palier.server.quotas import Quotas, RateLimited

NOON = float(timegm((2026, 11, 26, 12, 0, 0)))


class Purse:
    """What was spent, as it is set."""

    def __init__(self, **spent: float) -> None:
        self.spent = Spending(**spent)  # type: ignore[arg-type]

    def spend(self, key: str, cost: float, tokens: int) -> None: ...

    def spending(self, key: str) -> Spending:
        return self.spent

    async def keep(self) -> None: ...


class Steady:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def quotas(steady: Steady | None = None, **spent: float) -> Quotas:
    return Quotas(Purse(**spent), lambda: NOON, steady or Steady())


def test_a_key_without_limits_has_none() -> None:
    held = quotas(cost_today=1e9, cost_month=1e9)
    for _ in range(1000):
        held.take(AccessKey(name="k"), spends=True)
        held.take(None, spends=True)


def test_a_rate_is_a_minutes_worth_at_once_then_evenly() -> None:
    steady = Steady()
    held, key = quotas(steady), AccessKey(name="k", rate=60)
    for _ in range(60):
        held.take(key, spends=False)
    with pytest.raises(RateLimited) as refused:
        held.take(key, spends=False)
    assert refused.value.status == 429
    assert refused.value.retry_after == pytest.approx(1.0)
    steady.now += 1.0
    held.take(key, spends=False)
    with pytest.raises(RateLimited):
        held.take(key, spends=False)
    held.take(AccessKey(name="other", rate=60), spends=False)


@given(
    rate=st.integers(1, 100),
    waits=st.lists(st.floats(0, 30), min_size=1, max_size=300),
)
def test_law_of_rates(rate: int, waits: list[float]) -> None:
    """In any stretch of time no more pass than the bucket holds and what it gained; who waits as told passes."""
    steady = Steady()
    held, key = quotas(steady), AccessKey(name="k", rate=rate)
    passed: list[float] = []
    for wait in waits:
        steady.now += wait
        try:
            held.take(key, spends=False)
            passed.append(steady.now)
        except RateLimited as refused:
            steady.now += (refused.retry_after or 0.0) + 1e-6
            held.take(key, spends=False)
            passed.append(steady.now)
    for i, first in enumerate(passed):
        for j in range(i, len(passed)):
            assert j - i + 1 <= rate + (passed[j] - first) * rate / 60 + 1e-3


def test_many_names_stay_few_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_BUCKETS", 10)
    steady = Steady()
    held = quotas(steady)
    for n in range(100):
        steady.now += 10
        held.take(AccessKey(name=f"k{n}", rate=1), spends=False)
    assert len(held._buckets) <= 11


@pytest.mark.parametrize(
    ("limits", "spent", "words", "hours"),
    [
        ({"budget": 2.0, "per": "day"}, {"cost_today": 2.0}, "2 US dollars of this day", 12),
        ({"budget": 2.0, "per": "month"}, {"cost_month": 2.5}, "2 US dollars of this month", 4 * 24 + 12),
        ({"tokens": 100}, {"tokens_today": 100}, "100 tokens of today", 12),
    ],
)
def test_a_budget_that_is_spent_says_until_when(
    limits: dict[str, object], spent: dict[str, float], words: str, hours: float
) -> None:
    key = AccessKey(name="shop", **limits)  # type: ignore[arg-type]
    held = quotas(**spent)
    with pytest.raises(BudgetExceeded, match=words) as refused:
        held.take(key, spends=True)
    assert (refused.value.status, refused.value.code) == (429, "budget_exceeded")
    assert refused.value.retry_after == hours * 3600
    assert "2026-1" in str(refused.value)
    held.take(key, spends=False)
    quotas().take(key, spends=True)


def test_a_month_is_not_a_day() -> None:
    quotas(cost_today=1.0, cost_month=99.0).take(AccessKey(name="k", budget=2.0, per="day"), spends=True)


def test_several_requests_are_taken_all_or_none() -> None:
    steady = Steady()
    held, key = quotas(steady), AccessKey(name="k", rate=6)
    held.take(key, spends=True, requests=4)
    with pytest.raises(RateLimited) as refused:
        held.take(key, spends=True, requests=3)
    assert refused.value.retry_after == pytest.approx(10.0)
    held.take(key, spends=True, requests=2)
    steady.now += 10.0
    held.take(key, spends=True, requests=1)
    with pytest.raises(RateLimited, match="7 prompts"):
        held.take(key, spends=True, requests=6, held=1)
    with pytest.raises(RateLimited, match="wait a little"):
        held.take(key, spends=True, requests=5, held=1)
    held.take(key, spends=True, requests=0)
