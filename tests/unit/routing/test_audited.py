"""From an audit to a record, and what makes none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from palier.audits import Audit
from palier.routing.audited import record_of
from palier.routing.records import TierRecord, check_together, parse
from palier.testing.audits import audit_of, done_of, judgement_of, tier_of
from palier.types import Quantity


def judged(**changed: Any) -> Audit:
    said = (judgement_of(correct=False), judgement_of(tier="tier-2", correct=None, score=0.75))
    return done_of(**{"judgements": said, **changed})


def test_a_record_reads_as_it_was_written() -> None:
    record = record_of(judged(), "person")
    assert record is not None
    assert parse(msgspec.json.encode(record), 1) == record
    check_together([record])
    assert (record.id, record.segment, record.sampled, record.label_source) == ("t", "fr", "audit", "person")
    assert record.text is None
    assert record.tiers == (
        TierRecord(
            name="tier-1",
            features={"coverage": 0.5, "confidence": -1.5},
            correct=False,
            cost=0.25,
            latency_ms=41.5,
        ),
        TierRecord(
            name="tier-2",
            features={"coverage": 0.5, "confidence": -1.5},
            score=0.75,
            cost=0.25,
            latency_ms=41.5,
        ),
    )


def test_the_question_only_where_it_is_asked_for_and_kept() -> None:
    for audit, text in ((judged(), "Ma fibre ?"), (judged(words=None), None)):
        record = record_of(audit, "person", with_text=True)
        assert record is not None
        assert record.text == text


@pytest.mark.parametrize("outcome", ["skipped", "failed"])
def test_a_tier_that_gave_nothing_is_skipped(outcome: str) -> None:
    tiers = (tier_of("tier-1", cost=Quantity()), tier_of("tier-2", outcome=outcome))
    record = record_of(judged(tiers=tiers), "person")
    assert record is not None
    assert record.tiers[1] == TierRecord(name="tier-2", skipped=True)
    assert record.tiers[0].cost is None, "unknown is never 0"


@pytest.mark.parametrize(
    "audit",
    [
        judged(judgements=()),
        judged(judgements=(judgement_of(),)),
        judged(judgements=(judgement_of(), judgement_of(tier="tier-2", source="judge"))),
        judged(tiers=(tier_of("tier-1", outcome="skipped"),)),
        audit_of(judgements=(judgement_of(),)),
    ],
)
def test_what_one_source_did_not_judge_whole_is_no_record(audit: Audit) -> None:
    assert record_of(audit, "person") is None
