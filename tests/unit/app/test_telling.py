"""What a palier tells of itself: promises, what confidences were worth, and what went by."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from palier.app import Palier
from palier.config import parse
from palier.errors import NotFound
from palier.metrics.reliability import brier, reliability_bins
from palier.testing.audits import done_of, judgement_of, tier_of
from palier.testing.traces import trace_of
from palier.types import Quantity

HOUR = 3_600.0
NOON = 500_000 * HOUR
TREE: dict[str, Any] = {
    "models": {"head": {"kind": "fake"}, "large": {"kind": "fake"}},
    "routes": {
        name: {"tiers": [{"model": "head", "threshold": 0.5}, {"model": "large"}], "label_source": "person"}
        for name in ("support", "sales")
    },
}


@pytest.fixture
async def palier(tmp_path: Path) -> AsyncIterator[Palier]:
    async with Palier.open(parse(TREE, root=tmp_path)) as opened:
        yield opened


async def judged(palier: Palier, n: int, at: float, *, right: bool, source: str = "person", **features: float) -> None:
    """A request of `support` that its first tier served, and a person judged."""
    trace = msgspec.structs.replace(trace_of(f"t{n}", at), cost=Quantity(value=0.5, basis="measured"), latency_ms=40.0)
    tiers = (tier_of("tier-1", features=features), tier_of("tier-2"))
    await palier._drawn.draw(trace, done_of(f"t{n}", at, served="tier-1", tiers=tiers))
    verdicts = [judgement_of(f"t{n}", "tier-1", source, correct=right), judgement_of(f"t{n}", "tier-2", source)]
    await palier.audits.judge(verdicts)


async def test_nothing_is_promised_without_a_policy(palier: Palier) -> None:
    promise = await palier.promise("support")
    assert (promise.guarantee, promise.monitor, promise.broken) == (None, None, False)
    assert promise.words.startswith("not calibrated")
    assert [(curve.tier, curve.labels, curve.bins, curve.brier) for curve in promise.curves] == [
        ("tier-1", 0, (), None)
    ]
    with pytest.raises(NotFound):
        await palier.promise("nowhere")


async def test_a_curve_is_of_what_its_source_judged(palier: Palier, monkeypatch: pytest.MonkeyPatch) -> None:
    from palier.app import telling

    monkeypatch.setattr(telling, "PAGE", 4)
    monkeypatch.setattr(telling.FittedConfidence, "probability", lambda self, features, *, generates: features["sure"])
    for n in range(12):
        await judged(palier, n, NOON + n, right=n % 3 > 0, sure=0.2 if n % 3 == 0 else 0.9)
    await judged(palier, 50, NOON, right=False, source="judge", sure=0.9)
    (curve,) = (await palier.promise("support")).curves
    assert (curve.labels, curve.threshold) == (12, 0.5)
    assert [(one.predicted, one.observed, one.count) for one in curve.bins] == [
        (pytest.approx(0.2), 0.0, 4),
        (pytest.approx(0.9), 1.0, 8),
    ]
    assert curve.brier == pytest.approx((4 * 0.04 + 8 * 0.01) / 12)
    assert (await palier.promise("sales")).curves[0].labels == 0


async def test_curves_are_what_all_judged_drafts_say_and_of_very_many_what_the_first_in_the_draw_say(
    palier: Palier, monkeypatch: pytest.MonkeyPatch
) -> None:
    from palier.app import telling

    monkeypatch.setattr(telling, "PAGE", 7)
    monkeypatch.setattr(telling.FittedConfidence, "probability", lambda self, features, *, generates: features["sure"])
    chance, known = random.Random(5), []
    for n in range(60):
        place, sure = chance.random(), round(chance.random(), 2)
        states: list[dict[str, Any]] = [{}, {}, {}, {"stopped": "a guard"}, {"outcome": "failed"}, {"features": {}}]
        changed = {"features": {"sure": sure}, **states[n % 6]}
        audit = done_of(f"t{n}", NOON + n, place=place, tiers=(tier_of("tier-1", **changed), tier_of("tier-2")))
        await palier._drawn.draw(trace_of(f"t{n}", NOON + n), audit)
        if n % 6 == 4 or n % 7 == 0:  # there is nothing to judge, or nobody did
            continue
        said = judgement_of(f"t{n}", "tier-1", correct=None, score=round(chance.random(), 2))
        await palier.audits.judge([said, judgement_of(f"t{n}", "tier-1", "judge", correct=False)])
        known.append((place, None if n % 6 == 3 or n % 6 == 5 else (sure, said.score)))
    known.sort()
    for most in (10_000, len(known), len(known) - 1, 20, 7):
        monkeypatch.setattr(telling, "SAMPLE", most)
        (curve,) = (await palier.promise("support")).curves
        sure, right = zip(*(pair for _, pair in known[:most] if pair is not None), strict=True)
        assert (curve.labels, curve.sampled) == (len(sure), most if most < len(known) else 0)
        assert list(curve.bins) == reliability_bins(sure, right, bins=min(8, len(sure) // 3))
        assert curve.brier == brier(sure, right)


async def test_an_overview_adds_up_and_what_is_not_known_is_not_nought(palier: Palier) -> None:
    await judged(palier, 1, NOON + 60, right=True, confidence=1.0)
    await judged(palier, 2, NOON + 120, right=False, confidence=1.0)
    await judged(palier, 3, NOON + HOUR, right=True, confidence=1.0)
    unknown = msgspec.structs.replace(trace_of("t4", NOON + HOUR + 1, tier="tier-2"), cost=Quantity())
    await palier.traces.record(unknown)
    await palier.traces.record(trace_of("t5", NOON + 3 * HOUR))
    edges = [NOON + n * HOUR for n in range(4)]
    found = await palier.overview(edges)
    first, second, third = found.buckets
    assert (first.total.requests, second.total.requests, third.total.requests) == (2, 2, 0)
    assert first.tiers == {"support/tier-1": 2}
    assert second.tiers == {"support/tier-1": 1, "support/tier-2": 1}
    assert first.right is not None
    assert (first.right.value, first.right.n) == (0.5, 2)
    assert first.right.low < 0.5 < first.right.high
    assert third.right is None
    assert (second.total.cost.value, second.total.cost.unknown) == (0.5, 1)
    assert found.total.requests == sum(one.total.requests for one in found.buckets) == 4
    assert found.right is not None
    assert found.right.n == 3
    assert (await palier.overview(edges, "sales")).total.requests == 0
    with pytest.raises(NotFound):
        await palier.overview(edges, "nowhere")
