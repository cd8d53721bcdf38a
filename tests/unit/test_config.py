"""What a wrong palier.toml is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from palier.config import audit_share, label_source, parse
from palier.errors import ConfigurationError

TIER = {"model": "x"}


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"server": {"prot": 1}}, "did you mean `port`?"),
        ({"serve": {}}, "did you mean `server`?"),
        ({"server": {"retention_days": 3}}, r"belongs in \[store\]"),
        ({"models": {"q": {"kind": "extract", "threshold": 3}}}, r"belongs in \[\[routes.NAME.tiers\]\]"),
        ({"models": {"q": {"kind": "extract", "nonsense": 3}}}, "settings.md lists every setting"),
        ({"routes": {"a": {"tiers": [{**TIER, "threshhold": 1}]}}}, "did you mean `threshold`?"),
        ({"routes": {"a": {"message_label": "interne"}}}, "one of public, internal, confidential, restricted"),
        ({"routes": {"a": {"tiers": [{**TIER, "threshold": "0.6"}]}}}, "write it without quotes"),
        ({"carbon": {"country": "FRA"}}, "settings.md lists every setting"),
        ({"carbon": {"zne": "FRA"}}, "did you mean `zone`?"),
        ({"carbon": {"intensity": -1.0}}, r"intensity is -1 .*from 0 on"),
        ({"drift": {"false_alarms": 0.0}}, r"false_alarms is 0 .*0.001 to 0.5"),
        ({"drift": {"every_s": 1.0}}, r"every_s is 1 .*from 60 on"),
        ({"drift": {"reference_from": "2026-11-02"}}, "both ends"),
        ({"drift": {"reference_from": "2026-11-02", "reference_until": "later"}}, "are times"),
        ({"drift": {"reference_from": "2026-11-02", "reference_until": "2026-11-01"}}, "not before"),
        ({"drift": {"url": "https://x.example/"}}, "settings.md lists every setting"),
        ({"carbon": {"pue": 0.9}}, r"pue is 0.9 .*from 1 on"),
        *(
            ({section: {"retention_days": days}}, rf"\[{section}\]: retention_days is {days:g}".replace("+", r"\+"))
            for section in ("store", "lessons")
            for days in (float("inf"), float("nan"), -1.0, 1e308)
        ),
        ({"models": {"q": {"kind": "engine", "watts": -5.0}}}, r"model `q`: watts is -5"),
        ({"models": {"q": {"kind": "engine", "dollars_per_hour": float("nan")}}}, "dollars_per_hour is nan"),
        ({"models": {"q": {"kind": "endpoint", "price": {"input": -1, "output": 1}}}}, "price.input is -1"),
        (
            {"models": {"q": {"kind": "endpoint", "price": {"input": 1, "output": 1}, "dollars_per_hour": 2.0}}},
            "by the token or by the hour: keep one",
        ),
        (
            {"guards": {"fine": {"kind": "form"}, "mine": {"kind": "form", "on_error": "opn"}}},
            r"`guards\.mine\.on_error` may not be 'opn'; one of closed, open",
        ),
        (
            {"routes": {"a": {"tiers": [TIER]}, "b": {"tiers": [TIER, {**TIER, "threshold": "x"}]}}},
            r"`routes\.b\.tiers\[1\]\.threshold` must",
        ),
        ({"guards": {"g": {"kind": "form"}, "h": {"knd": 1}}}, r"`guards\.h\."),
        ({"models": {"q": {"kind": "endpoint", "impacts_as": "gpt-4o-mini"}}}, "is not PROVIDER/MODEL"),
    ],
)
def test_what_is_wrong_and_what_was_meant(tree: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=words):
        parse(tree, root=tmp_path)


def route(store: dict[str, Any] | None = None, tiers: int = 2, **fields: Any) -> tuple[float, str]:
    tree = {"models": {"m": {"kind": "fake"}}, "routes": {"r": {"tiers": [{"model": "m"}] * tiers, **fields}}}
    settings = parse({**tree, "store": store or {}})
    return audit_share(settings, settings.routes["r"]), label_source(settings.routes["r"])


def test_a_route_says_what_is_audited_and_who_judges() -> None:
    assert route() == (0.02, "agreement f1>=0.6 with tier-2")
    assert route(audit=0.0, agreement_at=0.75) == (0.0, "agreement f1>=0.75 with tier-2")
    assert route(audit=1.0, label_source="person") == (1.0, "person")


def test_by_default_nothing_is_audited_where_nothing_can_be() -> None:
    assert route(tiers=1)[0] == 0.0
    assert route({"record_content": False})[0] == 0.0


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"hard": -1.0}, "budget: hard is -1"),
        ({"soft_co2e": float("nan")}, "soft_co2e is nan"),
        ({"soft": 3.0, "hard": 2.0}, "soft is 3, and hard 2"),
        ({"per": "year"}, "per"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(budget: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        route(budget=budget)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"audit": 2}, "audit 2.0 is not between 0 and 1"),
        ({"audit": -0.1}, "not between 0 and 1"),
        ({"agreement_at": 0.0}, "agreement_at 0.0"),
        ({"audit": 0.1, "tiers": 1}, "one tier"),
        ({"audit": 0.1, "store": {"record_content": False}}, "record_content is false"),
        ({"label_source": "nobody"}, "label_source"),
    ],
)
def test_an_audit_that_cannot_be_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        route(**fields)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("label_source", "agrement", "one of agreement, person, judge"),
        ("without_policy", "climbs", "one of threshold, climb"),
        ("message_label", "secret", "one of public, internal, confidential, restricted"),
    ],
)
def test_a_word_that_is_none_of_a_settings_own_is_told_which_there_are(setting: str, value: str, words: str) -> None:
    tree = {"models": {"m": {"kind": "fake"}}, "routes": {"r": {"tiers": [{"model": "m"}], setting: value}}}
    with pytest.raises(ConfigurationError, match=words):
        parse(tree)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("least_new", 0, "least_new is 0"),
        ("hours", -1.0, "hours is -1"),
        ("kwh", float("nan"), "kwh is nan"),
        ("per", "week", "one of day, month"),
        ("review", "all", r"belongs in \[lessons\]"),
    ],
)
def test_a_budget_of_learning_that_cannot_be_is_refused(setting: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse({"learning": {setting: value}})
    assert re.search(words, f"{caught.value.message} {caught.value.hint}")
