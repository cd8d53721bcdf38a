"""Real questions as cases: from traces whose words are kept, with an answer that somebody stands for.

A reference is, in this order, an answer that was rated up, a draft that an audit judged right, or what the top tier
answered; `tags` say which. Who asked is not among what is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from palier.audits import Audit, Feedback
from palier.cases import Case
from palier.interfaces import Judgements
from palier.text import tokens
from palier.types import Message, Trace

RATED, JUDGED, TOP = "reference:rated-up", "reference:judged", "reference:top-tier"
_RANK = {RATED: 0, JUDGED: 1, TOP: 2}
_PAGE = 200
_AUDITS = 8
"""Audits with their words that are read at once: a request may be long."""
PERSON = "person"


class Service(Protocol):
    """What is asked of the gateway, or of palier opened here: stores as in `palier.interfaces`."""

    @property
    def traces(self) -> Any: ...

    @property
    def audits(self) -> Judgements: ...

    @property
    def feedback(self) -> Any: ...


class Kept(NamedTuple):
    """Cases, newest first, and why other requests are none."""

    cases: list[Case]
    left_out: Counter[str]


async def from_traces(service: Service, route: str, tiers: Sequence[str], *, since: float, limit: int) -> Kept:
    """Up to `limit` cases of the requests of `route` since then; `tiers` are its names, lowest first."""
    judged = await _judged(service, route, since)
    left_out: Counter[str] = Counter()
    best: dict[tuple[str, ...], Case] = {}
    async for trace in _since(service.traces, route, since):
        if trace.status not in ("answered", "abstained") or (trace.status == "abstained" and trace.id not in judged):
            left_out["had no answer"] += 1
            continue
        whole = await service.traces.get(trace.id)
        if whole is None or whole.content is None:
            left_out["their words are not kept"] += 1
            continue
        said: list[Feedback] = await service.feedback.ratings(trace.id)
        case = _case(whole, said, judged.get(trace.id, ""), tiers, left_out)
        if case is None:
            continue
        key = tuple(tokens(case.question))
        other = best.get(key)
        if other is not None and not (case.messages or other.messages):
            left_out["ask what another one asks"] += 1
            if _RANK[other.tags[0]] <= _RANK[case.tags[0]]:
                continue
        best[key if other is None or not case.messages else (*key, case.id)] = case
        if len(best) >= limit:
            break
    return Kept(list(best.values()), left_out)


async def _since(traces: Any, route: str, since: float) -> AsyncIterator[Trace]:
    """Newest first, without content."""
    before, before_id = None, ""
    while page := await traces.list(before=before, before_id=before_id, limit=_PAGE, route=route):
        for trace in page:
            if trace.created < since:
                return
            yield trace
        before, before_id = page[-1].created, page[-1].id


async def _judged(service: Service, route: str, since: float) -> dict[str, str]:
    """By trace, the best draft that an audit judged right."""
    found: dict[str, str] = {}
    after, after_id = since, ""
    while page := await service.audits.done(
        route=route, source="", after=after, after_id=after_id, limit=_AUDITS, words=True
    ):
        for audit in page:
            if draft := _right(audit):
                found[audit.trace] = draft
        after, after_id = page[-1].created, page[-1].trace
    return found


def _right(audit: Audit) -> str:
    """What a person judged right, of the highest tier; else the top tier's draft, by which agreement judged others."""
    if audit.words is None:
        return ""
    drafts = audit.words.drafts
    order = [stair.partition("=")[0] for stair in audit.stairs]
    person = audit.judged(PERSON)
    for tier in reversed(order):
        if tier in person and person[tier].correct and drafts.get(tier):
            return drafts[tier]
    if person or not audit.judgements:
        return ""
    return drafts.get(order[-1], "") if order else ""


def _case(
    trace: Trace, said: Sequence[Feedback], judged: str, tiers: Sequence[str], left_out: Counter[str]
) -> Case | None:
    content = trace.content
    assert content is not None
    if content.text is not None or trace.parameters.get("tools") or any(m.role == "tool" for m in content.messages):
        left_out["are raw prompts or use tools"] += 1
        return None
    if any(feedback.rating == "down" for feedback in said) and not judged:
        left_out["were rated down"] += 1
        return None
    up = trace.status == "answered" and any(feedback.rating == "up" for feedback in said)
    top = trace.status == "answered" and bool(tiers) and trace.tier == tiers[-1]
    if up and content.answer:
        reference, tag = content.answer, RATED
    elif judged:
        reference, tag = judged, JUDGED
    elif top and content.answer:
        reference, tag = content.answer, TOP
    else:
        left_out["nobody stands for their answer"] += 1
        return None
    asked = [message for message in content.messages if message.content.strip()]
    if not asked or asked[-1].role != "user" or not reference.strip():
        left_out["do not end with what a user says"] += 1
        return None
    alone = len(asked) == 1
    return Case(
        id=trace.id,
        input=asked[0].content if alone else "",
        messages=() if alone else tuple(_nameless(message) for message in asked),
        references=(reference,),
        label=trace.label,
        language=trace.language,
        tags=(tag,),
        origin=f"trace:{trace.id}",
    )


def _nameless(message: Message) -> Message:
    return msgspec.structs.replace(message, name=None)
