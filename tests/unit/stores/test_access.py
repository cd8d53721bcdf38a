"""`access.db`: what is read again at the next start, what is in the file, and days and months."""

from __future__ import annotations

import asyncio
from calendar import timegm
from pathlib import Path

import pytest

from palier.access import AccessKey, Role
from palier.errors import InvalidRequest
from palier.stores import keys as keys_module
from palier.stores.access import SqliteAccess
from palier.stores.membership import MAX_DEPTH, Membership
from palier.stores.purse import DAY_S, KEPT_DAYS, day_ends, month_ends, standings
from palier.types import Principal


class Clock:
    """A time that is set."""

    def __init__(self, *day: int) -> None:
        self.now = float(timegm((*day, 12, 0, 0)))

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.db"


async def test_keys_groups_and_spending_are_there_at_the_next_start(path: Path) -> None:
    first = await SqliteAccess.open(path)
    made = await first.keys.create(AccessKey(name="shop", role=Role.REVIEWER, groups=("sales",)))
    gone = await first.keys.create(AccessKey(name="gone"))
    await first.keys.revoke("gone")
    await first.directory.add("staff", ["@sales"])
    first.purse.spend("shop", 0.5, 10)
    listed = await first.keys.list()
    await first.close()

    again = await SqliteAccess.open(path)
    assert await again.keys.list() == listed
    key = again.keys.find(keys_module.digest_of(made.secret.encode()))
    assert key == made.key
    assert again.directory.resolve(key.principal).groups == ("sales", "staff")
    assert again.purse.spending("shop").cost_today == 0.5
    assert gone.key.name in {each.name for each in listed if each.revoked}
    await again.close()


async def test_no_secret_is_in_the_file(path: Path) -> None:
    access = await SqliteAccess.open(path)
    secrets = [(await access.keys.create(AccessKey(name=f"k{n}"))).secret for n in range(3)]
    secrets.append((await access.keys.rotate("k0", 60.0)).secret)
    await access.close()
    kept = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert len(set(secrets)) == 4
    for secret in secrets:
        assert secret.encode() not in kept
        assert secret[12:30].encode() not in kept


async def test_what_was_not_written_is_a_few_seconds_at_most(path: Path) -> None:
    """A process that is killed keeps what `keep` wrote; written twice, it counts once."""
    first = await SqliteAccess.open(path)
    first.purse.spend("shop", 1.0, 10)
    await first.purse.keep()
    first.purse.spend("shop", 1.0, 10)
    await first.purse.keep()
    first.purse.spend("shop", 9.0, 90)
    second = await SqliteAccess.open(path)  # as after a kill: nobody closed the first
    assert second.purse.spending("shop").cost_today == 2.0
    assert second.purse.spending("shop").tokens_today == 20
    await second.close()
    await first.close()


async def test_a_day_and_a_month_begin_anew(path: Path) -> None:
    clock = Clock(2026, 11, 29)
    access = await SqliteAccess.open(path, clock)
    access.purse.spend("shop", 1.0, 10)
    clock.now += DAY_S
    assert access.purse.spending("shop").cost_today == 0.0
    assert access.purse.spending("shop").cost_month == 1.0
    access.purse.spend("shop", 2.0, 20)
    spent = access.purse.spending("shop")
    assert (spent.cost_today, spent.cost_month, spent.tokens_today) == (2.0, 3.0, 20)
    await access.close()
    access = await SqliteAccess.open(path, clock)
    assert access.purse.spending("shop") == spent
    clock.now += DAY_S
    assert access.purse.spending("shop").cost_month == 0.0
    access.purse.spend("shop", 4.0, 1)
    assert access.purse.spending("shop").cost_month == 4.0
    await access.close()


async def test_what_was_spent_long_ago_is_forgotten(path: Path) -> None:
    clock = Clock(2024, 1, 1)
    access = await SqliteAccess.open(path, clock)
    access.purse.spend("shop", 1.0, 10)
    await access.purse.keep()
    clock.now += (KEPT_DAYS + 1) * DAY_S
    access.purse.spend("shop", 1.0, 10)
    await access.purse.keep()
    rows = await access._database.read(lambda c: c.execute("SELECT count(*) FROM spent").get)
    assert rows == 1
    await access.close()


async def test_how_the_budgets_of_keys_stand(path: Path) -> None:
    clock = Clock(2026, 11, 27)
    access = await SqliteAccess.open(path, clock)
    for key in (
        AccessKey(name="shop", budget=20.0, soft=16.0),
        AccessKey(name="desk", soft=1.0, per="day"),
        AccessKey(name="free"),
        AccessKey(name="gone", budget=1.0),
    ):
        await access.keys.create(key)
    await access.keys.rotate("shop")
    await access.keys.revoke("gone")
    for name in ("shop", "desk", "free", "gone"):
        access.purse.spend(name, 17.0, 0)
    clock.now += DAY_S
    access.purse.spend("desk", 0.25, 0)
    desk, shop = sorted(standings(await access.keys.list(), access.purse, clock.now), key=lambda one: one.key)
    assert (shop.key, shop.route, shop.per) == ("shop", "", "month")
    assert (shop.sides[0].spent, shop.sides[0].state) == (17.0, "soft")
    assert (shop.begins, shop.ends) == (timegm((2026, 11, 1, 0, 0, 0)), timegm((2026, 12, 1, 0, 0, 0)))
    assert (desk.key, desk.sides[0].spent, desk.sides[0].state) == ("desk", 0.25, "below")
    assert (desk.begins, desk.ends) == (timegm((2026, 11, 28, 0, 0, 0)), timegm((2026, 11, 29, 0, 0, 0)))
    await access.close()


@pytest.mark.parametrize(
    ("now", "ends"), [((2026, 11, 26), (2026, 12, 1)), ((2026, 12, 31), (2027, 1, 1)), ((2028, 2, 29), (2028, 3, 1))]
)
def test_when_a_month_ends(now: tuple[int, ...], ends: tuple[int, ...]) -> None:
    assert month_ends(Clock(*now).now) == timegm((*ends, 0, 0, 0))
    assert day_ends(Clock(*now).now) - Clock(*now).now == DAY_S / 2


async def test_old_keys_make_room_for_new_ones(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "MAX_KEYS", 2)
    access = await SqliteAccess.open(path)
    await access.keys.create(AccessKey(name="a"))
    await access.keys.create(AccessKey(name="b"))
    with pytest.raises(InvalidRequest, match="limit"):
        await access.keys.create(AccessKey(name="c"))
    await access.keys.revoke("a")
    await access.keys.create(AccessKey(name="c"))
    assert [key.name for key in await access.keys.list()] == ["b", "c"]
    await access.close()


async def test_changes_at_once_lose_none(path: Path) -> None:
    access = await SqliteAccess.open(path)
    await asyncio.gather(*(access.directory.add("all", [f"u{n}"]) for n in range(20)))
    await asyncio.gather(*(access.keys.create(AccessKey(name=f"k{n}")) for n in range(20)))
    assert len((await access.directory.list())[0].members) == 20
    assert len(await access.keys.list()) == 20
    await access.close()


def test_two_chains_may_not_join_beyond_the_limit() -> None:
    half = MAX_DEPTH // 2 + 1
    members = Membership(
        {f"a{n + 1}": [f"@a{n}"] for n in range(half)} | {f"b{n + 1}": [f"@b{n}"] for n in range(half)}
    )
    with pytest.raises(InvalidRequest, match="deep"):
        members.with_members("b0", [f"@a{half}"])
    assert members.with_members("b0", ["ann"]).of("ann") == tuple(sorted(f"b{n}" for n in range(half + 1)))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("palier.stores.membership._REMEMBERED", 10)
    members = Membership({"a": ["ann"]})
    for n in range(100):
        assert members.of(f"u{n}") == ()
    assert len(members._known) <= 10
    assert Principal(groups=members.of("ann")).groups == ("a",)
