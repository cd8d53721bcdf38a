"""Completed audits as records: what policies are fitted on, and watched by."""

from __future__ import annotations

from palier.audits import Audit, AuditTier, Judgement
from palier.routing.records import Record, TierRecord


def record_of(audit: Audit, source: str, *, with_text: bool = False) -> Record | None:
    """The record of a completed audit, as `source` judged it; None where it did not judge every draft.

    A tier that failed is `skipped`, as one that could not honour the request: it gave nothing to keep. One that guards
    stop has no features: it is never kept. The segment is the language. `with_text`: the question, while it is kept.
    """
    judged = audit.judged(source)
    if audit.state != "done" or not audit.drafted or not judged.keys() >= set(audit.drafted):
        return None
    return Record(
        id=audit.trace,
        segment=audit.language,
        text=audit.words.request.question if with_text and audit.words else None,
        tiers=tuple(_tier(tier, judged.get(tier.name)) for tier in audit.tiers),
        sampled="audit",
        label_source=source,
        fingerprint=audit.fingerprint,
    )


def _tier(tier: AuditTier, judgement: Judgement | None) -> TierRecord:
    if tier.outcome != "drafted" or judgement is None:
        return TierRecord(name=tier.name, skipped=True)
    return TierRecord(
        name=tier.name,
        features={} if tier.stopped else tier.features,
        correct=judgement.correct,
        score=judgement.score,
        cost=tier.cost.value,
        latency_ms=tier.latency_ms,
        energy_wh=tier.energy.value,
    )
