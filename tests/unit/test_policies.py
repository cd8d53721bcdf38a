"""The policies of an open palier: hot swap, refusal, breach, and routes that climb without one."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.stairs import wired

from palier import policies as module
from palier.models.fake import Fake
from palier.pipeline.landing import Landing
from palier.policies import Policies, Ruled
from palier.routing import policy as files
from palier.routing.calibrator import Calibrator, Feature
from palier.routing.cascade import NEVER
from palier.routing.policy import Guarantee, Policy, PolicyTier

PLAIN = Calibrator(features=(Feature(name="confidence", mean=0.0, scale=1.0, coefficient=1.0),), intercept=0.0)
MADE_FOR = {"encoder": "e", "small.model": "fake"}


def policy(threshold: float = 0.7, fitted: str = "2026-11-03") -> Policy:
    promise = Guarantee(
        target="kept", risk=0.1, confidence=0.95, labels=300, certified=300, kept=150, observed=0.05, upper=0.1,
        fitted=fitted,
    )  # fmt: skip
    tiers = (PolicyTier(name="small", threshold=threshold, calibrator=PLAIN), PolicyTier(name="top"))
    return Policy(tiers=tiers, guarantee=promise, fingerprint=MADE_FOR)


def landing(name: str) -> Landing:
    return wired(name, name, Fake(), 0.5 if name == "small" else 0.0)


class Route:
    """One route with a policy's file, and what was relayed."""

    def __init__(self, path: Path | None, *, climbs: bool = False) -> None:
        self.path = path
        self.relayed: list[tuple[Landing, ...]] = []
        ruled = Ruled(path, (landing("small"), landing("top")), MADE_FOR, otherwise_climbs=climbs)
        self.policies = Policies({"r": ruled}, lambda _, standing, landings: self.relayed.append(landings))
        self.policies.look()

    @property
    def small(self) -> Landing:
        return self.relayed[-1][0]

    @property
    def words(self) -> str:
        (status,) = self.policies.status({})
        assert status.calibrated == (self.policies.of("r").policy is not None and not self.policies.of("r").broken)
        return status.words

    def write(self, content: Policy | bytes) -> None:
        assert self.path is not None
        beside = self.path.with_suffix(".new")
        beside.write_bytes(content if isinstance(content, bytes) else files.dump(content))
        beside.rename(self.path)
        self.policies.look()


@pytest.fixture
def route(tmp_path: Path) -> Route:
    return Route(tmp_path / "p.json")


def test_without_a_file_the_thresholds_of_the_settings_stand(route: Route) -> None:
    assert route.words.startswith("not calibrated: the policy")
    assert "cannot be read" in route.words
    assert (route.small.threshold, route.small.rule, route.small.guarantee) == (0.5, None, "")
    assert Route(None).words == "not calibrated: the route names no policy"


def test_a_file_is_followed_as_soon_as_it_is_seen_and_left_when_it_goes(route: Route) -> None:
    route.write(policy(0.7))
    promise = "at most 10 % wrong, 95 % confidence, 300 labels, fitted 2026-11-03"
    assert route.words == route.small.guarantee == promise
    assert route.small.threshold == 0.7
    assert route.small.rule is not None
    assert route.small.rule.probability({"confidence": 0.0, "other": 1.0}) == 0.5
    assert (route.relayed[-1][1].threshold, route.relayed[-1][1].guarantee) == (0.0, "")
    route.write(policy(0.9, fitted="2026-12-01"))
    assert (route.small.threshold, "2026-12-01" in route.words) == (0.9, True)
    assert route.path is not None
    route.path.unlink()
    route.policies.look()
    assert "cannot be read" in route.words
    assert (route.small.threshold, route.small.rule) == (0.5, None)


def test_an_unchanged_file_is_not_read_again(route: Route) -> None:
    route.write(policy())
    relayed = len(route.relayed)
    for _ in range(3):
        route.policies.look()
    assert len(route.relayed) == relayed


def test_a_broken_file_is_refused_and_nothing_of_the_old_one_is_promised(
    route: Route, caplog: pytest.LogCaptureFixture
) -> None:
    route.write(policy(0.7))
    for broken in (b"{", b"", files.dump(policy())[:-20], b'{"tiers": ' + b"[" * 100_000):
        with caplog.at_level(logging.WARNING):
            route.write(broken)
        assert route.words.startswith("not calibrated: ")
        assert "is no policy" in route.words
        assert (route.small.threshold, route.small.rule, route.small.guarantee) == (0.5, None, "")
        assert "is no policy" in caplog.text
        caplog.clear()
        route.write(policy(0.7))
        assert route.small.threshold == 0.7


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (("other", "top"), "made for the tiers other, top"),
        ({"encoder": "f", "small.model": "fake"}, "encoder was `f` and is `e`"),
        ({"encoder": "e", "small.model": "fake sha256 1"}, "small.model was `fake sha256 1` and is `fake`"),
        ({}, "does not say what it was fitted on"),
    ],
)
def test_a_policy_made_for_something_else_is_refused(route: Route, made: object, words: str) -> None:
    if isinstance(made, dict):
        route.write(msgspec.structs.replace(policy(), fingerprint=made))
    else:
        assert isinstance(made, tuple)
        named = zip(policy().tiers, made, strict=True)
        tiers = tuple(msgspec.structs.replace(tier, name=name) for tier, name in named)
        route.write(msgspec.structs.replace(policy(), tiers=tiers))
    assert words in route.words
    assert route.small.rule is None


def test_a_breach_keeps_nothing_until_another_policy_comes(route: Route) -> None:
    route.write(policy(0.7))
    route.policies.breach("r", route.policies.of("r").named, "9 of 50 were wrong: calibrate again")
    assert route.words == "9 of 50 were wrong: calibrate again"
    assert (route.small.threshold, route.small.rule, route.small.keeps) == (NEVER, None, False)
    assert route.small.guarantee == "9 of 50 were wrong: calibrate again"
    assert route.relayed[-1][1].threshold == 0.0
    route.policies.look()
    assert route.words == "9 of 50 were wrong: calibrate again", "the same file does not heal it"
    route.write(policy(0.8, fitted="2026-12-01"))
    assert (route.small.threshold, "2026-12-01" in route.words) == (0.8, True)


def test_a_route_may_climb_until_it_has_a_policy(tmp_path: Path) -> None:
    route = Route(tmp_path / "p.json", climbs=True)
    assert (route.small.threshold, route.small.guarantee) == (NEVER, "nothing is kept without a policy")
    assert "not calibrated" in route.words
    route.write(policy(0.7))
    assert route.small.threshold == 0.7
    route.write(b"{")
    assert route.small.threshold == NEVER


async def test_it_keeps_looking(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    looking = asyncio.create_task(route.policies.keep_looking())
    assert route.path is not None
    route.path.write_bytes(files.dump(policy(0.7)))
    for _ in range(200):
        await asyncio.sleep(0.01)
        if route.small.threshold == 0.7:
            break
    assert route.small.threshold == 0.7
    assert not looking.done()
    looking.cancel()


def test_a_landing_asked_by_name_promises_nothing(route: Route) -> None:
    route.write(policy(0.7))
    alone = route.small.asked_alone()
    assert (alone.threshold, alone.guarantee) == (0.0, "")
    assert replace(alone, threshold=0.7, guarantee=route.small.guarantee) == route.small
