"""What rounds may take: never more, whoever is killed; and a round only for lessons that were in none."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from palier.app import pacing
from palier.app.pacing import Gauge, Pace
from palier.config import Learning
from palier.errors import ConfigurationError, DataFolderBusy, InvalidRequest, StoreError
from palier.metrics.meters import open_meters

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400.0


class Clock:
    """A time of day that stands until it is moved."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def pace(folder: Path, clock: Clock | None = None, **budget: object) -> Pace:
    return Pace(folder / "learning.json", Learning(**budget), clock or Clock())  # type: ignore[arg-type]


def gauge(folder: Path, watts: float | None = None, clock: Callable[[], float] | None = None) -> Gauge:
    """Without a meter."""
    meters = open_meters(root=folder / "none")
    assert not meters.domains
    return Gauge(meters, watts, clock or Clock())


def test_a_budget_of_a_day_is_there_again_the_next_day(tmp_path: Path) -> None:
    clock = Clock()
    one = pace(tmp_path, clock, hours=2.0)
    one.took(7_000.0, 5.0)
    assert not one.spent()
    assert one.beat_s() == pacing.BEAT_S
    one.took(190.0, 5.0)
    assert one.beat_s() == pytest.approx(10.0), "no longer than what is left"
    one.took(10.0, 5.0)
    assert one.spent() == "the 2 hours of this day are spent: it goes on at 2026-11-27 00:00 UTC"
    assert pace(tmp_path, clock, hours=2.0).spent(), "whoever is started again has no more"
    assert not pace(tmp_path, clock, hours=3.0).spent()
    clock.now += DAY_S
    assert not one.spent()
    assert one.taken().seconds == 0.0


def test_a_budget_of_energy_and_of_a_month(tmp_path: Path) -> None:
    clock = Clock()
    one = pace(tmp_path, clock, kwh=0.5, per="month")
    for _ in range(4):
        one.took(3_600.0, 100.0)
        clock.now += DAY_S
    assert not one.spent()
    one.took(3_600.0, 100.0)
    assert one.spent() == "the 0.5 kWh of this month are spent: it goes on at 2026-12-01 00:00 UTC"
    clock.now += DAY_S
    assert not one.spent(), "the first of December"
    clock.now += 80 * DAY_S
    one.took(1.0, None)
    assert one.taken() == pacing.Day(seconds=1.0, unmetered_s=1.0)
    assert b"2026-11" not in (tmp_path / "learning.json").read_bytes(), "what is long past is not kept"


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**5), st.none() | st.integers(0, 10**5)), max_size=5))
def test_what_was_taken_is_the_sum_of_its_parts(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, int | None]]
) -> None:
    one = pace(tmp_path_factory.mktemp("pace"))
    for seconds, energy in parts:
        one.took(seconds, energy)
    assert one.taken().seconds == pytest.approx(sum(seconds for seconds, _ in parts))
    assert one.taken().watt_hours == pytest.approx(sum(energy or 0.0 for _, energy in parts))
    assert one.taken().unmetered_s == pytest.approx(sum(seconds for seconds, energy in parts if energy is None))


def test_a_lesson_is_new_until_it_was_in_a_round(tmp_path: Path) -> None:
    one = pace(tmp_path)
    assert one.new("a", ["l1", "l2"]) == 2
    one.saw("a", ["l1", "l2"])
    assert (one.new("a", ["l1", "l2", "l3"]), one.new("b", ["l1"])) == (1, 1)
    assert pace(tmp_path).new("a", ["l2", "l3"]) == 1
    (tmp_path / "learning.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        pace(tmp_path)


def test_energy_is_metered_or_declared_or_unknown(tmp_path: Path) -> None:
    clock = Clock(0.0)
    declared = gauge(tmp_path, 60.0, clock)
    clock.now = 60.0
    assert declared.read() == (60.0, pytest.approx(1.0))
    assert declared.read() == (0.0, 0.0)
    assert declared.method == "estimated: 60 W declared x time"
    unknown = gauge(tmp_path, None, clock)
    clock.now = 90.0
    assert unknown.read() == (30.0, None)
    with pytest.raises(ConfigurationError, match=r"kwh is 1, and nothing here tells") as caught:
        pacing.check_known(unknown, Learning(kwh=1.0), "no meter")
    assert "`watts` of [learning]" in caught.value.hint
    pacing.check_known(declared, Learning(kwh=1.0), "")
    pacing.check_known(unknown, Learning(hours=1.0), "")


def test_a_meter_counts_before_what_is_declared(tmp_path: Path) -> None:
    domain = tmp_path / "intel-rapl:0"
    domain.mkdir()
    for name, content in (("name", "package-0"), ("max_energy_range_uj", "1000000000000"), ("energy_uj", "0")):
        (domain / name).write_text(content)
    metered = Gauge(open_meters(root=tmp_path), 1_000.0, Clock())
    (domain / "energy_uj").write_text(str(7200 * 10**6))
    assert metered.read() == (0.0, pytest.approx(2.0))
    assert "package-0" in metered.method


def _watches(file: Path, ready: multiprocessing.synchronize.Event, end: multiprocessing.synchronize.Event) -> None:
    with pacing.alone(file):
        ready.set()
        end.wait(30)
        os._exit(1)  # as a kill: nothing is cleaned up


def test_one_watches_a_folder_and_a_dead_one_is_no_obstacle(tmp_path: Path) -> None:
    file, ways = tmp_path / "learning.json", multiprocessing.get_context("spawn")
    ready, end = ways.Event(), ways.Event()
    other = ways.Process(target=_watches, args=(file, ready, end))
    other.start()
    assert ready.wait(60)
    with pytest.raises(DataFolderBusy, match="another palier learn --watch"), pacing.alone(file):
        pass
    end.set()
    other.join()
    with pacing.alone(file):
        pass


class Stage:
    """A watch with lessons that come, and rounds that take time; it ends where nothing is prepared any more."""

    def __init__(self, folder: Path, *, took_s: float = 0.0, **budget: object) -> None:
        self.folder, self.clock, self.budget = folder, Clock(), Learning(**budget)  # type: ignore[arg-type]
        self.lessons: list[str] = []
        self.coming: list[list[str]] = []
        self.rounds, self.said, self.wrong, self.slept = 0, list[str](), list[str](), list[float]()
        self.took_s, self.failing, self.endless = took_s, False, False

    async def run(self) -> None:
        one = Pace(self.folder / "learning.json", self.budget, self.clock)
        meter = gauge(self.folder, 100.0, self.clock)
        with pytest.raises(asyncio.CancelledError):
            await pacing.watch(
                *(one, meter, self.budget, "words", self._look, self._go),
                say=self.said.append,
                complain=lambda error: self.wrong.append(error.message),
                sleep=self._sleep,
            )

    async def _look(self) -> Iterable[str]:
        if self.coming:
            self.lessons += self.coming.pop(0)
        return self.lessons

    async def _go(self) -> int:
        self.rounds += 1
        self.clock.now += self.took_s
        if self.failing:
            raise InvalidRequest("too few lessons")
        if self.endless:
            await asyncio.Event().wait()
        return 3

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.now += seconds
        if not self.coming:
            raise asyncio.CancelledError
        await asyncio.sleep(0)


def names(first: int, count: int) -> list[str]:
    return [f"l{n}" for n in range(first, first + count)]


async def test_a_round_for_every_so_many_new_lessons(tmp_path: Path) -> None:
    stage = Stage(tmp_path, least_new=10, every_s=60.0, took_s=360.0)
    stage.coming = [names(0, 9), names(9, 1), [], names(10, 3), [], names(13, 7)]
    await stage.run()
    assert stage.rounds == 2
    assert stage.said == [
        "9 new lessons wait, and from 10 on a round begins",
        "10 new lessons: a round begins",
        "this day, rounds took 0.1 hours, 0.01 kWh (estimated: 100 W declared x time)",
        "0 new lessons wait, and from 10 on a round begins",
        "3 new lessons wait, and from 10 on a round begins",
        "10 new lessons: a round begins",
        "this day, rounds took 0.2 hours, 0.02 kWh (estimated: 100 W declared x time)",
    ]
    assert stage.slept == [60.0] * 6


async def test_what_goes_wrong_is_said_and_tried_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path, least_new=2)
    stage.failing, stage.coming = True, [names(0, 5), []]
    await stage.run()
    assert (stage.rounds, stage.wrong) == (2, ["too few lessons"] * 2)


async def test_a_spent_budget_ends_the_round_and_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "BEAT_S", 0.05)
    stage = Stage(tmp_path, least_new=2, hours=1.0, took_s=3_600.0)
    stage.endless, stage.coming = True, [names(0, 5), [], []]
    await asyncio.wait_for(stage.run(), 30)
    assert stage.rounds == 1, "the rest of the day nothing begins"
    assert stage.said == [
        "5 new lessons: a round begins",
        "the 1 hours of this day are spent: it goes on at 2026-11-27 00:00 UTC",
    ]
    again = Stage(tmp_path, least_new=2, hours=1.0)
    again.clock.now += DAY_S
    again.coming = [names(0, 5)]
    await again.run()
    assert again.rounds == 1, "its lessons are still new: the round was not done"


async def test_what_cannot_be_written_down_is_taken_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("no space left")

    stage = Stage(tmp_path, least_new=2, hours=1.0, took_s=3_600.0)
    stage.coming = [names(0, 5), [], []]
    monkeypatch.setattr(pacing.checkpoints, "write", full)
    await stage.run()
    assert stage.rounds == 1, "a full disk is no larger budget"
    assert stage.wrong == ["no space left"]
    assert stage.said[-1] == "the 1 hours of this day are spent: it goes on at 2026-11-27 00:00 UTC"


async def test_cancelled_it_ends_the_round_first(tmp_path: Path) -> None:
    ended: list[str] = []

    async def go() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)  # a checkpoint
            ended.append("round")
        return 0

    task = asyncio.create_task(_within(tmp_path, go))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["round"]


async def _within(folder: Path, go: Callable[[], Awaitable[int]]) -> None:
    await pacing.within(pace(folder), gauge(folder), go)
