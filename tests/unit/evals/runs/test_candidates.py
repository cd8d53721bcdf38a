"""Names to candidates: each a route of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.installation import settings, suite

from palier.cards import ModelCard
from palier.cases import Declared, Published
from palier.errors import ConfigurationError
from palier.evals.runs import candidates


def test_without_names_it_is_every_tier_the_cascade_and_what_is_declared(tmp_path: Path) -> None:
    asked = suite("a", candidates={"curt": Declared(tier="small", system="One word.", variant_of="tier-1")})
    planned = candidates.resolve(asked, settings(tmp_path))
    assert [one.name for one in planned] == ["tier-1", "tier-2", "cascade", "curt"]
    first, _, cascade, curt = (one.route for one in planned)
    assert first is not None
    assert cascade is not None
    assert curt is not None
    assert [(tier.name, tier.threshold, tier.system) for tier in first.tiers] == [("tier-1", 0.0, "Be brief.")]
    assert [(tier.name, tier.threshold) for tier in cascade.tiers] == [("tier-1", 0.99), ("tier-2", None)]
    assert curt.tiers[0].system == "One word."
    assert all(one.route is not None and one.route.audit == 0.0 for one in planned)


def test_the_nearest_meaning_of_a_name_counts(tmp_path: Path) -> None:
    asked = suite("a", candidates={"large": Declared(model="spare")})
    names = ["large", "small", "spare", "other", f"elsewhere={tmp_path / 'log.jsonl'}"]
    planned = candidates.resolve(asked, settings(tmp_path), names)
    assert [(one.name, one.kind) for one in planned] == [
        ("large", "model"),
        ("small", "tier"),
        ("spare", "model"),
        ("other", "cascade"),
        ("elsewhere", "imported"),
    ]
    assert planned[4].results == str(tmp_path / "log.jsonl")


def test_a_limit_of_the_suite_is_that_of_every_tier(tmp_path: Path) -> None:
    for one in candidates.resolve(suite("a", max_tokens=7), settings(tmp_path)):
        assert one.route is not None
        assert {tier.max_tokens for tier in one.route.tiers} == {7}


@pytest.mark.parametrize(
    ("names", "declared", "words"),
    [
        (["smal"], {}, "there are tier-1, tier-2, small, large, cascade, spare, other, or NAME=FILE"),
        (["small", "small"], {}, "named twice"),
        (["x/y=log"], {}, "no name for a candidate"),
        (["a"], {"a": Declared()}, "none of them"),
        (["a"], {"a": Declared(tier="small", model="spare")}, "tier and model"),
        (["a"], {"a": Declared(tier="tier-9")}, "tiers of `support`: tier-1, tier-2"),
        (["a"], {"a": Declared(route="non")}, "routes: support, other"),
        (["a"], {"a": Declared(model="non")}, "models: small, large, spare"),
        (["a"], {"a": Declared(route="support", adapter="x")}, "an adapter belongs to one tier"),
        (["a"], {"a": Declared(tier="small", prompt="Hello")}, "the prompt of `a` has no `{input}`"),
    ],
)
def test_what_is_wrong_is_said_with_what_there_is(
    tmp_path: Path, names: list[str], declared: dict[str, Declared], words: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        candidates.resolve(suite("a", candidates=declared), settings(tmp_path), names)
    assert words in str(raised.value)


def test_a_model_of_two_tiers_is_named_by_its_tier(tmp_path: Path) -> None:
    tiers = [{"model": "small", "name": "first"}, {"model": "small", "name": "second"}]
    twice = settings(tmp_path, routes={"support": {"tiers": tiers}})
    with pytest.raises(ConfigurationError, match="`small` is the model of first and second"):
        candidates.resolve(suite("a"), twice, ["small"])


def test_a_suite_without_a_route_needs_that_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not say its route"):
        candidates.resolve(suite("a", route=""), settings(tmp_path))


def test_what_is_known_is_described_and_nothing_more(tmp_path: Path) -> None:
    models = {
        "small": {"kind": "engine", "weights": "smollm2-135m"},
        "large": {"kind": "endpoint", "base_url": "https://api.example/v1", "model": "m", "region": "eu"},
    }
    tiers = [{"model": "small"}, {"model": "large"}]
    known = settings(tmp_path, models=models, routes={"support": {"tiers": tiers}})
    cards = [
        ModelCard(name="small", kind="engine", title="s", licence="apache-2.0", parameters=135, languages=("en",)),
        ModelCard(name="large", kind="endpoint", title="l", licence="", languages=("fr", "en")),
    ]
    tier, cloud, cascade = candidates.resolve(suite("a"), known)
    found = candidates.describe(tier, known, cards[:1])
    assert (found.on_premises, found.parameters, found.licence, found.simulated) == (True, 135, "apache-2.0", False)
    assert candidates.describe(cloud, known, cards[1:]).on_premises is False
    both = candidates.describe(cascade, known, cards)
    assert (both.on_premises, both.parameters, both.licence, both.region) == (False, None, "", "eu")
    assert both.languages == ("en", "fr")
    declared = Declared(published=Published(quality=0.9, source="a page"), parameters=7, on_premises=False)
    (page,) = candidates.resolve(suite("a", candidates={"page": declared}), known, ["page"])
    there = candidates.describe(page, known)
    assert (there.kind, there.parameters, there.published) == ("published", 7, declared.published)
    assert candidates.describe(candidates.resolve(suite("a"), settings(tmp_path))[0], settings(tmp_path)).simulated


def test_one_that_may_receive_nothing_is_said(tmp_path: Path) -> None:
    known = settings(tmp_path)
    (spare,) = candidates.resolve(suite("a"), known, ["spare"])
    assert "may receive at most public" in candidates.blocked(spare, known)
    assert not any(candidates.blocked(one, known) for one in candidates.resolve(suite("a"), known))


def test_a_tier_with_a_student_is_known_by_the_model_it_was_declared_with(tmp_path: Path) -> None:
    declared = settings(tmp_path)
    route = declared.routes["support"]
    taught = msgspec.structs.replace(route.tiers[0], name="tier-1", model="small-student")
    now = msgspec.structs.replace(
        declared,
        models={**declared.models, "small-student": declared.models["small"]},
        routes={**declared.routes, "support": msgspec.structs.replace(route, tiers=(taught, *route.tiers[1:]))},
    )
    by_model = {"as-set": Declared(model="small")}
    planned = candidates.resolve(suite("a", candidates=by_model), now, ["small", "as-set"], declared=declared)
    assert [one.route.tiers[0].model for one in planned if one.route] == ["small-student", "small"]
    with pytest.raises(ConfigurationError) as wrong:
        candidates.resolve(suite("a"), now, ["nobody"], declared=declared)
    assert "small-student" not in (wrong.value.hint or "")
