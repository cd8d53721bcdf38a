"""Six records by hand, and that it is the gateway's decision which is applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.judged import records

from palier.calibrate import replay as module_replay
from palier.calibrate.replay import Replayed, replay
from palier.errors import InvalidRequest
from palier.routing.calibrator import Calibrator, Feature
from palier.routing.policy import Guarantee, Policy, PolicyTier, digest

PLAIN = Calibrator(features=(Feature(name="x", mean=0.0, scale=1.0, coefficient=1.0),), intercept=0.0)
"""Probability 0.5 at x = 0, and 0.73 at 1."""


def policy(**changes: Any) -> Policy:
    promise = {"target": "kept", "risk": 0.2, "confidence": 0.9, "labels": 100, "certified": 100, "kept": 50}
    promise |= {"observed": 0.1, "upper": 0.2, "fitted": "2026-11-03", **changes}
    return Policy(
        tiers=(
            PolicyTier(name="small", threshold=0.7, calibrator=PLAIN),
            PolicyTier(name="mid", threshold=0.6, calibrator=PLAIN),
            PolicyTier(name="top"),
        ),
        guarantee=Guarantee(**promise),  # type: ignore[arg-type]
        fingerprint={"a": "1"},
    )


def tree(id: str, small: object, mid: object, top: object) -> dict[str, Any]:
    """Of each tier (x, correct); None: skipped, and no x: no features."""
    tiers = []
    for name, cost, said in (("small", 1, small), ("mid", 4, mid), ("top", 20, top)):
        if said is None:
            tiers.append({"name": name, "skipped": True})
        else:
            assert isinstance(said, tuple)
            features = {} if said[0] is None else {"x": said[0]}
            tiers.append({"name": name, "cost": cost, "features": features, "correct": said[1]})
    return {"id": id, "tiers": tiers}


SIX = [
    tree("kept by small, right", (2, True), (2, True), (None, True)),
    tree("kept by small, wrong", (1, False), (2, True), (None, True)),
    tree("climbs to mid, right", (0.8, False), (0.5, True), (None, True)),
    tree("climbs to the top", (-1, False), (0.3, False), (None, True)),
    tree("small has no signal, mid is skipped", (None, True), None, (None, False)),
    tree("nobody may answer", (0, True), (0, True), None),
]


def test_six_records_by_hand() -> None:
    found = replay(records(SIX), policy())
    assert found.n == 6
    assert found.coverage == 3 / 6
    assert found.risk == pytest.approx(1 / 3)
    assert found.risk_low == pytest.approx(0.00840376, abs=1e-6)  # Clopper and Pearson, 1 of 3
    assert found.risk_high == pytest.approx(0.9057007, abs=1e-6)
    assert found.holds is True
    assert found.shares == pytest.approx({"small": 2 / 6, "mid": 1 / 6, "top": 2 / 6, "abstained": 1 / 6})
    assert found.cost == pytest.approx((1 + 1 + 5 + 25 + 21 + 5) / 6)
    assert found.quality == pytest.approx((1 + 0 + 1 + 1 + 0 + 0) / 6)
    assert found.savings == {}, "not every tier was asked everything"
    assert found.auc_norm is None


def test_of_all_requests_an_abstention_counts_as_was_said() -> None:
    assert replay(records(SIX), policy(target="total")).risk == pytest.approx(3 / 6)
    half = replay(records(SIX), policy(target="total", abstain_loss=0.5))
    assert half.risk == pytest.approx(2.5 / 6)
    assert half.quality == pytest.approx(3.5 / 6)
    assert replay(records(SIX), policy(target="regret")).risk == pytest.approx((0 + 1 + 0 + 0 + 0 + 0) / 6)


def test_savings_against_the_top_the_bottom_and_chance() -> None:
    found = replay(records(SIX[:4]), policy())
    cost, quality = (1 + 1 + 5 + 25) / 4, 3 / 4
    assert (found.cost, found.quality) == (cost, quality)
    top, bottom, random = (found.savings[name] for name in ("top", "bottom", "random"))
    assert (top.cost, top.share, top.quality) == pytest.approx((20 - cost, (20 - cost) / 20, quality - 1))
    assert (bottom.cost, bottom.share, bottom.quality) == pytest.approx((1 - cost, 1 - cost, quality - 1 / 4))
    assert random.cost == pytest.approx(1 + 0.25 * 20 - cost)
    assert random.quality == pytest.approx(quality - (0.75 * 0.25 + 0.25 * 1))


def two(records_of: Sequence[dict[str, Any]]) -> tuple[Policy, list[dict[str, Any]]]:
    """Without the tier in the middle."""
    made = policy()
    smaller = Policy(tiers=(made.tiers[0], made.tiers[2]), guarantee=made.guarantee, fingerprint={"a": "1"})
    return smaller, [{**t, "tiers": [t["tiers"][0], t["tiers"][2]]} for t in records_of]


def test_the_area_under_the_curve_by_hand() -> None:
    """Points (cost, quality): (1, 1/4), (6, 2/4), (11, 3/4), (16, 1), (21, 1) as x falls below -1, 0.8, 1 and 2."""
    made, trees = two(SIX[:4])
    found = replay(records(trees), made)
    quality = (3 / 8 + 5 / 8 + 7 / 8 + 1) / 4
    assert found.auc_norm == pytest.approx(1 - quality)
    within = replay(records(trees), made, cost_range=(16.0, 21.0))
    assert within.auc_norm == pytest.approx(0.0)


def test_it_is_the_decision_of_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from palier.app.wiring import decide as gateway
    from palier.routing import cascade

    module = sys.modules[module_replay.__module__]
    assert module.decide is gateway is cascade.decide  # type: ignore[attr-defined]
    asked: list[tuple[float | None, float]] = []

    def spy(probability: float | None, threshold: float, **words: str) -> object:
        asked.append((probability, threshold))
        return gateway(probability, threshold, **words)

    monkeypatch.setattr(module, "decide", spy)
    replay(records(SIX[:3]), policy())
    assert [threshold for _, threshold in asked] == [0.7, 0.7, 0.7, 0.6]


def test_labels_that_are_missing_make_the_risk_unknown() -> None:
    trees = [*SIX[:2], tree("x", (2, None), (2, True), (None, True))]
    found = replay(records(trees), policy())
    assert (found.risk, found.risk_low, found.holds, found.quality) == (None, None, None, None)
    assert found.coverage == 1
    nothing = replay(records([SIX[3]]), policy())
    assert (nothing.risk, nothing.coverage, nothing.holds) == (None, 0.0, None)


def test_a_cost_that_is_missing_makes_costs_unknown() -> None:
    trees = [*SIX[:2], tree("x", (2, True), (2, True), (None, True))]
    del trees[2]["tiers"][0]["cost"]
    found = replay(records(trees), policy())
    assert (found.cost, found.auc_norm) == (None, None)
    assert found.savings["top"].cost is None
    assert found.savings["top"].quality is not None


def test_a_broken_promise_is_said() -> None:
    wrong = [tree(f"w{i}", (2, i % 2 == 0), (2, True), (None, True)) for i in range(60)]
    found = replay(records(wrong), policy(risk=0.2))
    assert found.risk_low is not None
    assert found.risk_low > 0.2
    assert found.holds is False


def refused(trees: list[dict[str, Any]], **options: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        replay(records(trees), policy(), **options)
    assert caught.value.hint
    return caught.value


def test_records_that_are_not_of_the_policy_are_refused() -> None:
    turned = [{**t, "tiers": t["tiers"][::-1]} for t in SIX]
    assert "the records have the tiers top, mid, small" in str(refused(turned))
    assert refused(turned).param == "tiers"
    odd = tree("odd", (2, True), (2, True), (None, True))
    odd["tiers"][0]["features"] = {"y": 1}
    error = refused([*SIX, odd])
    assert ("record `odd`, tier `small`: feature `x` is missing" in str(error), error.param) == (True, "features")
    assert "id `odd` comes twice" in str(refused([odd, odd]))
    assert refused(SIX, fingerprint="0" * 16).param == "fingerprint"
    assert isinstance(replay(records(SIX), policy(), fingerprint=digest({"a": "1"})), Replayed)
    with pytest.raises(InvalidRequest, match="no records"):
        replay([], policy())
