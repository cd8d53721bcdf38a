"""What is decided and kept: decisions, steps, results, traces."""

from __future__ import annotations

from typing import Literal

from palier.types.data import JSON, Data, Features
from palier.types.drafts import Draft, Verdict
from palier.types.labels import Label
from palier.types.numbers import UNKNOWN, Quantity, Usage
from palier.types.requests import Message


class Decision(Data, frozen=True, kw_only=True):
    """Stay on this tier, climb, or abstain; with the number, the threshold and the reason in words."""

    action: Literal["stay", "climb", "abstain"]
    reason: str
    confidence: float | None = None
    threshold: float | None = None
    calibrated: bool = False


Outcome = Literal["answered", "climbed", "skipped", "refused", "failed", "abandoned"]


class Step(Data, frozen=True, kw_only=True):
    """One landing of the staircase, whether it was asked or passed over."""

    tier: str
    model: str
    version: str = ""
    """The student that it was; empty where none was taught for it."""
    outcome: Outcome
    reason: str
    confidence: float | None = None
    threshold: float | None = None
    calibrated: bool = False
    label: Label = Label.PUBLIC
    verdict: Verdict | None = None
    """What the gate said; None where it was not asked."""
    withheld: int = 0
    redacted: int = 0
    """Values that were replaced in what the tier received."""
    unrestored: int = 0
    """Placeholders in what it wrote that could not be told, and stand there as they are."""
    usage: Usage | None = None
    cost: Quantity = UNKNOWN
    energy: Quantity = UNKNOWN
    carbon: Quantity = UNKNOWN
    simulated: bool = False
    """The model's answers are made up for a study."""
    latency_ms: float = 0.0
    began_ms: float = 0.0
    """When it was come to, since the request began."""
    features: Features = {}


GuardPlace = Literal["input", "evidence", "draft", "output"]


class Guarded(Data, frozen=True, kw_only=True):
    """What one guard said of one text, and what came of it. No words of the text."""

    guard: str
    place: GuardPlace
    action: Literal["pass", "mend", "climb", "refuse"]
    reason: str = ""
    score: float | None = None
    tier: str = ""
    failed: bool = False
    """It raised, or took too long: `action` is what the guard's `on_error` makes of that."""
    texts: int = 1
    """How many texts (sentences, passages) it looked at."""
    took_ms: float = 0.0


class Source(Data, frozen=True, kw_only=True):
    """A passage that was found for an answer; `n` is its number in `[n]`.

    Those that the answer stands on are `cited`, and only they come with their text.
    """

    n: int
    document: str
    title: str
    url: str
    passage: str
    score: float
    label: Label
    text: str = ""
    cited: bool = False


class Result(Data, frozen=True, kw_only=True):
    """The outcome of a request: an answer from `tier`, or an honest abstention (`tier` is None)."""

    id: str
    route: str
    status: TraceStatus
    draft: Draft
    tier: str | None = None
    model: str = ""
    confidence: float | None = None
    decision: Decision
    sources: tuple[Source, ...] = ()
    steps: tuple[Step, ...] = ()
    guards: tuple[Guarded, ...] = ()
    retracted: bool = False
    """A guard stopped what had been released already: whoever shows it takes it back."""
    label: Label = Label.INTERNAL
    unquoted: Label | None = None
    """What it would carry without what the client quoted, where that raised it."""
    cost: Quantity = UNKNOWN
    energy: Quantity = UNKNOWN
    carbon: Quantity = UNKNOWN
    timings: dict[str, float] = {}
    budget: str = ""
    """That the route, or the key that asked, is over a soft limit of its budget; empty below."""

    @property
    def text(self) -> str:
        """The answer's text (of the first choice)."""
        return self.draft.text


class Completed(Data, frozen=True, kw_only=True, tag="completed"):
    """The last event of every request: what happened, after it was recorded."""

    result: Result


TraceStatus = Literal["answered", "abstained", "failed", "abandoned"]


class Trace(Data, frozen=True, kw_only=True):
    """What is kept of a request: figures for ever, `content` for the retention."""

    id: str
    created: float
    route: str
    principal: str
    key: str = ""
    """The access key that was shown; empty for the owner's."""
    status: str
    tier: str | None
    model: str
    confidence: float | None
    action: str
    reason: str
    calibrated: bool
    label: Label
    language: str
    usage: Usage | None
    """All tokens that were counted; None where none were."""
    cost: Quantity
    energy: Quantity
    carbon: Quantity = UNKNOWN
    latency_ms: float
    timings: dict[str, float] = {}
    steps: tuple[Step, ...] = ()
    guards: tuple[Guarded, ...] = ()
    evidence: tuple[str, ...] = ()
    parameters: JSON = {}
    stream: bool = False
    error: str = ""
    fingerprint: str = ""
    """Names all that the answer depended on (`palier.fingerprint`)."""
    policy: str = ""
    """Names the policy that decided; empty where none did."""
    parent: str = ""
    """The span it was asked in (`Request.parent`)."""
    answers: tuple[str, ...] = ()
    """Digests of the answer's choices, where it carries more than the client wrote: known again in later turns."""
    unquoted: Label | None = None
    forgotten: bool = False
    """Its words were erased before their time (`palier forget`), and what names a user or a document with them."""
    content: TraceContent | None = None
    marked: Marked | None = None
    """What is to be known again of it; written with it, and not read back."""


class Marked(Data, frozen=True, kw_only=True):
    """By what an answer, and its conversation, are known again: keyed hashes, no words."""

    marks: bytes = b""
    turns: tuple[bytes, ...] = ()
    expires: float = 0.0


class TraceContent(Data, frozen=True, kw_only=True):
    """The words of a request, kept apart from its figures, with the label of the most restrictive of them."""

    label: Label
    expires: float
    messages: tuple[Message, ...]
    answer: str
    drafts: dict[str, str] = {}
    errors: dict[str, str] = {}
    """What upstreams said when they failed, by tier: they may repeat the prompt."""
    text: str | None = None
