"""The policy's file: what comes back, what is refused, and that every refusal says what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.judged import lines, rows

from palier.calibrate import calibrate, read
from palier.errors import ConfigurationError
from palier.routing import policy as policies
from palier.routing.fitting import Aim
from palier.routing.policy import Policy

MADE_FOR = {"encoder": "use-m3", "t1.model": "fake", "t1.adapter": "a 01"}


@pytest.fixture(scope="module")
def policy() -> Policy:
    reading = read(lines(rows(300, signals=2)))
    found = calibrate(reading, Aim(0.25, 0.9), fingerprint=MADE_FOR, route="r", today="2026-11-03").policy
    assert found is not None
    return found


def tree(policy: Policy) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(policies.dump(policy))
    return found


def refused(content: object) -> ConfigurationError:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(ConfigurationError) as caught:
        policies.parse(text, where="p.json")
    assert "p.json" in str(caught.value)
    return caught.value


def test_it_is_written_and_read_back(policy: Policy, tmp_path: Path) -> None:
    text = policies.dump(policy)
    assert text.count(b"\n") > 20, "it is meant to be read"
    (tmp_path / "p.json").write_bytes(text)
    again = policies.load(tmp_path / "p.json")
    assert again == policy
    for sure in (-2.0, 0.0, 1.7):
        features = {"sure": sure, "noise1": 0.1}
        assert again.tiers[0].probability(features) == policy.tiers[0].probability(features)


def test_it_says_what_it_promises(policy: Policy) -> None:
    assert str(policy.guarantee) == "at most 25 % wrong, 90 % confidence, 300 labels, fitted 2026-11-03"
    words = {
        target: str(msgspec.structs.replace(policy.guarantee, target=target, risk=0.005))
        for target in ("regret", "total")
    }
    assert words["regret"].startswith("at most 0.5 % worse than by always climbing, 90 %")
    assert words["total"].startswith("at most 0.5 % wrong from end to end, 90 %")


def test_signals_that_it_was_not_fitted_on_have_no_probability(policy: Policy) -> None:
    tier = policy.tiers[0]
    assert tier.probability({}) is None
    assert tier.probability({"sure": 0.5}) is None
    assert tier.probability({"sure": 0.5, "noise1": 0, "more": 3}) == tier.probability({"sure": 0.5, "noise1": 0})
    assert policy.tiers[-1].probability({"sure": 0.5, "noise1": 0}) is None


@pytest.mark.parametrize("text", [b"", b"{}", b"null", b"[]", b"\xff\xfe", b'{"tiers": ' + b"[" * 100_000])
def test_what_is_no_policy_is_refused(text: bytes) -> None:
    assert "is no policy" in str(refused(text))


def test_a_file_that_was_tampered_with_is_refused(policy: Policy) -> None:
    for change in ({"tiers": []}, {"mode": "magic"}, {"guarantee": {}}, {"fingerprint": {"a": 1}}):
        assert "is no policy" in str(refused(tree(policy) | change))
    for tier in (
        {"threshold": 1.5},
        {"threshold": -0.1},
        {"threshold": "high"},
        {"calibrator": None},
        {"truer": tree(policy)["tiers"][0]["calibrator"]},
    ):
        changed = tree(policy)
        changed["tiers"][0] |= tier
        assert "is no policy" in str(refused(changed))
    changed = tree(policy)
    changed["tiers"][0]["calibrator"]["features"][0]["scale"] = 0
    assert "scale" in str(refused(changed))
    assert "is no policy" in str(refused(policies.dump(policy)[:-30]))


def test_another_version_is_told_apart(policy: Policy) -> None:
    error = refused(tree(policy) | {"palier_policy": 2})
    assert "version 2, and this palier reads 1" in str(error)
    assert error.hint


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ConfigurationError, match=r"cannot be read") as caught:
            policies.load(path)
        assert str(path) in str(caught.value)


def check(policy: Policy, tiers: list[str], fingerprint: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        policies.check_fits(policy, tiers, fingerprint, where="p.json")
    assert caught.value.hint
    return str(caught.value)


def test_a_policy_made_for_something_else_is_refused_by_what_differs(policy: Policy) -> None:
    policies.check_fits(policy, ["t1", "t2"], MADE_FOR, where="p.json")
    assert "made for the tiers t1, t2, in this order, and not t2, t1" in check(policy, ["t2", "t1"], MADE_FOR)
    assert "not t1" in check(policy, ["t1"], MADE_FOR)
    for name, now in (("encoder", "other"), ("t1.model", "fake sha256 00"), ("t1.adapter", "a 02")):
        words = check(policy, ["t1", "t2"], MADE_FOR | {name: now})
        assert f"{name} was `{MADE_FOR[name]}` and is `{now}`" in words
        assert words.count(" was `") == 1, "what is the same is not told"
    nameless = msgspec.structs.replace(policy, fingerprint={})
    assert "does not say what it was fitted on" in check(nameless, ["t1", "t2"], MADE_FOR)


def test_differences_are_in_words() -> None:
    assert policies.differences({"a": "1"}, {"a": "1"}) == []
    assert policies.differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == [
        "a was `1` and is `not there`",
        "b was `2` and is `3`",
        "c was `not there` and is `4`",
    ]


def test_many_differences_are_counted(policy: Policy) -> None:
    words = check(policy, ["t1", "t2"], MADE_FOR | {f"x{i}": "1" for i in range(9)})
    assert "and 5 more" in words


def test_a_digest_names_a_fingerprint_whatever_its_order() -> None:
    one = policies.digest({"a": "1", "b": "2"})
    assert one == policies.digest({"b": "2", "a": "1"})
    assert len({one, policies.digest({"a": "2", "b": "1"}), policies.digest({"a": "1"}), policies.digest({})}) == 4
