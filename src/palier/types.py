"""The nouns of palier: requests, prompts, events, drafts, decisions, traces.

Everything here is plain immutable data (msgspec structs): no behaviour that needs input or output, so that every
floor can speak of the same things. Times are seconds since the epoch unless the name says `_ms`; costs are US dollars;
energy is watt-hours.
"""

from __future__ import annotations

import enum
from typing import Any, Literal

import msgspec

JSON = dict[str, Any]
Features = dict[str, float]


class Label(enum.StrEnum):
    """How confidential a text is, ordered: public < internal < confidential < restricted."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"

    rank: int
    """Position in the order, 0 (public) to 3 (restricted)."""

    def allows(self, other: Label) -> bool:
        """Whether a destination whose highest label is `self` may receive a text labelled `other`."""
        return other.rank <= self.rank

    @staticmethod
    def highest(*labels: Label) -> Label:
        """The most restrictive of `labels`; public when there is none."""
        best = Label.PUBLIC
        for label in labels:
            best = label if label.rank > best.rank else best
        return best


for _rank, _label in enumerate(Label):
    _label.rank = _rank


class Data(msgspec.Struct, frozen=True):
    """Base of the immutable nouns."""


# --- numbers -----------------------------------------------------------------------------------------------------


class Quantity(Data, frozen=True, kw_only=True):
    """A number that carries what it is. Unknown is `None`, never 0.

    `basis` says how it came: `measured` by a meter or a counter, `estimated` by `method`, or `unknown`.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    basis: Literal["measured", "estimated", "unknown"] = "unknown"
    method: str = ""


UNKNOWN = Quantity()


class Usage(Data, frozen=True, kw_only=True):
    """Tokens of one generation, as the tier counts them. `cached` are those of the prompt that were not computed."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


# --- what is asked -----------------------------------------------------------------------------------------------


class ToolCall(Data, frozen=True, kw_only=True):
    id: str
    name: str
    arguments: str


class Message(Data, frozen=True, kw_only=True):
    """One turn of a conversation. `content` is text; parts of other kinds are refused at the wire."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    label: Label | None = None
    """What the client says of this one; it raises the conversation's label, and never lowers it."""


class Parameters(Data, frozen=True, kw_only=True):
    """How to generate; `None` leaves the tier's own default. Names are those of the OpenAI API."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    tools: tuple[JSON, ...] = ()
    tool_choice: str | JSON | None = None
    parallel_tool_calls: bool | None = None
    response_format: JSON | None = None
    echo: bool = False
    suffix: str | None = None
    adapter: str | None = None


class Principal(Data, frozen=True, kw_only=True):
    """Who asks. `groups`, and those that the directory knows of `name`, decide what may be read.

    An `admin` reads everything, a `reviewer` also what others asked, where it may read all that the answer stood on.
    """

    name: str = "local"
    groups: tuple[str, ...] = ()
    admin: bool = False
    reviewer: bool = False
    key: str = ""
    """The access key that was shown, whose budget it is; empty for the owner."""


class Request(Data, frozen=True, kw_only=True):
    """One question put to a route, as the pipeline carries it from floor to floor."""

    id: str
    route: str
    messages: tuple[Message, ...] = ()
    text: str | None = None
    """A raw completion prompt (`/v1/completions`); then `messages` is empty and nothing is retrieved."""
    tier: str | None = None
    """Only this tier, by name (`support/tier-1`); its threshold is then not applied."""
    parameters: Parameters = Parameters()
    principal: Principal = Principal()
    label: Label = Label.INTERNAL
    """The label of what the client wrote (the route's `message_label`, which a header may raise)."""
    language: str = ""
    passages: tuple[Hit, ...] = ()
    created: float = 0.0
    stream: bool = False
    local_only: bool = False
    """Whoever asks wants nothing of it to leave."""
    conversation: str = ""
    """What the client calls the conversation: known again by it where the route is `sticky`."""

    @property
    def question(self) -> str:
        """The text of the last user turn, or the raw prompt."""
        if self.text is not None:
            return self.text
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")


# --- what is known -----------------------------------------------------------------------------------------------


class Document(Data, frozen=True, kw_only=True):
    """A text of a collection. `groups`, which may hold `user:NAME`, read it, if they may read the collection.

    With no `groups` all who may read the collection do.
    """

    id: str
    collection: str
    text: str
    title: str = ""
    url: str = ""
    language: str = ""
    label: Label = Label.CONFIDENTIAL
    groups: tuple[str, ...] = ()
    metadata: JSON = {}
    digest: str = ""
    """SHA-256 of what it was made from (the file's bytes or the text), by which `ingest` skips the unchanged."""
    source: str = ""
    """Where it came from: a path or `http`; `--prune` only deletes what came from the same root."""
    updated: float = 0.0


class Passage(Data, frozen=True, kw_only=True):
    """A stretch of a document, at characters `start` to `end` of its text."""

    document: str
    index: int
    text: str
    start: int
    end: int
    heading: str = ""


class Hit(Data, frozen=True, kw_only=True):
    """A passage that was found, with its scores. `score` is the fused one, higher is better."""

    collection: str
    document: str
    passage: int
    text: str
    score: float
    label: Label
    title: str = ""
    url: str = ""
    heading: str = ""
    language: str = ""
    cosine: float = 0.0
    bm25: float = 0.0

    @property
    def key(self) -> str:
        """Names the passage within the installation: `collection/document#index`."""
        return f"{self.collection}/{self.document}#{self.passage}"

    @property
    def below(self) -> str:
        """The headings below the title, joined by " > ": the first often is the title again."""
        first, _, rest = self.heading.partition(" > ")
        return rest if first == self.title else self.heading


# --- what a tier is given and gives back --------------------------------------------------------------------------


Verdict = Literal["allow", "withhold", "redact", "abstain", "refuse"]
"""What the gate says of a prompt for one destination: all of it goes, some passages are kept back, personal data is
replaced; or nothing goes, since the evidence may not (abstain) or what was asked may not (refuse)."""


class Clearance(Data, frozen=True, kw_only=True):
    """What lets bytes out to a destination that is not on premises, and what the ledger says of them."""

    purpose: Literal["draft", "audit", "probe", "download", "head"]
    destination: str
    """The model's name, or what else is called."""
    region: str = ""
    request: str = ""
    route: str = ""
    tier: str = ""
    principal: str = ""
    label: Label = Label.PUBLIC
    verdict: Verdict = "allow"
    reason: str = ""
    withheld: int = 0
    redacted: dict[str, int] = {}
    """How many values of each type were replaced."""


class Prompt(Data, frozen=True, kw_only=True):
    """What one destination receives: assembled from the passages it may see, judged by the gate.

    Exactly one of `messages` and `text` is used. `passages` are the numbered evidence inside `messages`, in order.
    """

    id: str
    messages: tuple[Message, ...] = ()
    text: str | None = None
    question: str = ""
    passages: tuple[Hit, ...] = ()
    parameters: Parameters = Parameters()
    label: Label = Label.PUBLIC
    language: str = ""
    clearance: Clearance | None = None
    """Without one, nothing of it leaves the premises."""


class TokenLogprob(Data, frozen=True, kw_only=True):
    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    offset: int | None = None


class Delta(Data, frozen=True, kw_only=True, tag="delta"):
    """Text of choice `choice` as it is generated, with its tokens where asked for. `refusal`: see `Choice`."""

    text: str
    choice: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()
    refusal: bool = False


class ToolDelta(Data, frozen=True, kw_only=True, tag="tool"):
    """A fragment of a tool call: the first of an `index` carries `id` and `name`, the others add `arguments`."""

    index: int
    choice: int = 0
    id: str = ""
    name: str = ""
    arguments: str = ""


class Finish(Data, frozen=True, kw_only=True, tag="finish"):
    reason: str
    choice: int = 0


class Metered(Data, frozen=True, kw_only=True, tag="metered"):
    """The tier's own count of tokens; comes once, last."""

    usage: Usage


class Cited(Data, frozen=True, kw_only=True, tag="cited"):
    """Which passages (1-based positions in `Prompt.passages`) a tier that does not generate quoted, and its signals."""

    passages: tuple[int, ...]
    features: Features


Event = Delta | ToolDelta | Finish | Metered | Cited


class Choice(Data, frozen=True, kw_only=True):
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    logprobs: tuple[TokenLogprob, ...] = ()
    refusal: bool = False
    """The text says why there is no answer in the form that was asked for (an abstention where JSON was asked)."""


class Draft(Data, frozen=True, kw_only=True):
    """What a tier wrote, complete. `features` are the signals confidence is made of."""

    choices: tuple[Choice, ...]
    usage: Usage | None = None
    cited: tuple[int, ...] = ()
    features: Features = {}
    latency_ms: float = 0.0
    first_ms: float | None = None

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.choices[0].text if self.choices else ""


# --- what is decided and kept --------------------------------------------------------------------------------------


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
    latency_ms: float = 0.0
    features: Features = {}


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
    label: Label = Label.INTERNAL
    unquoted: Label | None = None
    """What it would carry without what the client quoted, where that raised it."""
    cost: Quantity = UNKNOWN
    energy: Quantity = UNKNOWN
    timings: dict[str, float] = {}

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
    latency_ms: float
    timings: dict[str, float] = {}
    steps: tuple[Step, ...] = ()
    evidence: tuple[str, ...] = ()
    parameters: JSON = {}
    stream: bool = False
    error: str = ""
    fingerprint: str = ""
    """Names all that the answer depended on (`palier.fingerprint`)."""
    policy: str = ""
    """Names the policy that decided; empty where none did."""
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
