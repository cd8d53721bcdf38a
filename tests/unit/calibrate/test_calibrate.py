"""The outcome as a whole: what is promised, what is reported, what is drawn."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from tests.judged import lines, rows

from palier.calibrate import Outcome, calibrate, read, replay
from palier.calibrate.drawing import svg
from palier.errors import InvalidRequest
from palier.routing.fitting import Aim
from palier.routing.policy import digest

AIM = Aim(0.25, 0.9)


def outcome(trees: list[dict[str, Any]], aim: Aim = AIM, **options: Any) -> Outcome:
    return calibrate(read(lines(trees)), aim, today="2026-11-03", **options)


@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.parametrize("target", ["kept", "regret", "total"])
def test_the_guarantee_the_report_and_a_replay_agree(signals: int, target: str) -> None:
    trees = rows(400, signals=signals, label_source="marie")
    found = outcome(trees, Aim(0.25, 0.9, target), route="r", fingerprint={"a": "1"})  # type: ignore[arg-type]
    policy, report = found.policy, found.report
    assert policy is not None
    promise = policy.guarantee
    assert (promise.target, promise.risk, promise.confidence, promise.labels) == (target, 0.25, 0.9, 400)
    assert (promise.label_source, promise.fitted, policy.route) == ("marie", "2026-11-03", "r")
    assert policy.fingerprint == {"a": "1"}
    assert promise.observed <= promise.upper <= 0.25
    assert (report.policy, report.records, report.certified) == (True, 400, promise.certified)
    assert report.coverage == pytest.approx(promise.kept / promise.certified) == promise.coverage
    assert (report.observed, report.upper, report.shortfall) == (promise.observed, promise.upper, None)
    if signals == 1:  # every row certified, so that a replay of the same records sees what was seen
        again = replay(read(lines(trees)).records, policy)
        assert again.coverage == pytest.approx(report.coverage)
        assert again.risk == pytest.approx(promise.observed)
        assert again.cost == pytest.approx(report.cost)
        assert again.holds


def test_a_tier_is_reported_by_what_its_probability_is_worth() -> None:
    report = outcome(rows(600, tiers=3)).report
    assert [tier.name for tier in report.tiers] == ["t1", "t2"]
    for tier in report.tiers:
        assert tier.auroc is not None
        assert tier.auroc > 0.75
        assert tier.ece < 0.12
        assert tier.brier < 0.2
        assert sum(bar.count for bar in tier.bins) == tier.rows
    assert sum(tier.kept for tier in report.tiers) == pytest.approx(report.coverage)
    costs = [point.cost for point in report.curve]
    assert costs == sorted(costs)
    assert report.cost_top == 100.0


def test_what_cannot_be_certified_says_what_it_would_take() -> None:
    found = outcome(rows(100), Aim(0.01, 0.99))
    assert found.policy is None
    shortfall, report = found.report.shortfall, found.report
    assert shortfall is not None
    wrong = 1 - report.tiers[0].right
    assert shortfall.mean_risk == pytest.approx(wrong)
    assert shortfall.abstention_at_least == pytest.approx((wrong - 0.01) / 0.99)
    assert shortfall.labels_needed is None or shortfall.labels_needed > 100
    assert (report.coverage, report.observed, report.upper) == (0.0, None, None)
    assert report.cost == pytest.approx(11.0), "the first tier is asked all the same, then the top"


def test_segments_pay_for_one_another() -> None:
    trees = rows(400)
    for number, tree in enumerate(trees):
        tree["segment"] = ("fr", "en", "")[number % 3]
    apart = {s.name: s for s in outcome(trees, segments=True).report.segments}
    assert sorted(apart) == ["", "en", "fr"]
    assert sum(s.rows for s in apart.values()) == 400
    whole = outcome([{**tree, "segment": "fr"} for tree in trees if tree["segment"] == "fr"], segments=True).report
    assert outcome(trees).report.segments == []
    for segment in apart.values():
        assert segment.observed is not None
        assert segment.observed <= segment.upper
        assert segment.holds == (segment.upper <= 0.25)
    assert len(whole.segments) == 1


def test_costs_that_nobody_knows_are_unknown() -> None:
    trees = rows(300)
    del trees[7]["tiers"][1]["cost"]
    report = outcome(trees).report
    assert report.cost_top is None
    assert report.curve == []
    assert report.coverage > 0


def test_records_of_another_fingerprint_are_refused() -> None:
    made_for = {"a": "1"}
    assert outcome(rows(300, fingerprint=digest(made_for)), fingerprint=made_for).policy
    with pytest.raises(InvalidRequest, match="fingerprint") as caught:
        outcome(rows(300, fingerprint="0" * 16), fingerprint=made_for)
    assert caught.value.param == "fingerprint"


def test_a_feature_that_never_varies_is_noted() -> None:
    trees = rows(300, signals=2)
    for tree in trees:
        tree["tiers"][0]["features"]["noise1"] = 1.0
    assert any("noise1 never varied" in note for note in outcome(trees).report.notes)


def test_the_report_is_json_without_a_number_that_is_none() -> None:
    text = msgspec.json.encode(outcome(rows(300), segments=True).report)
    assert b"NaN" not in text
    assert msgspec.json.decode(text)["policy"] is True


@pytest.mark.parametrize("aim", [AIM, Aim(0.01, 0.99)])
@pytest.mark.parametrize("name", ["t1", "<script>alert(1)</script>", "a&b\"'", "a\u0001\ufffe]]>"])
def test_the_picture_is_valid_and_runs_nothing(aim: Aim, name: str) -> None:
    trees = rows(200, tiers=3)
    for tree in trees:
        tree["tiers"][0]["name"] = name
    picture = svg(outcome(trees, aim).report)
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    tags = {element.tag.partition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "style", "text", "rect", "line", "circle", "polyline"}
    assert not [a for element in root.iter() for a in element.attrib if a.startswith("on") or "href" in a]
    assert "nan" not in picture
    assert name.isascii() is False or "\u0001" in name or name in {element.text for element in root.iter()}


def test_a_picture_without_costs_has_the_reliability_alone() -> None:
    trees = rows(200)
    for tree in trees:
        del tree["tiers"][0]["cost"]
    assert "polyline" not in svg(outcome(trees).report)


def test_a_tier_that_is_never_right_keeps_nothing_and_the_others_are_fitted_without_it() -> None:
    trees = rows(400, tiers=3)
    for tree in trees:
        tree["tiers"][0]["correct"] = False
    found = outcome(trees)
    assert found.policy is not None
    assert "tier `t1` is wrong in every record, and keeps nothing" in found.report.notes
    assert [tier.name for tier in found.report.tiers] == ["t2"]
    again = replay(read(lines(trees)).records, found.policy)
    assert again.shares["t1"] == 0
    assert again.shares["t2"] > 0


def test_nothing_can_be_told_of_tiers_that_are_all_wrong() -> None:
    trees = rows(100, tiers=3)
    for tree in trees:
        for tier in tree["tiers"][:2]:
            tier["correct"] = False
    with pytest.raises(InvalidRequest, match="no tier below the top is right in any record"):
        outcome(trees)
