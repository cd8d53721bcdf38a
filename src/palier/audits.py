"""The nouns of the audit sample: drawn requests, what every tier said to them, who judged it; and feedback.

A confidentiality is a `Label` (`types`); what makes a draft right or wrong is a `Judgement` here, and a label only in
the words of the field ("label source", `palier label`).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

import msgspec

from palier.types import UNKNOWN, Data, Features, Label, Quantity, Request, Usage


class Judgement(Data, frozen=True, kw_only=True):
    """Whether one tier's draft was right, by one source: `correct`, or `score` in [0, 1]; never both.

    `source` is declared beforehand, with all that it depends on (`agreement f1>=0.6 with tier-3`).
    """

    trace: str
    tier: str
    source: str
    correct: bool | None = None
    score: float | None = None
    who: str = ""
    created: float = 0.0


class AuditTier(Data, frozen=True, kw_only=True):
    """One tier on a drawn request. `reused`: the request itself had asked it; else its cost is the audit's own.

    `skipped`: it could not honour the request, or might not receive it.
    """

    name: str
    model: str
    outcome: Literal["drafted", "skipped", "failed"]
    reason: str = ""
    features: Features = msgspec.field(default_factory=dict)
    usage: Usage | None = None
    cost: Quantity = UNKNOWN
    energy: Quantity = UNKNOWN
    carbon: Quantity = UNKNOWN
    latency_ms: float = 0.0
    reused: bool = False
    guarded: bool = False
    """Whether guards looked at it, where the route has any that do."""
    stopped: str = ""
    """Why guards do not let it through: it is never kept."""


class AuditWords(Data, frozen=True, kw_only=True):
    """The words of a drawn request, with the label of the most restrictive of them: kept as long as the trace's."""

    label: Label
    expires: float
    request: Request
    """As it stood when the first tier was asked, with its passages."""
    needed: tuple[str, ...] = ()
    """Keys of the passages without which no further tier could answer."""
    drafts: dict[str, str] = msgspec.field(default_factory=dict)
    """By tier."""


AuditState = Literal["drawn", "done", "lost"]


class Audit(Data, frozen=True, kw_only=True):
    """A request that was drawn before any decision: every permitted tier runs on it.

    `drawn`: some tiers are still to be asked. `lost`: that is no longer possible, and `reason` says why.
    """

    trace: str
    route: str
    created: float
    language: str
    label: Label
    place: float
    """Its place in the draw, uniform and independent of what was asked: any first so many by it are a sample."""
    stairs: tuple[str, ...]
    """The route's tiers as they were, `NAME=MODEL`, lowest first: the record is of these."""
    state: AuditState = "drawn"
    reason: str = ""
    due: float = 0.0
    """When it is to be gone on with."""
    attempts: int = 0
    tiers: tuple[AuditTier, ...] = ()
    fingerprint: str = ""
    policy: str = ""
    """Names the policy that decided of the request; empty where none did."""
    served: str = ""
    """The tier that served the request, be it not to the end; empty for an abstention."""
    undecided: bool = False
    """The client left before it was decided who serves it: nobody did, and it is no abstention either."""
    judgements: tuple[Judgement, ...] = ()
    words: AuditWords | None = None

    @property
    def drafted(self) -> tuple[str, ...]:
        """The names of the tiers that wrote something to judge."""
        return tuple(tier.name for tier in self.tiers if tier.outcome == "drafted")

    def judged(self, source: str) -> dict[str, Judgement]:
        """The judgements of `source`, by tier."""
        return {judgement.tier: judgement for judgement in self.judgements if judgement.source == source}


class AuditCount(Data, frozen=True, kw_only=True):
    """How far the audits of a route are.

    Those `done` that have a draft are `judged` or `unjudged`; of the latter, `forgotten` have no words left to judge.
    `cost` is what is known to have been paid for audits alone; `fingerprint` is that of the newest that is done.
    """

    drawn: int = 0
    done: int = 0
    lost: int = 0
    judged: int = 0
    unjudged: int = 0
    forgotten: int = 0
    cost: float = 0.0
    fingerprint: str = ""


class Feedback(Data, frozen=True, kw_only=True):
    """What somebody who asked thought of an answer: shown and counted, never a judgement a bound rests on."""

    trace: str
    principal: str
    rating: Literal["up", "down"] | None = None
    score: float | None = None
    comment: str = ""
    correction: str = ""
    """What the answer should have been: a lesson, once a reviewer accepts it (`palier lessons`)."""
    created: float = 0.0


class FeedbackCount(Data, frozen=True, kw_only=True):
    """How many of a route's answers were rated. `score` is the mean of those that came as a number."""

    up: int = 0
    down: int = 0
    scored: int = 0
    score: float | None = None


PERSON = "person"
"""The source that is whoever judges by hand."""


def blind(audit: Audit) -> list[tuple[str, tuple[str, ...]]]:
    """The drafts, each text once with the tiers that wrote it, in an order that says nothing of the tier."""
    words = audit.words.drafts if audit.words else {}
    texts: dict[str, list[str]] = {}
    for tier in audit.drafted:
        texts.setdefault(words.get(tier, ""), []).append(tier)
    order = sorted(texts.items(), key=lambda item: blake2b(f"{audit.trace} {item[1][0]}".encode()).digest())
    return [(text, tuple(tiers)) for text, tiers in order]


def unworded(audit: Audit) -> Audit:
    """Its figures alone, as they are kept for ever."""
    return msgspec.structs.replace(audit, words=None, judgements=())
