"""Laws of certified thresholds: what may not matter, and what the certificate must agree with."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from palier.routing.cascade import decide
from palier.routing.risk import Certificate, Judged, _walk, certify, starts, tails, upper_bound, walk_path

Target = Literal["kept", "regret", "total"]
TARGETS: list[Target] = ["kept", "regret", "total"]


@st.composite
def judged(draw: st.DrawFn) -> Judged:
    """Tables of one to three tiers, most of which have something to certify; with ties and rows that are never kept."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, k = draw(st.integers(1, 150)), draw(st.integers(1, 3))
    scores = random.random((n, k))
    scores = np.round(scores, draw(st.sampled_from([1, 2, 16])))
    scores[random.random((n, k)) < draw(st.sampled_from([0.0, 0.2]))] = -1.0
    chance = draw(st.sampled_from([0.05, 0.3, 0.8])) * (1 - np.maximum(scores, 0))
    binary = draw(st.booleans())
    losses = (random.random((n, k)) < chance).astype(float) if binary else chance
    above = (random.random(n) < 0.1).astype(float) if binary else 0.1 * random.random(n)
    return Judged(scores, losses, above)


targets = st.sampled_from(TARGETS)
alphas = st.sampled_from([0.05, 0.1, 0.2, 0.35, 0.6])
deltas = st.sampled_from([0.05, 0.1, 0.3, 0.5])


def kept_rows(data: Judged, found: Certificate) -> list[int | None]:
    """The tier that keeps each row, by the gateway's own decision."""
    rows = []
    for row in data.scores.tolist():
        stays = (j for j, s in enumerate(row) if decide(s if s >= 0 else None, found.threshold).action == "stay")
        rows.append(next(stays, None))
    return rows


@settings(deadline=None, max_examples=80)
@given(judged(), alphas, deltas, targets)
def test_the_certificate_is_what_decide_does(data: Judged, alpha: float, delta: float, target: Target) -> None:
    found = certify(data, alpha=alpha, delta=delta, target=target)
    assume(found is not None and found.threshold > 0)
    assert found is not None
    kept = kept_rows(data, found)
    lost = [float(data.losses[i, j]) for i, j in enumerate(kept) if j is not None]
    assert (found.kept, found.rows) == (len(lost), len(kept))
    final = [float(data.above[i]) if j is None else float(data.losses[i, j]) for i, j in enumerate(kept)]
    risk = {
        "kept": sum(lost) / max(len(lost), 1),
        "regret": (sum(final) - float(data.above.sum())) / len(final),
        "total": sum(final) / len(final),
    }[target]
    assert found.risk == pytest.approx(risk, abs=1e-12)


@settings(deadline=None, max_examples=80)
@given(judged(), alphas, deltas, targets)
def test_the_bound_lies_between_the_empirical_risk_and_alpha(
    data: Judged, alpha: float, delta: float, target: Target
) -> None:
    found = certify(data, alpha=alpha, delta=delta, target=target)
    if found is not None:
        assert found.risk <= alpha
        assert 0 < found.level <= delta + 1e-12
        binary = bool(np.isin(data.losses, (0.0, 1.0)).all() and np.isin(data.above, (0.0, 1.0)).all())
        assert found.risk <= upper_bound(found, target, alpha, binary=binary) + 1e-12 <= alpha + 2e-12


@settings(deadline=None, max_examples=60)
@given(judged(), alphas, deltas, targets, st.randoms())
def test_the_order_of_the_rows_is_nothing(
    data: Judged, alpha: float, delta: float, target: Target, random: object
) -> None:
    order = list(range(len(data)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = Judged(data.scores[order], data.losses[order], data.above[order])
    one = certify(data, alpha=alpha, delta=delta, target=target)
    other = certify(shuffled, alpha=alpha, delta=delta, target=target)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (one.threshold, one.kept, one.level) == (other.threshold, other.kept, other.level)
        assert one.risk == pytest.approx(other.risk, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(judged(), alphas, deltas, targets, st.sampled_from(["square", "odds", "halved"]))
def test_a_rising_map_of_the_scores_changes_no_decision(
    data: Judged, alpha: float, delta: float, target: Target, name: str
) -> None:
    known = np.maximum(data.scores, 0)
    mapped = {"square": known**2, "odds": known / (101 - 100 * known), "halved": known / 2}[name]
    there = Judged(np.where(data.scores < 0, -1.0, mapped), data.losses, data.above)
    one = certify(data, alpha=alpha, delta=delta, target=target)
    other = certify(there, alpha=alpha, delta=delta, target=target)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert kept_rows(data, one) == kept_rows(there, other) or min(one.threshold, other.threshold) <= 0
        assert (one.kept, one.level) == (other.kept, other.level)


LADDER = (0.05, 0.1, 0.2, 0.35, 0.6)


@settings(deadline=None, max_examples=60)
@given(judged(), deltas, st.sampled_from(["total", "regret"]))
def test_more_risk_allowed_never_keeps_fewer(data: Judged, delta: float, target: Target) -> None:
    found = [certify(data, alpha=alpha, delta=delta, target=target) for alpha in LADDER]
    kept = [certificate.kept if certificate else 0 for certificate in found]
    assert kept == sorted(kept)


@settings(deadline=None, max_examples=60)
@given(judged(), deltas, alphas)
def test_more_risk_allowed_never_keeps_fewer_from_the_same_starts(data: Judged, delta: float, alpha: float) -> None:
    """Of `kept` the starts move with the risk, and that can cost some: a counter-example is among the unit tests."""
    path = walk_path(data)
    begins = starts(path, "kept", alpha, delta)
    assume(begins)
    reached = [_walk(tails(path, "kept", risk), dict(begins))[0] for risk in LADDER]
    assert reached == sorted(reached)


@settings(deadline=None, max_examples=60)
@given(judged(), st.integers(1, 150))
def test_more_risk_allowed_is_never_harder_to_prove(data: Judged, step: int) -> None:
    path = walk_path(data)
    assume(len(path.thresholds) >= step)
    p = [float(tails(path, "kept", risk)[step - 1]) for risk in LADDER]
    assert p == sorted(p, reverse=True)
