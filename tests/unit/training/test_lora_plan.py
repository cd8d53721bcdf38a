"""The plan of a student: everything its result depends on, sized to the lessons; laws of its order and its rate."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.training import lora_plan
from palier.training.lora_plan import Plan, Row


def rows(count: int) -> list[Row]:
    return [Row((1, n), (3, 2)) for n in range(count)]


def plan(count: int = 100, **said: object) -> Plan:
    return lora_plan.sized(rows(count), base="small", base_sha256="0" * 64, **said)


@given(st.integers(1, 40), st.integers(1, 16), st.integers(0, 5), st.integers(1, 6))
def test_every_lesson_is_taught_once_in_every_pass(count: int, batch: int, seed: int, passes: int) -> None:
    steps = -(-count * passes // batch)
    taught = [n for step in range(steps) for n in lora_plan.order(count, seed, batch, step)][: count * passes]
    assert set(Counter(taught).values()) == {passes}
    for start in range(0, len(taught), count):
        assert sorted(taught[start : start + count]) == list(range(count))


def test_passes_and_seeds_have_their_own_order() -> None:
    found = {tuple(lora_plan.order(50, seed, 50, step)) for seed in range(3) for step in range(3)}
    assert len(found) == 9


@given(st.integers(1, 500), st.integers(1, 60))
def test_the_rate_rises_then_falls_and_is_never_nought(steps: int, warm: int) -> None:
    made = plan(warm=warm)
    found = [lora_plan.rate_at(made, steps, step) for step in range(steps)]
    top = found.index(max(found))
    assert all(0 < rate <= made.rate for rate in found)
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)


def test_few_lessons_are_seen_more_often_than_many() -> None:
    assert [plan(count).steps for count in (10, 100, 300, 1000, 3000)] == [20, 125, 125, 250, 750]
    assert [plan(count).rank for count in (100, 3000)] == [8, 16]
    assert plan(10).batch == 8
    assert plan(3).batch == 3
    said = plan(100, steps=7, rank=4, rate=0.1, minutes=0.0)
    assert (said.steps, said.rank, said.alpha, said.rate, said.length) == (7, 4, 8.0, 0.1, 4)


def test_some_are_held_out_by_what_they_ask() -> None:
    found = lora_plan.held_out([*rows(100), *rows(100)])
    apart = [row.prompt for row in found if row.held_out]
    assert len(apart) == 20
    assert set(Counter(apart).values()) == {2}
    assert not any(row.held_out for row in lora_plan.held_out(rows(39)))
    chosen = [*rows(99), Row((9,), (2,), 1.0, True)]
    assert lora_plan.held_out(chosen) == tuple(chosen)


def test_another_plan_is_told_by_its_fields() -> None:
    assert lora_plan.difference(plan(), plan(seed=3, rank=4)) == ["seed", "rank", "alpha"]
    assert plan().digest != plan(seed=3).digest


@pytest.mark.parametrize(("free", "expected"), [(1, 1), (10**9, 3), (10**12, 8)])
def test_as_many_at_once_as_memory_holds(free: int, expected: int) -> None:
    made = Plan(base="", base_sha256="", lessons=1, lessons_sha256="", length=64)
    assert lora_plan.at_once(made, 576, 30, free) == expected
    assert lora_plan.free_memory() > 0
