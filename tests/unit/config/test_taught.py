"""Settings in which a student is live."""

from __future__ import annotations

from pathlib import Path

import pytest

from palier.config import parse
from palier.config.taught import with_version
from palier.errors import ConfigurationError
from palier.testing.versions import version_of

TREE = {
    "models": {
        "intents": {"kind": "head", "file": "old.head"},
        "small": {"kind": "engine", "weights": "smollm2-135m", "adapters": {"old": "old.gguf"}},
    },
    "routes": {
        "support": {"tiers": [{"model": "intents"}, {"model": "small"}], "policy": "old.json"},
        "other": {"tiers": [{"model": "intents"}]},
    },
}
SETTINGS = parse(TREE)


def test_an_adapter_joins_those_that_are_there_and_serves_its_tier() -> None:
    made = version_of("support", tier="tier-2", student="lora")
    found = with_version(SETTINGS, made, Path("/v"))
    assert found.models["small"].adapters == {"old": "old.gguf", made.id: "/v/adapter.gguf"}
    assert [tier.adapter for tier in found.routes["support"].tiers] == ["", made.id]
    assert [tier.name for tier in found.routes["support"].tiers] == ["tier-1", "tier-2"]
    assert found.routes["support"].policy == "/v/policy.json"
    assert found.routes["other"] == SETTINGS.routes["other"]


def test_a_head_is_a_model_of_its_own_so_that_other_routes_keep_theirs() -> None:
    made = version_of("support", student="head", policy="")
    found = with_version(SETTINGS, made, Path("/v"))
    own = found.routes["support"].tiers[0].model
    assert found.models[own].file == "/v/student.head"
    assert found.models["intents"].file == "old.head"
    assert found.routes["support"].policy == "", "what was certified was of another head"


def test_the_name_of_a_head_says_nothing_twice() -> None:
    tree = {
        "models": {"head": {"kind": "head", "file": "old.head"}},
        "routes": {"support": {"tiers": [{"model": "head"}]}},
    }
    made = version_of("support", id="head-7a22330929ac", student="head")
    assert with_version(parse(tree), made, Path("/v")).routes["support"].tiers[0].model == "head-7a22330929ac"
    other = with_version(SETTINGS, made, Path("/v")).routes["support"].tiers[0].model
    assert other == "intents-head-7a22330929ac"


def test_a_challenger_stands_beside_its_champion() -> None:
    made = version_of("support", student="head")
    found = with_version(SETTINGS, made, Path("/v"), route="challenger")
    assert found.routes["support"] == SETTINGS.routes["support"]
    assert found.routes["challenger"].tiers[0].model != "intents"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"tier": "tier-9"}, "has no tier"),
        ({"tier": "tier-1", "student": "lora"}, "is of kind `head`"),
        ({"tier": "tier-2", "student": "head"}, "is of kind `engine`"),
    ],
)
def test_what_the_settings_cannot_serve_is_refused(fields: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        with_version(SETTINGS, version_of("support", **fields), Path("/v"))


def test_a_route_that_is_gone_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not there"):
        with_version(SETTINGS, version_of("sales"), Path("/v"))
