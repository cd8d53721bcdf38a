"""The nouns of a benchmark: a case, the suite that holds it, what a candidate made of it.

Metrics (floor 2) and `evals` speak of the same things through them. All of it is plain data; files of it are read by
`evals.suite`.
"""

from __future__ import annotations

from typing import Literal

from palier.types import JSON, UNKNOWN, Data, Guarded, Label, Message, Quantity, Usage

Task = Literal["qa", "classification", "extraction", "summary", "rewriting", "translation", "dialogue"]
Split = Literal["dev", "holdout"]
Kind = Literal["original", "paraphrase", "perturbation"]


class Case(Data, frozen=True, kw_only=True):
    """One thing that is asked, and what would be a good answer.

    Cases of one `family` ask the same: paraphrases and perturbations of one original. They stay in one split, and
    intervals take a family for one draw.
    """

    id: str
    input: str = ""
    """The text that is put into the suite's `prompt`; for a dialogue, the last user turn of `messages`."""
    messages: tuple[Message, ...] = ()
    """A conversation, instead of `input`."""
    references: tuple[str, ...] = ()
    """Good answers, any of which will do; for classification the label, for extraction a JSON object."""
    split: Split = "dev"
    family: str = ""
    """Empty: a family of its own."""
    kind: Kind = "original"
    answerable: bool = True
    """False: the only right answer is to say that one does not know."""
    relevant: tuple[str, ...] = ()
    """Documents (ids within the route's collections) that hold the answer: what retrieval is measured by."""
    evidence: tuple[str, ...] = ()
    """Texts the answer must stand on, put in place of `{evidence}`; without, what was retrieved."""
    must_contain: tuple[str, ...] = ()
    """Short strings that a right answer holds, all of them."""
    language: str = ""
    label: Label | None = None
    """How confidential what is asked is; without, as the route's `message_label`."""
    tags: tuple[str, ...] = ()
    origin: str = ""
    """Where it comes from: `trace:ID`, `document:COLLECTION/ID`, a file."""

    @property
    def group(self) -> str:
        """The family, or the case alone."""
        return self.family or self.id

    @property
    def question(self) -> str:
        """What is asked, in words: `input`, or the last user turn."""
        return self.input or next((m.content for m in reversed(self.messages) if m.role == "user"), "")


class Retrieved(Data, frozen=True, kw_only=True):
    """A passage that was found for an answer, in order. `text` only of those it cites."""

    document: str
    passage: str = ""
    cited: bool = False
    text: str = ""
    label: Label = Label.CONFIDENTIAL


class Spell(Data, frozen=True, kw_only=True):
    """What one tier was asked on the way, and what it took."""

    tier: str
    model: str
    outcome: str
    confidence: float | None = None
    usage: Usage | None = None
    cost: Quantity = UNKNOWN
    energy: Quantity = UNKNOWN
    carbon: Quantity = UNKNOWN
    busy_ms: float = 0.0


class Outcome(Data, frozen=True, kw_only=True):
    """What one candidate made of one case: the line that is kept. Costs are US dollars, energy Wh, carbon g CO2e.

    A candidate that failed has no output, and counts as wrong; so does an abstention where there is an answer.
    """

    id: str
    """The case's."""
    candidate: str
    key: str = ""
    """Names all that it depends on; the same key means the same question to the same candidate."""
    status: Literal["answered", "abstained", "failed"] = "answered"
    output: str = ""
    """Empty where it abstained or failed: what was said instead is in `said`."""
    said: str = ""
    error: str = ""
    tier: str = ""
    """Of the tier that answered."""
    model: str = ""
    confidence: float | None = None
    decision: str = ""
    retrieved: tuple[Retrieved, ...] = ()
    label: Label = Label.INTERNAL
    spells: tuple[Spell, ...] = ()
    guards: tuple[Guarded, ...] = ()
    """What the route's guards said."""
    usage: Usage | None = None
    cost: Quantity = UNKNOWN
    energy: Quantity = UNKNOWN
    carbon: Quantity = UNKNOWN
    latency_ms: float | None = None
    first_ms: float | None = None
    """Until the first words came to whoever asked."""
    metrics: dict[str, float] = {}
    """Given with imported results, where there is no output to compute them from."""
    trace: str = ""
    concurrency: int = 1
    """Questions that were asked at once."""
    created: float = 0.0

    @property
    def cited(self) -> tuple[Retrieved, ...]:
        return tuple(passage for passage in self.retrieved if passage.cited)


class Suite(Data, frozen=True, kw_only=True):
    """A suite of cases: `suite.toml` and its JSON lines, read and checked."""

    name: str
    version: str = "1"
    task: Task = "qa"
    title: str = ""
    route: str = ""
    """Of `palier.toml`: collections, system prompt and tiers are its. Empty: the only one."""
    quality: str = ""
    """The metric that is meant by "quality"; without, the task's usual one (`evals.scoring.QUALITY`)."""
    metrics: tuple[str, ...] = ()
    """Without: those of the task."""
    prompt: str = "{input}"
    """What is sent as the user's message: `{input}`, `{evidence}` and `{labels}` are filled in."""
    labels: tuple[str, ...] = ()
    """Of a classification."""
    schema: JSON | None = None
    """JSON schema of an extraction; sent as `response_format`."""
    max_tokens: int | None = None
    language: str = ""
    licence: str = ""
    source: str = ""
    candidates: dict[str, Declared] = {}
    cases: tuple[Case, ...] = ()
    digest: str = ""
    """Names its content: settings, cases, all of it."""

    def split(self, split: Split) -> tuple[Case, ...]:
        """The cases of one split."""
        return tuple(case for case in self.cases if case.split == split)


MOST_AMOUNT = 1e12
"""Of figures that others tell."""


class Published(Data, frozen=True, kw_only=True):
    """Figures somebody else measured, with the page they stand on. What is not said is absent."""

    quality: float
    cost: float | None = None
    """US dollars a request."""
    cases: int | None = None
    source: str

    def __post_init__(self) -> None:
        if not abs(self.quality) <= MOST_AMOUNT:
            raise ValueError(f"its quality is {self.quality:g}")
        if self.cost is not None and not 0 <= self.cost <= MOST_AMOUNT:
            raise ValueError(f"its cost is {self.cost:g}, and goes from 0 to {MOST_AMOUNT:g}")
        if self.cases is not None and self.cases < 0:
            raise ValueError(f"it is of {self.cases} cases")


class Declared(Data, frozen=True, kw_only=True):
    """`[candidates.NAME]` of a suite: a variant of a tier, a model or a route; or results from elsewhere.

    Exactly one of `tier`, `model`, `route`, `results`, `published` says what it is.
    """

    tier: str = ""
    """A tier of the suite's route."""
    model: str = ""
    """A model of `palier.toml`, alone, behind the suite's route's documents and prompt."""
    route: str = ""
    """A whole route of `palier.toml`."""
    results: str = ""
    """A file of imported results: palier's own lines, or an lm-eval or Inspect log."""
    published: Published | None = None
    prompt: str = ""
    """Instead of the suite's."""
    system: str | None = None
    """Instead of the route's."""
    adapter: str = ""
    passages: int | None = None
    tuned_on: Literal["", "dev"] = ""
    """That it was chosen or trained by the dev cases: its gap to the holdout is shown."""
    variant_of: str = ""
    """The candidate of which it only changes the prompt."""
    simulated: bool = False
    """That its answers were made up for a study: every figure says so."""
    parameters: int | None = None
    licence: str = ""
    on_premises: bool | None = None
