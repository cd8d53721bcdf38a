"""What of a recorded request can be learnt: the answer that somebody stands for, or why there is none. Pure.

In this order: what somebody wrote in the place of the answer, a draft that a person judged right, an answer that was
rated up, an answer of a tier that the request climbed to. What somebody wrote waits for a reviewer, and so does what a
tier below the top answered: it was sure enough to be served, and may be wrong all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from palier.audits import Audit, Feedback
from palier.evals.suites.splitting import near_duplicates
from palier.lessons import MAX_ANSWER, MAX_BYTES, MAX_QUESTION, MAX_TURNS, Kind
from palier.training.screening import GONE
from palier.types import Data, Label, Message, Step, Trace, TraceContent

PERSON = "person"
"""The source of judgements that people made (`palier label`)."""
LIKED = 0.5
"""A score below is a dispute."""


class Source(Data, frozen=True, kw_only=True):
    """A model whose answers may be learnt from, or not, as its card says now."""

    may_train: bool
    licence: str = ""


class Tiers(Data, frozen=True, kw_only=True):
    """What is known of a route: its tiers lowest first, what each may receive and how many passages, and the models."""

    names: tuple[str, ...]
    highest: dict[str, Label]
    passages: dict[str, int]
    models: dict[str, Source]


class Claim(Data, frozen=True, kw_only=True):
    """An answer to learn, and who stands for it. `model` wrote it; empty: a person did.

    `who` asked, or corrected; `keys` are the passages it stands on, in the order of their numbers. `waits`: nobody who
    knew stands for it yet, and a reviewer is to.
    """

    kind: Kind
    answer: str
    question: str
    messages: tuple[Message, ...]
    who: str
    tier: str = ""
    model: str = ""
    keys: tuple[str, ...] = ()
    label: Label
    waits: bool = False


class Refused(Exception):
    """Why there is no lesson in it, in words that are counted."""


TOOLS = "are raw prompts, or use tools"
WORDLESS = "have no words left"
DISPUTED = "were disputed"
UNCLAIMED = "have no answer that anybody stands for"
GUARDED = "did not pass a guard"
FORBIDDEN = "are by a model whose terms do not let its outputs be learnt from"
UNKNOWN_MODEL = "are by a model that is not in the settings any more"
UNTOLD = "cannot be told what their answer stood on"
TOO_LONG = "are too long"
ENDING = "do not end with what a user says"


def claim(
    trace: Trace, said: Sequence[Feedback], audit: Audit | None, tiers: Tiers, *, evidence_labels: Mapping[str, Label]
) -> Claim:
    """The best that `trace` holds. Raises `Refused`.

    `said` is what was thought of it, `audit` what was judged of it, `evidence_labels` how confidential each passage of
    its evidence is; one that is not there is gone.
    """
    content = trace.content
    if content is None or trace.forgotten:
        raise Refused(WORDLESS)
    if content.text is not None or trace.parameters.get("tools") or any(_calls(m) for m in content.messages):
        raise Refused(TOOLS)
    found = _claimed(trace, content, said, audit, tiers)
    _check_guards(trace, found)
    found = _on_evidence(trace, found, tiers, evidence_labels)
    if found.model:
        _check_model(found.model, tiers)
    elif found.kind == "correction":
        _check_words(trace, content, found, tiers)
    _check_size(found)
    return found


def _claimed(trace: Trace, content: TraceContent, said: Sequence[Feedback], audit: Audit | None, tiers: Tiers) -> Claim:
    asked = [message for message in content.messages if message.content.strip()]
    if not asked or asked[-1].role != "user":
        raise Refused(ENDING)
    alone = len(asked) == 1
    base: dict[str, Any] = {
        "question": asked[-1].content,
        "messages": () if alone else tuple(msgspec.structs.replace(message, name=None) for message in asked),
        "who": trace.principal,
        "label": Label.highest(trace.label, *(m.label for m in asked if m.label is not None)),
    }
    # Of several corrections the last is taken: a reviewer sees it.
    if written := [one for one in said if one.correction]:
        last = max(written, key=lambda one: one.created)
        tier = trace.tier or ""
        return Claim(
            kind="correction", answer=last.correction, tier=tier, waits=True, **{**base, "who": last.principal}
        )
    judged = _judged(audit) if audit is not None else {}
    if disputed(said) or (trace.tier is not None and judged.get(trace.tier) is False):
        raise Refused(DISPUTED)
    for tier in reversed(tiers.names):
        draft = _draft(tier, audit, content)
        if judged.get(tier) and draft and not _stopped(tier, audit):
            return Claim(kind="labelled", answer=draft, tier=tier, model=_model_of(tier, trace, audit), **base)
    if trace.status == "answered" and trace.tier in tiers.names and content.answer.strip():
        tier, model = trace.tier, trace.model
        if any(one.rating == "up" or (one.score is not None and one.score > LIKED) for one in said):
            return Claim(kind="accepted", answer=content.answer, tier=tier, model=model, **base)
        if tiers.names.index(tier) > 0:
            below = tier != tiers.names[-1]
            return Claim(kind="escalation", answer=content.answer, tier=tier, model=model, waits=below, **base)
    raise Refused(UNCLAIMED)


def disputed(said: Sequence[Feedback]) -> bool:
    """Whether anybody thought ill of an answer."""
    return any(one.rating == "down" or (one.score is not None and one.score < LIKED) for one in said)


def _judged(audit: Audit) -> dict[str, bool]:
    """What a person said of each tier's draft."""
    return {
        tier: judgement.correct if judgement.correct is not None else (judgement.score or 0.0) > LIKED
        for tier, judgement in audit.judged(PERSON).items()
    }


def _draft(tier: str, audit: Audit | None, content: TraceContent) -> str:
    drafts = audit.words.drafts if audit is not None and audit.words is not None else content.drafts
    return drafts.get(tier, "").strip()


def _model_of(tier: str, trace: Trace, audit: Audit | None) -> str:
    if audit is not None:
        return next((one.model for one in audit.tiers if one.name == tier), "")
    return next((step.model for step in trace.steps if step.tier == tier), "")


def _stopped(tier: str, audit: Audit | None) -> bool:
    """Whether guards did not let a draft of the audit through."""
    return audit is not None and any(one.name == tier and one.stopped for one in audit.tiers)


def _calls(message: Message) -> bool:
    return message.role == "tool" or bool(message.tool_calls)


# --- what speaks against it --------------------------------------------------------------------------------------


def _check_guards(trace: Trace, found: Claim) -> None:
    """A guard that failed has said nothing. What was mended passed as it is now; what did not pass of the evidence is
    no evidence."""
    for row in trace.guards:
        if row.place == "evidence":
            against = row.failed and row.action == "pass"
        elif row.place == "input" or (found.model and row.tier in ("", found.tier)):
            against = row.failed or row.action in ("climb", "refuse")
        else:
            against = False
        if against:
            raise Refused(GUARDED)


def _check_model(model: str, tiers: Tiers) -> None:
    if model not in tiers.models:
        raise Refused(UNKNOWN_MODEL)
    if not tiers.models[model].may_train:
        raise Refused(FORBIDDEN)


def _check_words(trace: Trace, content: TraceContent, found: Claim, tiers: Tiers) -> None:
    """A correction that leaves an answer nearly as it was is that model's still."""
    wrote = {step.tier: step.model for step in trace.steps}
    texts = {**content.drafts, **({trace.tier: content.answer} if trace.tier else {})}
    for tier, text in texts.items():
        source = tiers.models.get(wrote.get(tier, ""))
        if (source is None or not source.may_train) and near_duplicates([found.answer, text]).found:
            raise Refused(FORBIDDEN)


def _check_size(found: Claim) -> None:
    words = sum(len(message.content) for message in found.messages)
    if (
        len(found.question) > MAX_QUESTION
        or len(found.answer) > MAX_ANSWER
        or len(found.messages) > MAX_TURNS
        or words > MAX_BYTES // 8
    ):
        raise Refused(TOO_LONG)


# --- what it stands on -------------------------------------------------------------------------------------------


def _on_evidence(trace: Trace, found: Claim, tiers: Tiers, labels: Mapping[str, Label]) -> Claim:
    """With the passages that its tier was given: those that might not go there were never numbered."""
    if not found.tier or found.tier not in tiers.highest:
        return msgspec.structs.replace(found, keys=trace.evidence)
    highest = tiers.highest[found.tier]
    within = trace.evidence[: tiers.passages[found.tier]]
    if any(key not in labels for key in within):
        raise Refused(GONE)
    given = tuple(key for key in within if highest.allows(labels[key]))
    step = next((step for step in reversed(trace.steps) if step.tier == found.tier), None)
    beyond = sum(key in labels and not highest.allows(labels[key]) for key in trace.evidence[len(within) :])
    # An audit's own drafts have no step: they were given what the tier may have.
    if step is not None and not _agrees(step, len(within) - len(given), beyond):
        raise Refused(UNTOLD)
    return msgspec.structs.replace(found, keys=given)


def _agrees(step: Step, kept_back: int, beyond: int) -> bool:
    """Whether as many passages were kept back then as would be now."""
    return kept_back <= step.withheld <= kept_back + beyond
