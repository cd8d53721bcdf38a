"""How many numbers a key may try, on a clock that is set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.privacy import guesses as module
from palier.privacy.guesses import FREE, MAX_HOUR, MAX_REQUEST, Guesses


class Steady:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_request_is_bounded_whoever_asks() -> None:
    held = Guesses(Steady())
    assert not held.take("a", MAX_REQUEST + 1)
    assert held.take("a", MAX_REQUEST)


def test_an_hour_is_bounded_and_fills_evenly() -> None:
    steady = Steady()
    held = Guesses(steady)
    each = 10_000
    assert all(held.take("a", each + FREE) for _ in range(MAX_HOUR // each))
    assert not held.take("a", FREE + 1)
    assert held.take("a", FREE), "a few numbers are none of it"
    assert held.take("b", MAX_REQUEST), "each key by itself"
    steady.now += 36.0
    assert not held.take("a", FREE + MAX_HOUR // 100 + 1)
    assert held.take("a", FREE + MAX_HOUR // 100)


@given(st.lists(st.tuples(st.floats(0, 5_000), st.integers(0, MAX_REQUEST)), max_size=200))
def test_law_of_guesses(asked: list[tuple[float, int]]) -> None:
    """In any stretch of time no more are looked up than an hour's worth and what came since."""
    steady, taken = Steady(), []
    held = Guesses(steady)
    for wait, count in asked:
        steady.now += wait
        if held.take("a", count):
            taken.append((steady.now, max(0, count - FREE)))
    for first, (start, _) in enumerate(taken):
        for last in range(first, len(taken)):
            together = sum(count for _, count in taken[first : last + 1])
            assert together <= MAX_HOUR + (taken[last][0] - start) * MAX_HOUR / 3_600 + 1e-3


def test_many_keys_stay_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEYS", 10)
    steady = Steady()
    held = Guesses(steady)
    for n in range(100):
        steady.now += 600
        assert held.take(f"k{n}", FREE + 1)
    assert len(held._left) <= 11
