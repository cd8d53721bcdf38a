"""The watch while the gateway runs: a reference that is written down, looks that count once, alerts told once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
import pytest

from palier.audits import Feedback
from palier.config import parse
from palier.drift.report import Alert
from palier.drifting import DAY_S, LEAST, Drifting, Gathering
from palier.errors import StoreError, Unavailable
from palier.interfaces import Vectors
from palier.stores.drift import SqliteCensus, SqlitePassing
from palier.stores.feedback import SqliteFeedback
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.states import StateFile
from palier.stores.traces import SqliteTraces
from palier.testing.traces import content_of, trace_of
from palier.types import Label

T = TypeVar("T")
NOW = 1_800_000_000.0


class Here:
    """`Workers` without processes: what they would do is done at once."""

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        return function(*arguments)

    async def close(self) -> None:
        pass


class Plain:
    """An encoder: texts that begin alike have like vectors."""

    name, dimension = "plain", 4

    async def encode(self, texts: Any) -> Vectors:
        rng = np.random.default_rng([ord(text[0]) for text in texts])
        found = np.stack([np.eye(4)[ord(text[0]) % 4] for text in texts]) + 0.1 * rng.normal(size=(len(texts), 4))
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


class Hook:
    """A webhook that says what it is told to, then that it took it."""

    def __init__(self, *answers: int | Exception) -> None:
        self.took: list[Alert] = []
        self.answers = list(answers)

    async def __call__(self, body: bytes) -> int:
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        if answer < 300:
            self.took.append(msgspec.json.decode(body, type=Alert))
        return answer


class House:
    """One route, its traces, and a watch that is opened anew as often as one likes."""

    def __init__(self, folder: Path, traces: SqliteTraces, knowledge: SqliteKnowledge) -> None:
        self.folder, self.traces, self.knowledge = folder, traces, knowledge
        self.now, self.policy, self.hook = NOW, "", Hook()
        self.asked = 0
        self.rng = np.random.default_rng(11)

    def open(self, **said: Any) -> Drifting:
        tiers = [{"model": "m"}, {"model": "m"}]
        tree = {"drift": {"enabled": True, **said}, "models": {"m": {"kind": "fake"}}}
        settings = parse({**tree, "routes": {"support": {"tiers": tiers, "collections": ["faq"]}}}, root=self.folder)
        return Drifting(
            settings.drift,
            settings.routes,
            {"support": "person"},
            passing=SqlitePassing(self.traces.database),
            census=SqliteCensus(self.knowledge.database),
            file=StateFile(self.folder / "drift"),
            encoder=Plain(),
            workers=Here(),
            named=lambda route: self.policy,
            post=self.hook,
            clock=lambda: self.now,
        )

    async def ask(self, n: int, climbing: float, *, words: bool = False) -> None:
        """So many requests, of which a share climbs."""
        traces = []
        for _ in range(n):
            self.asked += 1
            trace = trace_of(f"t{self.asked}", self.now, content=content_of("abc"[self.asked % 3]) if words else None)
            outcome = "climbed" if self.rng.random() < climbing else "answered"
            step = msgspec.structs.replace(
                trace.steps[0], outcome=outcome, confidence=float(self.rng.random()), usage=None
            )
            traces.append(msgspec.structs.replace(trace, steps=(step,)))
        await asyncio.gather(*map(self.traces.record, traces))

    async def referred(self, **said: Any) -> Drifting:
        """A watch with its reference."""
        watch = self.open(**said)
        await watch.look()
        await self.ask(600, 0.2)
        self.now += 14 * DAY_S
        await watch.look()
        return watch


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    traces = SqliteTraces.open(tmp_path / "traces.db")
    knowledge = SqliteKnowledge.open(tmp_path / "knowledge.db", "none", 4, lambda text, language: text.split())
    yield House(tmp_path, traces, knowledge)
    await traces.close()
    await knowledge.close()


async def test_the_reference_is_the_first_weeks_and_is_written_down(house: House) -> None:
    watch = house.open()
    assert str((await watch.standings())["support"]) == "drift: nothing was looked at yet"
    await watch.look()
    await house.ask(LEAST - 1, 0.2)
    house.now += 20 * DAY_S
    await watch.look()
    standing = (await watch.standings())["support"]
    assert standing.reference is None
    assert standing.chosen == f"gathering the reference: 20.0 of 14 days, {LEAST - 1} requests of {LEAST}"
    await house.ask(1, 0.2)
    await watch.look()
    standing = (await house.open().standings())["support"]
    assert standing.reference is not None
    assert (standing.reference.since, standing.reference.n) == (NOW, LEAST)
    assert standing.chosen == "the first 14 days of this watch"
    assert set(standing.evidence) == {"confidence", "escalated", "refused"}
    assert str(standing) == "no drift in 0 requests since the reference"


async def test_what_drifts_is_told_once_also_over_a_restart(house: House) -> None:
    watch = await house.referred()
    await house.ask(300, 0.5)
    await watch.look()
    assert str((await watch.standings())["support"]).startswith("drift: escalated by 0.")
    for _ in range(2):
        await watch.look()
        assert await watch.tell()
    (alert,) = house.hook.took
    assert (alert.route, alert.signal, alert.state, alert.at) == ("support", "escalated", "drifting", house.now)
    watch = house.open()
    await house.ask(300, 0.5)
    await watch.look()
    assert await watch.tell()
    assert house.hook.took == [alert]
    standing = (await watch.standings())["support"]
    assert standing.drifting == (alert,)
    assert standing.seen["escalated"] == 600


async def test_ratings_are_watched_and_a_watch_of_before_goes_on_without(house: House) -> None:
    ratings = SqliteFeedback(house.traces.database)

    async def rate(n: int, down: float) -> None:
        for number in range(house.asked - n + 1, house.asked + 1):
            rating: Literal["up", "down"] = "down" if house.rng.random() < down else "up"
            house.now += 1
            said = Feedback(trace=f"t{number}", principal="ann", rating=rating, created=house.now)
            await ratings.rate(said, Label.INTERNAL, None)

    watch = house.open()
    await watch.look()
    await house.ask(600, 0.2)
    await rate(200, 0.1)
    house.now += 14 * DAY_S
    await watch.look()
    kept = msgspec.json.decode((house.folder / "drift" / "support.json").read_bytes())
    assert "rated_down" in kept["followed"]
    await house.ask(150, 0.2)
    await rate(150, 0.6)
    await house.open().look()
    watch = house.open()
    await watch.tell()
    assert [(alert.signal, alert.state) for alert in house.hook.took] == [("rated_down", "drifting")]
    standing = (await watch.standings())["support"]
    assert (standing.seen["rated_down"], standing.seen["escalated"]) == (150, 150)
    del kept["followed"]["rated_down"], kept["reference"]["scales"]["rated_down"]
    kept["place"] = kept["place"][:2]  # as it was kept before ratings were
    (house.folder / "drift" / "support.json").write_bytes(msgspec.json.encode(kept))
    watch = house.open()
    await watch.look()
    standing = (await watch.standings())["support"]
    assert "rated_down" not in standing.seen
    assert standing.seen["escalated"] == 150


async def test_a_dead_webhook_loses_nothing_and_stops_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.hook = Hook(Unavailable("cannot connect"), Unavailable("cannot connect"), 500, ValueError("odd"))
    watch = await house.referred()
    await house.ask(300, 0.5)
    await watch.look()
    with caplog.at_level(logging.WARNING):
        assert not await watch.tell()
        assert not await watch.tell()
    assert sum("cannot connect" in record.message for record in caplog.records) == 1
    standing = (await watch.standings())["support"]
    assert (standing.unsent, standing.failing) == (1, "cannot connect")
    assert str(standing).endswith("; 1 alerts unsent (cannot connect)")
    await house.ask(100, 0.5)
    await watch.look()
    assert (await watch.standings())["support"].seen["escalated"] == 400
    watch = house.open()  # the next gateway tells what this one could not
    assert not await watch.tell()
    assert not await watch.tell()
    assert await watch.tell()
    assert [alert.signal for alert in house.hook.took] == ["escalated"]
    assert (await watch.standings())["support"].unsent == 0


async def test_a_clock_that_steps_counts_nothing_twice(house: House) -> None:
    watch = await house.referred()
    for step in (-400 * DAY_S, 900 * DAY_S, -600 * DAY_S, 0.0):
        house.now += step
        await house.ask(50, 0.2)
        await watch.look()
        await watch.look()
    standing = (await watch.standings())["support"]
    assert standing.seen["escalated"] == 200
    assert standing.drifting == ()


async def test_a_clock_that_steps_back_delays_no_reference_for_ever(house: House) -> None:
    watch = house.open()
    await watch.look()
    house.now -= 3650 * DAY_S
    await house.ask(LEAST, 0.2)
    await watch.look()
    house.now += 14 * DAY_S
    await watch.look()
    assert (await watch.standings())["support"].reference is not None


async def test_another_policy_is_another_reference(house: House) -> None:
    watch = await house.referred()
    house.policy = "certified"
    await watch.look()
    standing = (await watch.standings())["support"]
    assert standing.reference is None
    await house.ask(LEAST, 0.6)
    house.now += 14 * DAY_S
    await watch.look()
    assert (await watch.standings())["support"].chosen == "the first 14 days under this policy"


async def test_a_declared_reference_waits_for_its_end(house: House) -> None:
    house.now = 1_790_000_000.0  # 2026-09-21
    await house.ask(LEAST - 1, 0.2)
    watch = house.open(reference_from="2026-09-20", reference_until="2026-09-25")
    await watch.look()
    assert (await watch.standings())["support"].chosen == "the reference is declared, to 2026-09-25"
    house.now += 10 * DAY_S
    await watch.look()
    assert (await watch.standings())["support"].chosen == "the declared reference has 199 requests, and 200 are needed"
    house.now -= 10 * DAY_S
    await house.ask(1, 0.2)
    house.now += 10 * DAY_S
    await watch.look()
    standing = (await watch.standings())["support"]
    assert standing.reference is not None
    assert (standing.reference.n, standing.chosen) == (200, "declared")


async def test_begun_anew_it_forgets_what_drifted_and_keeps_what_is_unsent(house: House) -> None:
    house.hook = Hook(503)
    watch = await house.referred()
    await house.ask(300, 0.6)
    await watch.look()
    assert not await watch.tell()
    standing = await watch.renew("support")
    assert (standing.reference, standing.drifting, standing.unsent) == (None, (), 1)
    assert (await house.open().standings())["support"].chosen == "begun anew"


async def test_what_goes_wrong_with_a_route_is_said_and_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = await house.referred()
    kept = (house.folder / "drift" / "support.json").read_bytes()
    await house.ask(50, 0.2)
    for error, words in ((StoreError("the disk is full"), "the disk is full"), (KeyError("x"), "the log has more")):
        with monkeypatch.context() as patch:
            patch.setattr(watch._passing, "after", _raising(error))
            await watch.look()
        assert words in str((await watch.standings())["support"])
    assert (house.folder / "drift" / "support.json").read_bytes() == kept
    await watch.look()
    standing = (await watch.standings())["support"]
    assert (standing.failing, standing.seen["escalated"]) == ("", 50)


async def test_what_was_kept_and_cannot_be_read_begins_anew(house: House) -> None:
    await house.referred()
    (house.folder / "drift" / "support.json").write_text('{"policy": 3}')
    watch = house.open()
    await watch.look()
    assert (await watch.standings())["support"].reference is None


async def test_it_looks_by_itself_where_it_is_enabled(house: House) -> None:
    watch = house.open(enabled=False)
    watch.start()
    assert watch._task is None
    assert await watch.standings() == {}
    await house.referred()
    await house.ask(300, 0.6)
    house.now += DAY_S
    watch = house.open()
    watch.start()
    async with asyncio.timeout(20):
        while not house.hook.took:
            await asyncio.sleep(0.01)
    await watch.stop()
    await watch.stop()
    assert [alert.signal for alert in house.hook.took] == ["escalated"]
    house.now += 600
    assert await house.open()._rest() == DAY_S - 600
    house.now -= 9 * DAY_S
    assert await house.open()._rest() == DAY_S


async def test_questions_are_gathered_as_vectors_where_their_words_are_kept(house: House) -> None:
    await house.ask(4, 0.2, words=True)
    await house.ask(2, 0.2)
    passing = SqlitePassing(house.traces.database)
    found, vectors = await Gathering(Plain()).of(await passing.between("support", 0, 2 * NOW, 10))
    assert vectors is not None
    assert np.isnan(vectors).all(axis=1).tolist() == [False] * 4 + [True] * 2
    assert {one.question for one in found} == {""}
    assert (await Gathering(Plain()).of([trace_of("a")]))[1] is None


def _raising(error: Exception) -> Callable[..., Any]:
    async def run(*_: Any) -> Any:
        raise error

    return run
