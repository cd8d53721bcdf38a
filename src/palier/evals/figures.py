"""What a benchmark reports, as data: `report.json` is this. Pages and tables are drawn from it and compute nothing."""

from __future__ import annotations

from typing import Literal

from palier.cases import Case, Outcome, Published, Suite
from palier.types import JSON, UNKNOWN, Data, Label, Quantity, Usage

FORMAT = "palier-bench-report-1"


class Estimate(Data, frozen=True, kw_only=True):
    """A figure with its 95 % interval, from `n` cases (`families` of them independent). None is unknown, never 0."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    families: int = 0
    method: str = ""
    """Of the interval: `Wilson`, `BCa`, `given`, or why there is none."""


class Quantiles(Data, frozen=True, kw_only=True):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float
    n: int


class Latency(Data, frozen=True, kw_only=True):
    """As whoever asks feels it, `concurrency` questions being asked at once. None where nothing was measured."""

    concurrency: int
    first: Quantiles | None = None
    per_token: Quantiles | None = None
    total: Quantiles | None = None


class Throughput(Data, frozen=True, kw_only=True):
    """The most requests a second at which `quantile` of the answers take at most `limit_ms`."""

    limit_ms: float
    quantile: float
    per_second: float | None
    concurrency: int | None
    steps: tuple[JSON, ...] = ()
    """What was tried: {concurrency, per_second, latency_ms, failed}."""


class Resources(Data, frozen=True, kw_only=True):
    """What a request takes, on average: US dollars, Wh, grams of CO2e, each with its range and its method."""

    cost: Quantity = UNKNOWN
    energy: Quantity = UNKNOWN
    carbon: Quantity = UNKNOWN
    tokens: Usage | None = None
    """Sum over the cases that counted."""
    tokens_known: int = 0
    """Cases whose tokens were counted."""


class Candidate(Data, frozen=True, kw_only=True):
    """One column of the report. `kind`: what it is; `simulated`: made up for a study, and said wherever it is shown."""

    name: str
    kind: Literal["tier", "model", "cascade", "imported", "published"]
    title: str = ""
    models: tuple[str, ...] = ()
    parameters: int | None = None
    """Of the largest model it may ask; None where unknown."""
    licence: str = ""
    languages: tuple[str, ...] = ()
    on_premises: bool | None = None
    away: tuple[str, ...] = ()
    """Of its models, those that are not known to run here: the meters of this machine do not see them."""
    region: str = ""
    simulated: bool = False
    replayed: tuple[str, ...] = ()
    """Of its models, those whose answers were recorded before: their times are those of reading a file."""
    tuned_on: str = ""
    variant_of: str = ""
    fingerprint: str = ""
    """Names the models, prompts and retrieval it ran with."""
    published: Published | None = None
    metrics: dict[str, dict[str, Estimate]] = {}
    """By metric, then by split; `all` is both together."""
    by_tag: dict[str, Estimate] = {}
    """Quality on the cases of each tag and language (`language:fr`)."""
    asked: int = 0
    answered: int = 0
    abstained: int = 0
    failed: int = 0
    """Counted as wrong answers above, and here apart."""
    unreached: int = 0
    """Of those that abstained: after a model had failed that might have answered."""
    errors: dict[str, int] = {}
    """The commonest errors, and how many cases each took."""
    shares: dict[str, float] = {}
    """Of the answers, by the tier that gave them."""
    guarded: dict[str, dict[str, int]] = {}
    """By guard: in how many cases it mended, climbed, refused or failed (`failed`), of those it saw (`looked`)."""
    resources: Resources = Resources()
    latency: Latency | None = None
    throughput: Throughput | None = None
    gap: Estimate | None = None
    """Quality on dev less that on the holdout: what looking at dev was worth."""
    stability: Estimate | None = None
    """Share of families whose members are all answered alike: all right or all wrong (for means: within 0.1)."""
    spread: float | None = None
    """Quality of the best less that of the worst of its prompt variants."""
    judge: Estimate | None = None
    edits: Estimate | None = None
    """Characters a person had to change, by character of what was kept."""
    untouched: Estimate | None = None
    """Share of the corrected answers that were left as they are."""
    reliability: tuple[JSON, ...] = ()
    """Bins of confidence: {predicted, observed, observed_low, observed_high, count}."""


class Comparison(Data, frozen=True, kw_only=True):
    """`candidate` against `baseline` on the cases both were asked, whole families at a time.

    `p` is two-sided, `adjusted` by Holm over all comparisons of the report; the verdict goes by it at 0.05.
    """

    metric: str
    split: str
    candidate: str
    baseline: str
    difference: Estimate
    p: float
    adjusted: float
    verdict: Literal["better", "worse", "cannot tell"]
    needs: int | None = None
    """About so many more cases would tell a difference of this size; None where it is told, or where it is 0."""


class Step(Data, frozen=True, kw_only=True):
    """The next candidate on the Pareto front, and what a point of quality costs from `base` to it.

    A point is 0.01 of the quality metric. None where the interval of the gain holds 0, or the price is unknown.
    """

    base: str
    next: str
    axis: Literal["cost", "carbon", "latency", "parameters"]
    gain: Estimate
    extra: float | None
    per_point: Estimate


class Choice(Data, frozen=True, kw_only=True):
    """What is recommended under the constraints that were given, and why each other candidate is not."""

    constraints: dict[str, JSON | str | float | bool]
    candidate: str | None
    reason: str
    alone: bool = False
    """Nothing was asked of it, and there was nothing else to choose."""
    passed_over: dict[str, str] = {}


class Bigger(Data, frozen=True, kw_only=True):
    """What would bigger buy? `fronts` name the Pareto front of quality against each axis, cheapest first."""

    fronts: dict[str, tuple[str, ...]] = {}
    steps: tuple[Step, ...] = ()
    curve: JSON | None = None
    """Fitted quality against the logarithm of parameters; only from six sizes on."""
    choice: Choice | None = None
    notes: tuple[str, ...] = ()


class Judged(Data, frozen=True, kw_only=True):
    """What the judge's word is worth: agreement with people, and how much it goes by the position."""

    judge: str
    cases: int
    invalid: int
    """Answers outside its scale, or none: left out of its figures, and counted here."""
    position_bias: Estimate | None = None
    agreement: Estimate | None = None
    """Share of pairs of a person's and its scores on the same side of one half; None without human scores."""
    kappa: float | None = None
    """Cohen's, of the sides of one half."""
    human_cases: int = 0
    answers: int = 0
    """Answers with a grade in both orders, to `cases` cases."""
    withheld: int = 0
    """Answers it might not receive: it was not asked of them."""
    failed: int = 0
    """Answers it was asked of, and gave none."""
    unjudged: int = 0
    """Answers there was no reference to judge by."""
    ruled: int = 0
    """Abstentions and failures: right or wrong without a judge."""
    disagreeing: int = 0
    """Answers whose grades in the two orders are two or more of five apart."""
    control: Estimate | None = None
    """What it gives the reference itself, of which 1 is right."""
    weighted_kappa: Estimate | None = None
    """Of the scores, disagreement weighing by its square; None where people only said right or wrong."""
    spearman: float | None = None
    human_pairs: int = 0
    """Answers that both judged."""
    ceiling: Estimate | None = None
    """The same share between people who judged the same answer: no judge can be asked for more."""
    asked: int = 0
    """Questions put to the judge, each answer twice. What they took is apart from what candidates took."""
    cost: Quantity = UNKNOWN
    energy: Quantity = UNKNOWN
    carbon: Quantity = UNKNOWN
    reasons: dict[str, int] = {}
    """Why answers have no score, the commonest first."""
    notes: tuple[str, ...] = ()


class SuiteSummary(Data, frozen=True, kw_only=True):
    """The suite that was run: enough to know it again."""

    name: str
    version: str
    task: str
    digest: str
    title: str = ""
    licence: str = ""
    source: str = ""
    cases: dict[str, int] = {}
    """By split."""
    label: Label = Label.INTERNAL
    """The most restrictive label of anything in the report."""


class Measured(Data, frozen=True, kw_only=True):
    """A metric, and its statistics of each case: all that comparing needs, when the texts are left out."""

    name: str
    kind: Literal["proportion", "mean", "corpus"]
    better: Literal["higher", "lower"]
    low: float | None
    high: float | None
    """None where the figure has no end there."""
    length: int
    """Numbers in the statistics of a case."""
    statistics: dict[str, dict[str, tuple[tuple[int, float], ...]]] = {}
    """By candidate, then by case: the numbers that are not 0, each behind its place."""


class Report(Data, frozen=True, kw_only=True):
    """One run of a suite."""

    format: str = FORMAT
    suite: SuiteSummary
    quality: str
    """The metric meant by "quality"."""
    better: Literal["higher", "lower"] = "higher"
    candidates: tuple[Candidate, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    bigger: Bigger = Bigger()
    judged: Judged | None = None
    machine: JSON = {}
    command: str = ""
    created: float = 0.0
    version: str = ""
    """Of palier."""
    collections: JSON = {}
    """What was looked in: documents and a digest, by collection."""
    versions: dict[str, str] = {}
    """Students that answered because they are live, by route."""
    carbon_method: str = ""
    notes: tuple[str, ...] = ()
    measured: tuple[Measured, ...] = ()
    """Quality is the first."""
    settings: Suite | None = None
    """The suite without its cases and candidates: its metrics can be built again."""
    texts: bool = True
    """Whether the cases and outcomes below hold their texts; without, they are bare figures."""
    cases: tuple[Case, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


class Metered(Data, frozen=True, kw_only=True):
    """What the meters of this machine counted while a candidate answered `cases` of them, `idle_w` being its rest."""

    candidate: str
    cases: tuple[str, ...]
    watt_hours: float
    seconds: float
    idle_w: float | None = None
    method: str = ""


class Run(Data, frozen=True, kw_only=True):
    """What was run, before anything is made of it: `evals.report.assemble` takes it."""

    suite: Suite
    cases: tuple[Case, ...]
    """Those that were asked, of the splits that were wanted."""
    candidates: tuple[Candidate, ...]
    """Described; their figures are still to come."""
    outcomes: dict[str, dict[str, Outcome]]
    """By candidate, then by id of the case."""
    metered: tuple[Metered, ...] = ()
    throughputs: dict[str, Throughput] = {}
    collections: JSON = {}
    versions: dict[str, str] = {}
    """Of the students that are live, by route."""
    machine: JSON = {}
    command: str = ""
    created: float = 0.0
    notes: tuple[str, ...] = ()
