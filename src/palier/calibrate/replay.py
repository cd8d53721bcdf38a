"""A policy on other records, through the gateway's own `decide`: what it would have kept, and how wrong it was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from palier.errors import InvalidRequest
from palier.interfaces import Vectors
from palier.metrics import curves
from palier.routing import bounds
from palier.routing.cascade import decide
from palier.routing.policy import Policy, PolicyTier, digest
from palier.routing.records import Record, TierRecord, check_together
from palier.routing.table import QUESTION
from palier.types import Data, Features

CONFIDENCE = 0.95
"""Of the interval of the risk, two-sided."""


class Saving(Data, frozen=True, kw_only=True):
    """Against another way of routing, a question: `cost` saved, as a `share` of its cost, and `quality` gained."""

    cost: float | None
    share: float | None
    quality: float | None


class Replayed(Data, frozen=True, kw_only=True):
    """What came of it. `risk` is that of the policy's target; unknown figures are None, never 0."""

    n: int
    risk: float | None
    risk_low: float | None
    risk_high: float | None
    coverage: float
    cost: float | None
    quality: float | None
    shares: dict[str, float]
    auc_norm: float | None
    savings: dict[str, Saving]
    holds: bool | None
    """False where the interval lies above what the policy promises; None without a guarantee to judge."""


class _Row:
    """One record decided: which tier serves (None: an abstention), what it cost, how wrong it was."""

    __slots__ = ("cost", "loss", "served", "top_loss")

    def __init__(self, record: Record, policy: Policy, vector: Vectors | None) -> None:
        self.cost: float | None = 0.0
        self.served: int | None = None
        for index, (tier, rule) in enumerate(zip(record.tiers, policy.tiers, strict=True)):
            if tier.skipped:
                continue
            asked = rule.asked(vector)
            probability = _probability(policy, rule, tier, asked)
            stays = decide(probability, rule.threshold, guarantee="replayed").action == "stay"
            if not rule.passes_over(asked) and (stays or policy.mode == "cascade"):
                self.cost = None if self.cost is None or tier.cost is None else self.cost + tier.cost
            if stays and not _in_vain(rule, tier, asked):
                self.served = index
                break
        self.loss = policy.guarantee.abstain_loss if self.served is None else record.tiers[self.served].loss
        top = record.tiers[-1]
        self.top_loss = policy.guarantee.abstain_loss if top.skipped else top.loss


def _probability(policy: Policy, rule: PolicyTier, tier: TierRecord, asked: Features) -> float | None:
    """As the gateway has it: of a draft without signals there is none."""
    if policy.mode == "cascade" and not tier.features:
        return None
    return rule.probability({**tier.features, **asked})


def _in_vain(rule: PolicyTier, tier: TierRecord, asked: Features) -> bool:
    """Whether the gateway would not have asked the tier, or cut its draft short."""
    return bool(rule.in_vain({**tier.features, **asked}))


def replay(
    records: Sequence[Record],
    policy: Policy,
    *,
    questions: Vectors | None = None,
    cost_range: tuple[float, float] | None = None,
    fingerprint: str = "",
) -> Replayed:
    """Apply `policy` to `records`. Raises `InvalidRequest` where they are of other tiers or another fingerprint.

    `questions` (n, d) are their vectors, which a policy may go by (`needs_questions`). `fingerprint` is what the
    records say they were made under, `cost_range` that of `auc_norm`.
    """
    check_together(records)
    _check_match(records, policy, fingerprint)
    if needs_questions(policy) and (questions is None or len(questions) != len(records)):
        raise InvalidRequest("the policy goes by the questions, and their vectors are not there", param="text")
    vectors = [None if questions is None else questions[n : n + 1] for n in range(len(records))]
    rows = [_Row(record, policy, vector) for record, vector in zip(records, vectors, strict=True)]
    top = len(policy.tiers) - 1
    kept = [row for row in rows if row.served is not None and row.served < top]
    risk, low, high = _risk(rows, kept, policy)
    shares = {name: sum(row.served == j for row in rows) / len(rows) for j, name in enumerate(policy.names)}
    shares["abstained"] = sum(row.served is None for row in rows) / len(rows)
    cost, quality = _mean([row.cost for row in rows]), _quality([row.loss for row in rows])
    return Replayed(
        n=len(rows),
        risk=risk,
        risk_low=low,
        risk_high=high,
        coverage=len(kept) / len(rows),
        cost=cost,
        quality=quality,
        shares=shares,
        auc_norm=_auc_norm(records, policy, vectors, cost_range),
        savings=_savings(records, cost, quality, len(kept) / len(rows)),
        holds=None if low is None else low <= policy.guarantee.risk,
    )


def _check_match(records: Sequence[Record], policy: Policy, fingerprint: str) -> None:
    if records[0].named != policy.names:
        raise InvalidRequest(
            f"the records have the tiers {', '.join(records[0].named)}, and the policy was made for"
            f" {', '.join(policy.names)}",
            hint="the same tiers in the same order",
            param="tiers",
        )
    if fingerprint and policy.fingerprint and fingerprint != digest(policy.fingerprint):
        raise InvalidRequest(
            f"the records were made under the fingerprint {fingerprint}, and the policy under"
            f" {digest(policy.fingerprint)}",
            hint="its models, prompts or retrieval were others; the policy says which it was made for",
            param="fingerprint",
        )
    for record in records:
        for tier, rule in zip(record.tiers, policy.tiers, strict=True):
            needed = rule.calibrator.names if rule.calibrator and tier.features else ()
            if missing := [name for name in needed if name not in tier.features and name != QUESTION]:
                raise InvalidRequest(
                    f"record `{record.id}`, tier `{tier.name}`: feature `{missing[0]}` is missing",
                    hint="the policy was fitted on it",
                    param="features",
                )


def _risk(
    rows: Sequence[_Row], kept: Sequence[_Row], policy: Policy
) -> tuple[float | None, float | None, float | None]:
    """The empirical risk of the policy's target with its interval; None where labels are missing or nothing is kept."""
    target = policy.guarantee.target
    among = kept if target == "kept" else rows
    losses = [row.loss for row in among]
    known = [loss for loss in losses if loss is not None]
    if not known or len(known) < len(losses):
        return None, None, None
    if target == "regret":
        return _regret(rows)
    mean, n = sum(known) / len(known), len(known)
    side = (1.0 + CONFIDENCE) / 2
    if all(loss in (0.0, 1.0) for loss in known):
        wrong = round(sum(known))
        return mean, bounds.binomial_lower(wrong, n, side), bounds.binomial_upper(wrong, n, side)
    return mean, 1.0 - bounds.mean_upper(1.0 - mean, n, side), bounds.mean_upper(mean, n, side)


def _regret(rows: Sequence[_Row]) -> tuple[float | None, float | None, float | None]:
    """Of losses in [-1, 1], by Hoeffding's inequality."""
    pairs = [(row.loss, row.top_loss) for row in rows]
    extra = [loss - top for loss, top in pairs if loss is not None and top is not None]
    if len(extra) < len(rows):
        return None, None, None
    mean = sum(extra) / len(extra)
    half = float(np.sqrt(2 * np.log(2 / (1 - CONFIDENCE)) / len(extra)))
    return mean, max(mean - half, -1.0), min(mean + half, 1.0)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _quality(losses: Sequence[float | None]) -> float | None:
    mean = _mean(losses)
    return None if mean is None else 1.0 - mean


def _savings(records: Sequence[Record], cost: float | None, quality: float | None, kept: float) -> dict[str, Saving]:
    """Against always asking the top alone, always the bottom, and keeping as many at random."""
    whole = [record for record in records if not any(tier.skipped for tier in record.tiers)]
    if len(whole) < len(records):
        return {}
    means = []
    for index in (-1, 0):
        tiers = [record.tiers[index] for record in records]
        means.append((_mean([tier.cost for tier in tiers]), _quality([tier.loss for tier in tiers])))
    (top_cost, top_quality), (bottom_cost, bottom_quality) = means
    random_cost = _plus(bottom_cost, _times(1.0 - kept, top_cost))
    random_quality = _plus(_times(kept, bottom_quality), _times(1.0 - kept, top_quality))
    return {
        "top": _saving(cost, quality, top_cost, top_quality),
        "bottom": _saving(cost, quality, bottom_cost, bottom_quality),
        "random": _saving(cost, quality, random_cost, random_quality),
    }


def _saving(cost: float | None, quality: float | None, other: float | None, other_quality: float | None) -> Saving:
    saved = None if cost is None or other is None else other - cost
    return Saving(
        cost=saved,
        share=saved / other if saved is not None and other else None,
        quality=None if quality is None or other_quality is None else quality - other_quality,
    )


def _plus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _times(factor: float, value: float | None) -> float | None:
    return None if value is None else factor * value


def _auc_norm(
    records: Sequence[Record],
    policy: Policy,
    vectors: Sequence[Vectors | None],
    cost_range: tuple[float, float] | None,
) -> float | None:
    """The area under the error-cost curve of the policy's confidences; None where costs or labels are unknown."""
    correct = [[tier.loss for tier in record.tiers] for record in records]
    cost = [[tier.cost for tier in record.tiers] for record in records]
    if any(value is None for row in (*correct, *cost) for value in row):
        return None
    scores = np.array([_confidences(policy, r, v) for r, v in zip(records, vectors, strict=True)])
    curve = curves.error_cost_curve(scores, 1.0 - np.array(correct, dtype=np.float64), np.array(cost, dtype=np.float64))
    if curve.cost[0] >= curve.cost[-1] and cost_range is None:
        return None
    return curves.auc_norm(curve, cost_range)


def _confidences(policy: Policy, record: Record, vector: Vectors | None) -> list[float]:
    """The probability of each tier below the top; -1 where it could not be kept."""
    found = []
    for tier, rule in zip(record.tiers[:-1], policy.tiers, strict=False):
        asked = rule.asked(vector)
        probability = None if _in_vain(rule, tier, asked) else _probability(policy, rule, tier, asked)
        found.append(-1.0 if probability is None else probability)
    return found


def needs_questions(policy: Policy) -> bool:
    """Whether it goes by the vectors of the questions."""
    return any(rule.asks for rule in policy.tiers)
