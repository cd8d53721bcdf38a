"""Limits that are passed are told once in their period, whatever becomes of the gateway and of the webhook."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import msgspec
import pytest

from palier import overspending
from palier.errors import StoreError, Unavailable
from palier.interfaces import Erasure
from palier.overspending import BudgetAlert, Overspending
from palier.spending import BudgetSide, BudgetStanding
from palier.stores.states import StateFile

DAY_S = 86_400.0
BEGINS = 20_000 * DAY_S


class House:
    """A budget that stands as the test says, and a webhook."""

    def __init__(self, folder: Path) -> None:
        self.file = StateFile(folder / "alerts")
        self.spent, self.begins = 0.0, BEGINS
        self.soft: float | None = 4.0
        self.hard: float | None = 5.0
        self.key = BudgetSide(of="cost", spent=0.0, held=0.0, uncounted=0, soft=2.0, hard=3.0)
        self.answers: list[int | Exception] = []
        self.told: list[BudgetAlert] = []

    async def standings(self) -> list[BudgetStanding]:
        side = BudgetSide(of="cost", spent=self.spent, held=1.0, uncounted=3, soft=self.soft, hard=self.hard)
        carbon = BudgetSide(of="carbon", spent=self.spent, held=0.0, uncounted=0, hard=1_000.0)
        ends = self.begins + DAY_S
        key = BudgetStanding(key="ann", per="day", begins=self.begins, ends=ends, sides=(self.key,))
        route = BudgetStanding(route="support", per="day", begins=self.begins, ends=ends, sides=(side, carbon))
        return [route, key]

    async def post(self, body: bytes) -> int:
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        if answer < 300:
            self.told.append(msgspec.json.decode(body, type=BudgetAlert))
        return answer

    def open(self) -> Overspending:
        return Overspending(self.standings, self.file, self.post, clock=lambda: self.begins + 60)

    @property
    def limits(self) -> list[str]:
        return [f"{alert.limit} {alert.least:g}" for alert in self.told]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def looked(watch: Overspending, times: int = 2) -> None:
    for _ in range(times):
        await watch.look()
        await watch.tell()


async def test_each_limit_is_told_once_a_period(house: House) -> None:
    watch = house.open()
    await looked(watch)
    assert house.told == []
    house.spent = 4.0
    await looked(watch)
    house.spent = 4.9
    await looked(watch)
    house.spent = 5.5
    await looked(watch)
    await looked(house.open())
    assert house.limits == ["soft 4", "hard 5"]
    alert = house.told[1]
    assert (alert.route, alert.of, alert.spent, alert.uncounted, alert.per) == ("support", "cost", 5.5, 3, "day")
    assert (alert.begins, alert.ends, alert.at) == (BEGINS, BEGINS + DAY_S, BEGINS + 60)
    house.begins, house.spent = BEGINS + DAY_S, 0.0
    await looked(watch)
    house.spent = 7.0
    await looked(watch)
    assert house.limits == ["soft 4", "hard 5", "soft 4", "hard 5"]
    assert len({alert.id for alert in house.told}) == 4


async def test_what_was_spent_before_a_restart_is_not_told_again_and_a_new_limit_is(house: House) -> None:
    house.spent = 4.5
    await looked(house.open())
    house.spent = 3.0  # killed with requests at work, which are not recorded
    watch = house.open()
    await looked(watch)
    house.spent = 4.5
    await looked(watch)
    assert house.limits == ["soft 4"]
    house.soft, house.hard, house.spent = 4.7, None, 4.8
    await looked(watch)
    assert house.limits == ["soft 4", "soft 4.7"]


async def test_a_clock_that_steps_back_tells_nothing_again(house: House) -> None:
    house.spent = 4.5
    watch = house.open()
    await looked(watch)
    house.begins -= DAY_S
    await looked(watch)
    house.begins += DAY_S
    await looked(watch)
    assert house.limits == ["soft 4"]


async def test_a_dead_webhook_loses_nothing_and_the_order_is_kept(house: House) -> None:
    house.answers = [Unavailable("cannot connect"), 503, ValueError("odd")]
    watch = house.open()
    house.spent = 4.5
    await looked(watch)
    house.spent = 6.0
    await watch.look()
    assert watch.unsent == 2
    watch = house.open()  # the next gateway
    await watch.look()
    assert watch.unsent == 2
    assert not await watch.tell()
    assert await watch.tell()
    assert (house.limits, watch.unsent) == (["soft 4", "hard 5"], 0)


async def test_what_cannot_be_kept_is_told_when_it_can(house: House, tmp_path: Path) -> None:
    blocked = tmp_path / "alerts" / "budgets.json.new"
    blocked.mkdir(parents=True)
    house.spent = 4.5
    watch = house.open()
    with pytest.raises(StoreError):
        await watch.look()
    assert house.told == []
    blocked.rmdir()
    await looked(watch)
    assert house.limits == ["soft 4"]


async def test_a_file_that_cannot_be_read_is_begun_anew(house: House) -> None:
    house.file.keep("budgets", b'{"said": 3}')
    house.spent = 4.5
    await looked(house.open())
    assert house.limits == ["soft 4"]


async def test_it_looks_while_it_runs_and_not_without_a_webhook(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overspending, "LOOK_EVERY_S", 0.01)
    watch, silent = house.open(), Overspending(house.standings, StateFile(house.file._folder / "none"))
    for one in (watch, silent):
        one.start()
    house.spent = 4.5
    while not house.told:
        await asyncio.sleep(0.01)
    for one in (watch, silent):
        await one.stop()
    assert house.limits == ["soft 4"]
    assert silent.unsent == 0
    assert not (house.file._folder / "none").exists()


async def test_keys_are_logged_without_a_webhook_and_told_with_one(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house.key = msgspec.structs.replace(house.key, spent=2.5)
    silent = Overspending(house.standings, StateFile(tmp_path / "none"))
    with caplog.at_level(logging.WARNING):
        await looked(silent)
    assert [record.message for record in caplog.records] == ["key `ann` is over its soft limit of $2"]
    assert silent.unsent == 0
    assert not (tmp_path / "none").exists()
    watch = house.open()
    await looked(watch)
    house.key = msgspec.structs.replace(house.key, spent=3.0)
    await looked(house.open())
    assert [(alert.key, alert.route, alert.limit) for alert in house.told] == [("ann", "", "soft"), ("ann", "", "hard")]


async def test_a_key_that_is_forgotten_is_nowhere(house: House) -> None:
    house.key = msgspec.structs.replace(house.key, spent=5.0)
    house.answers = [503]
    house.spent = 4.5
    watch = house.open()
    await looked(watch, 1)
    assert b"ann" in (house.file.load("budgets") or b"")
    erasure = Erasure(user="ann", before=BEGINS)
    assert await watch.forget(erasure, dry_run=True) == {"alerts": 3}
    assert b"ann" in (house.file.load("budgets") or b"")
    assert await watch.forget(Erasure(user="bob", before=BEGINS)) == {}
    assert await watch.forget(Erasure(collection="c", document="d", before=BEGINS)) == {}
    assert await house.open().forget(erasure) == {"alerts": 3}
    assert b"ann" not in (house.file.load("budgets") or b"")
    house.key = msgspec.structs.replace(house.key, spent=0.0)
    await looked(house.open())
    assert house.limits == ["soft 4"]
