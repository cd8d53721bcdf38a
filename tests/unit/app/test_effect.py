"""What a version did: before and after its promotion, and in shadow; with how much is known of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from palier.app import effect as module
from palier.app.effect import Effect, Effects
from palier.audits import Feedback
from palier.config import Settings, parse
from palier.errors import NotFound
from palier.ids import new_id
from palier.stores.audits import SqliteAudits
from palier.stores.feedback import SqliteFeedback
from palier.stores.shadows import SqliteShadows
from palier.stores.traces import SqliteTraces
from palier.stores.versions import SqliteVersions
from palier.testing.audits import done_of, judgement_of
from palier.testing.shadows import shadowed_of
from palier.testing.traces import content_of, trace_of
from palier.testing.versions import version_of
from palier.types import UNKNOWN, Label, Quantity, Step, Trace
from palier.versions import ShadowWords, Version

ROUTE = "support"


def settings(folder: Path) -> Settings:
    tiers = [{"model": "small", "name": "low"}, {"model": "large", "name": "top"}]
    models = {"small": {"kind": "fake"}, "large": {"kind": "fake"}}
    return parse({"models": models, "routes": {ROUTE: {"tiers": tiers, "label_source": "person"}}}, root=folder)


class Home:
    """The stores of a palier, and who answers from them."""

    def __init__(self, folder: Path) -> None:
        self.versions = SqliteVersions.open(folder / "state.db")
        self.traces = SqliteTraces.open(folder / "traces.db")
        self.audits = SqliteAudits(self.traces.database)
        self.ratings = SqliteFeedback(self.traces.database)
        self.shadows = SqliteShadows(self.traces.database)
        stores = (self.versions, self.shadows, self.traces, self.audits, self.ratings)
        self.effects = Effects(settings(folder), *stores)

    async def promoted(self, **fields: Any) -> tuple[Version, float]:
        version = version_of(ROUTE, tier="low", **fields)
        await self.versions.add(version)
        await self.versions.shadow(version.id, {"passed": True})
        await self.versions.promote(version.id, best=True, who="ann")
        return version, (await self.versions.history(ROUTE, version.id))[-1].at

    async def asked(self, *traces: Trace) -> None:
        await asyncio.gather(*(self.traces.record(trace) for trace in traces))


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    made = Home(tmp_path)
    yield made
    await made.versions.close()
    await made.traces.close()


def asked(id: str, created: float, *, climbs: bool, cost: float | None = None, **changed: Any) -> Trace:
    """A request that came to the tier `low`."""
    low = Step(tier="low", model="small", outcome="climbed" if climbs else "answered", reason="")
    steps = (low, Step(tier="top", model="large", outcome="answered", reason="")) if climbs else (low,)
    price = UNKNOWN if cost is None else Quantity(value=cost, basis="measured")
    fields: dict[str, Any] = {"steps": steps, "cost": price, "latency_ms": 900.0 if climbs else 100.0, **changed}
    return msgspec.structs.replace(trace_of(id, created, tier="top" if climbs else "low"), **fields)


async def told(home: Home, before: int, after: int) -> Effect:
    """Of as many requests a side; before it 60 % climb and cost a dollar, after it 20 %."""
    version, at = await home.promoted()
    prices = {True: 1.0, False: 0.01}
    await home.asked(
        *(asked(f"b{n}", at - 1 - n, climbs=n % 5 < 3, cost=prices[n % 5 < 3]) for n in range(before)),
        *(asked(f"a{n}", at + n * 1e-5, climbs=n % 5 < 1, cost=prices[n % 5 < 1]) for n in range(after)),
    )
    await asyncio.sleep(0.01)
    (found,) = await home.effects.of(version.id)
    assert found.version == version.id
    return found


async def test_before_and_after_a_promotion(home: Home) -> None:
    found = await told(home, 200, 150)
    assert (found.route, found.tier, found.who, found.too_few, found.randomised) == (ROUTE, "low", "ann", "", False)
    assert (found.before.requests, found.after.requests) == (200, 150)
    before, after = found.before.figures, found.after.figures
    assert (before["climbs"].value, after["climbs"].value) == (0.6, 0.2)
    assert before["cost"].value == pytest.approx(0.604)
    climbs = found.changes["climbs"]
    assert climbs.value == pytest.approx(-0.4)
    assert climbs.told
    assert climbs.low is not None
    assert climbs.low < -0.4 < -0.25
    cost = found.changes["cost"]
    assert cost.value == pytest.approx(-0.396)
    assert cost.told
    assert (before["p50_ms"].value, after["p50_ms"].value) == (900.0, 100.0)
    assert before["correct"].value is None
    assert "correct" not in found.changes


async def test_too_few_requests_say_how_many_it_takes(home: Home) -> None:
    found = await told(home, module.LEAST, module.LEAST - 1)
    assert found.changes == {}
    assert found.too_few.startswith("30 requests before and 29 after: it takes 30 a side")


async def test_nothing_before_is_told_too(home: Home) -> None:
    found = await told(home, 0, 40)
    assert (found.before.requests, found.before.figures["climbs"].value) == (0, None)
    assert found.too_few


async def test_what_is_not_told_apart_says_how_many_would_be_enough(home: Home) -> None:
    version, at = await home.promoted()
    await home.asked(
        *(asked(f"b{n}", at - 1 - n, climbs=n % 5 < 2) for n in range(50)),
        *(asked(f"a{n}", at + n * 1e-5, climbs=n % 10 < 3) for n in range(50)),
    )
    await asyncio.sleep(0.01)
    (found,) = await home.effects.of(version.id)
    climbs = found.changes["climbs"]
    assert not climbs.told
    assert climbs.needed is not None
    assert 300 < climbs.needed < 400
    assert (found.before.figures["cost"].missing, found.before.figures["cost"].value) == (50, None)


async def test_each_side_ends_at_the_next_change_and_at_so_many_days(home: Home) -> None:
    first, at = await home.promoted()
    day = 86_400.0
    await home.asked(
        asked("old", at - 3 * day, climbs=True),
        asked("before", at - day, climbs=True),
        asked("between", at + 1e-5, climbs=False),
    )
    await asyncio.sleep(0.01)
    second, later = await home.promoted()
    await home.asked(asked("after", later + 1e-5, climbs=True))
    await asyncio.sleep(0.01)
    (one,) = await home.effects.of(first.id, days=2)
    assert (one.before.requests, one.after.requests) == (1, 1)
    assert one.after.figures["climbs"].value == 0.0
    (two,) = await home.effects.of(second.id, days=30)
    assert (two.before.requests, two.after.requests) == (1, 1)
    (wide,) = await home.effects.of(first.id, days=30)
    assert wide.before.requests == 2


async def test_what_did_not_come_to_the_tier_or_to_an_end_does_not_count(home: Home) -> None:
    version, at = await home.promoted()
    top = (Step(tier="top", model="large", outcome="answered", reason=""),)
    passed = (Step(tier="low", model="small", outcome="skipped", reason=""), *top)
    await home.asked(
        asked("named", at - 1, climbs=True, steps=top),
        asked("left", at - 2, climbs=True, status="abandoned"),
        asked("failed", at - 3, climbs=True, status="failed"),
        asked("passed-over", at - 4, climbs=True, steps=passed),
        msgspec.structs.replace(asked("sales", at - 5, climbs=True), route="sales"),
    )
    (found,) = await home.effects.of(version.id)
    assert (found.before.requests, found.before.figures["climbs"].value) == (1, 1.0)


async def test_of_very_many_those_nearest_to_the_promotion_count(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 20)
    version, at = await home.promoted()
    await home.asked(
        *(asked(f"b{n}", at - 1 - n, climbs=n < 20) for n in range(90)),
        *(asked(f"a{n}", at + n * 1e-5, climbs=n < 20) for n in range(90)),
    )
    await asyncio.sleep(0.01)
    (found,) = await home.effects.of(version.id)
    for side in (found.before, found.after):
        assert (side.requests, side.figures["climbs"].value) == (20, 1.0)


async def test_quality_is_what_was_audited_and_rated_of_each_side(home: Home) -> None:
    version, at = await home.promoted()
    for n, (created, right) in enumerate([(at - 1, True), (at - 2, False), (at + 1e-5, True), (at + 2e-5, True)]):
        audit = done_of(f"t{n}", created=created, served="tier-1")
        await home.audits.draw(asked(f"t{n}", created, climbs=False), audit)
        await home.audits.judge([judgement_of(f"t{n}", correct=right), judgement_of(f"t{n}", tier="tier-2")])
        rating: Any = "up" if right else "down"
        said = Feedback(trace=f"t{n}", principal="ann", rating=rating, created=1.0)
        await home.ratings.rate(said, Label.INTERNAL, None)
    await asyncio.sleep(0.01)
    (found,) = await home.effects.of(version.id)
    for name in ("correct", "up"):
        before, after = found.before.figures[name], found.after.figures[name]
        assert (before.value, before.n, after.value, after.n) == (0.5, 2, 1.0, 2)


async def test_one_that_never_answered_has_no_effect_and_one_that_is_not_known_is_told(home: Home) -> None:
    version = version_of(ROUTE, tier="low")
    await home.versions.add(version)
    assert await home.effects.of(version.id) == []
    for call in (home.effects.of("v-none"), home.effects.shadow("v-none"), home.effects.differences("v-none")):
        with pytest.raises(NotFound):
            await call


async def shadowed(stores: Home, version: Version, count: int, **changed: Any) -> None:
    for _ in range(count):
        name = new_id()
        await stores.traces.record(trace_of(name, content=content_of("what?", 9e9)))
        await stores.shadows.keep(shadowed_of(name, version.id, **{"guard": "", **changed}))


async def test_what_it_would_have_done_in_shadow(home: Home) -> None:
    version = version_of(ROUTE, tier="low")
    await home.versions.add(version)
    assert (await home.effects.shadow(version.id)).requests == 0
    words = ShadowWords(label=Label.INTERNAL, expires=9e9, answer="otherwise")
    await shadowed(home, version, 50, outcome="kept", home=True, agrees=True)
    await shadowed(home, version, 30, outcome="kept", home=False, agrees=True)
    await shadowed(home, version, 10, outcome="kept", home=False, agrees=False, words=words)
    await shadowed(home, version, 6, outcome="stopped", home=True, agrees=None, guard="polite")
    await shadowed(home, version, 4, outcome="barred", home=True, agrees=None, latency_ms=0.0)
    found = await home.effects.shadow(version.id)
    assert found.requests == 100
    assert found.outcomes == {"kept": 90, "stopped": 6, "barred": 4}
    assert found.guards == {"polite": 6}
    assert (found.home.value, found.home_now.value) == (0.9, 0.6)
    assert found.more_home is not None
    assert found.more_home.value == pytest.approx(0.3)
    assert found.more_home.told
    assert (found.agrees.value, found.agrees.n) == (pytest.approx(80 / 90), 90)
    assert found.agrees.low is not None
    assert found.agrees.low < 80 / 90
    assert (found.latency_ms.value, found.latency_ms.n) == (12.5, 96)
    assert found.energy_wh.value == 0.2

    told = await home.effects.differences(version.id, limit=4)
    assert len(told) == 4
    assert {(one.question, one.served, one.answer, one.outcome) for one in told} == {
        ("what?", "what? !", "otherwise", "kept")
    }
    await home.traces.expire(1e10)
    assert await home.effects.differences(version.id) == []
