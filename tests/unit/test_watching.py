"""Watching what policies promise: each judged audit counts once, and a breach keeps nothing until it is calibrated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.stairs import wired

from palier.audits import Audit
from palier.models.fake import Fake
from palier.pipeline.landing import Landing
from palier.policies import Policies, Ruled
from palier.routing import policy as policies
from palier.routing.calibrator import Calibrator, Feature
from palier.routing.policy import Guarantee, Policy, PolicyTier
from palier.stores.audits import SqliteAudits
from palier.stores.traces import SqliteTraces
from palier.testing.audits import done_of, drawn, judgement_of
from palier.watching import Watch, loss_of

MADE_OF = {"encoder": "use"}


def policy(**promised: Any) -> Policy:
    calibrator = Calibrator(features=(Feature(name="confidence", mean=0.0, scale=1.0, coefficient=1.0),), intercept=0.0)
    promise = Guarantee(
        **{
            "target": "kept",
            "risk": 0.1,
            "confidence": 0.95,
            "labels": 300,
            "certified": 300,
            "kept": 150,
            "observed": 0.05,
            "upper": 0.09,
            "fitted": "2026-11-25",
            "label_source": "person",
            **promised,
        }
    )
    tiers = (PolicyTier(name="tier-1", threshold=0.7, calibrator=calibrator), PolicyTier(name="tier-2"))
    return Policy(tiers=tiers, guarantee=promise, fingerprint=MADE_OF)


class House:
    """One route with a policy, its audits, and what watches it."""

    def __init__(self, folder: Path, audits: SqliteAudits, made: Policy) -> None:
        self.file = folder / "policy.json"
        self.audits = audits
        self.landings: tuple[Landing, ...] = ()
        self.write(made)
        landings = tuple(wired(f"tier-{n}", "m", Fake(), 0.5) for n in (1, 2))
        ruled = Ruled(path=self.file, landings=landings, fingerprint=MADE_OF, otherwise_climbs=False)
        self.policies = Policies({"support": ruled}, lambda route, standing, landings: self._climb(landings))
        self.policies.look()
        self.watch = Watch(audits, self.policies, {"support": "person"})

    def write(self, made: Policy) -> None:
        self.policy = made
        self.file.write_bytes(policies.dump(made))

    def _climb(self, landings: tuple[Landing, ...]) -> None:
        self.landings = landings

    async def judged(self, name: str, *, right: bool, **changed: Any) -> None:
        """An audit under the policy, served by the first tier and judged."""
        fields = {"policy": policies.identity(self.policy), "served": "tier-1", **changed}
        await drawn(self.audits, done_of(name, **fields))
        await self.audits.judge([judgement_of(name, correct=right), judgement_of(name, tier="tier-2", correct=True)])


@pytest.fixture
async def audits(tmp_path: Path) -> AsyncIterator[SqliteAudits]:
    traces = SqliteTraces.open(tmp_path / "traces.db")
    yield SqliteAudits(traces.database)
    await traces.close()


@pytest.fixture
def house(tmp_path: Path, audits: SqliteAudits) -> House:
    return House(tmp_path, audits, policy())


async def test_says_that_it_saw_nothing_yet(house: House) -> None:
    await house.watch.look()
    assert house.watch.words == {"support": "watching: no audited kept answer yet, limit 10 %"}


async def test_each_judged_audit_counts_once_also_after_a_restart(house: House, tmp_path: Path) -> None:
    await house.judged("a", right=True)
    await house.judged("b", right=False)
    await house.watch.look()
    await house.watch.look()
    assert house.watch.words["support"].startswith("watching: 2 audited kept answers, 50.0 % wrong")
    again = House(tmp_path, house.audits, policy())
    await again.judged("c", right=True)
    await again.watch.look()
    assert again.watch.words["support"].startswith("watching: 3 audited kept answers, 33.3 % wrong")


@pytest.mark.parametrize("changed", [{"policy": "another"}, {"policy": ""}, {"served": "tier-2"}, {"served": ""}])
async def test_what_the_policy_did_not_keep_does_not_count(house: House, changed: dict[str, str]) -> None:
    await house.judged("a", right=False, **changed)
    await house.watch.look()
    assert "no audited kept answer" in house.watch.words["support"]


async def test_one_that_nobody_judged_waits(house: House) -> None:
    await drawn(house.audits, done_of("a", policy=policies.identity(house.policy), served="tier-1"))
    await house.watch.look()
    assert "no audited kept answer" in house.watch.words["support"]
    await house.audits.judge([judgement_of("a"), judgement_of("a", tier="tier-2")])
    await house.watch.look()
    assert "1 audited kept answer" in house.watch.words["support"]


async def test_a_breach_keeps_nothing_until_another_policy_is_loaded(house: House) -> None:
    for n in range(30):
        await house.judged(f"t{n}", right=n % 2 == 0)
    await house.watch.look()
    assert [landing.keeps for landing in house.landings] == [False, True]
    status = house.policies.status(house.watch.words)[0]
    assert not status.calibrated
    assert status.words.startswith("the guarantee broke, calibrate again: breached, seen after")
    house.write(policy(fitted="2026-12-01"))
    house.policies.look()
    await house.watch.look()
    assert [landing.keeps for landing in house.landings] == [True, True]
    assert house.policies.status(house.watch.words)[0].calibrated


async def test_a_breach_is_remembered_after_a_restart(house: House, tmp_path: Path) -> None:
    for n in range(30):
        await house.judged(f"t{n}", right=False)
    await house.watch.look()
    again = House(tmp_path, house.audits, policy())
    assert again.landings[0].keeps
    await again.watch.look()
    assert not again.landings[0].keeps


async def test_a_touched_file_of_a_broken_policy_is_still_broken(house: House) -> None:
    for n in range(30):
        await house.judged(f"t{n}", right=False)
    await house.watch.look()
    house.write(house.policy)
    house.policies.look()
    assert not house.landings[0].keeps


async def test_a_policy_that_came_meanwhile_is_not_broken(house: House) -> None:
    old = policies.identity(house.policy)
    house.write(policy(fitted="2026-12-01"))
    house.policies.look()
    house.policies.breach("support", old, "it broke")
    assert house.landings[0].keeps


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({}, "not watched: the policy's labels are by `person`, and its audits are none: [routes.NAME] audit"),
        (
            {"support": "judge"},
            "not watched: the policy's labels are by `person`, and its audits are judged by `judge`",
        ),
    ],
)
async def test_a_policy_that_no_audit_can_watch_says_so(house: House, sources: dict[str, str], words: str) -> None:
    watch = Watch(house.audits, house.policies, sources)
    await watch.look()
    assert watch.words == {"support": words}


async def test_one_route_that_cannot_be_watched_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(route: str, source: str, limit: int) -> list[Audit]:
        raise ValueError("odd")

    monkeypatch.setattr(house.audits, "unwatched", fails)
    await house.watch.look()
    assert house.watch.words["support"].startswith("not watched: unforeseen")


async def test_state_of_another_method_begins_anew(house: House) -> None:
    await house.audits.count_watched("support", policies.identity(house.policy), b'{"alpha": 2', [])
    await house.judged("a", right=True)
    await house.watch.look()
    assert "1 audited kept answer" in house.watch.words["support"]


def judged(served: str, first: bool, top: bool) -> Audit:
    return msgspec.structs.replace(
        done_of("a", served=served),
        judgements=(judgement_of("a", correct=first), judgement_of("a", tier="tier-2", correct=top)),
    )


@pytest.mark.parametrize(
    ("target", "served", "first", "top", "loss"),
    [
        ("kept", "tier-1", False, True, 1.0),
        ("kept", "tier-2", False, False, None),
        ("kept", "", False, False, None),
        ("total", "tier-2", False, False, 1.0),
        ("total", "", True, True, 0.5),
        ("regret", "tier-1", False, True, 1.0),
        ("regret", "tier-1", True, False, 0.0),
        ("regret", "tier-1", True, True, 0.5),
        ("regret", "tier-2", False, True, 0.5),
    ],
)
def test_what_a_request_lost(target: str, served: str, first: bool, top: bool, loss: float | None) -> None:
    assert loss_of(judged(served, first, top), policy(target=target, abstain_loss=0.5)) == loss


@pytest.mark.parametrize("target", ["kept", "total", "regret"])
def test_one_that_was_left_undecided_is_no_abstention(target: str) -> None:
    left = msgspec.structs.replace(judged("", False, False), undecided=True)
    assert loss_of(left, policy(target=target, abstain_loss=0.5)) is None
