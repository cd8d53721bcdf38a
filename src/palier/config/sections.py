"""The sections of `palier.toml`: every setting, its default and its meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from palier.cards import Price
from palier.config.alerts import Alerts
from palier.config.budget import Budget
from palier.config.console import Console
from palier.config.drift import Drift
from palier.config.section import Section
from palier.types import Label


class Server(Section, frozen=True, kw_only=True):
    """`[server]`: where the gateway listens, and its limits."""

    host: str = "127.0.0.1"
    """Address it listens on; loopback unless you mean to let other machines in."""
    port: int = 8420
    """TCP port."""
    hosts: tuple[str, ...] = ()
    """Further Host headers that are accepted, beside the address itself, localhost and loopback."""
    max_body_bytes: int = 4_000_000
    """Longest request body; a longer one is answered 413."""
    max_concurrent: int = 64
    """Requests worked on at once."""
    max_queue: int = 256
    """Requests that may wait for a place; one more is answered 429."""
    request_timeout_s: float = 300.0
    """Longest a request may take in all."""
    shutdown_timeout_s: float = 10.0
    """How long open requests may finish when the gateway stops."""


class Store(Section, frozen=True, kw_only=True):
    """`[store]`: what is kept, and for how long."""

    retention_days: float = 30.0
    """How long the words of a request are kept; its figures stay."""
    record_content: bool = True
    """Whether the words of requests are kept at all."""
    on_store_failure: Literal["refuse", "go on"] = "refuse"
    """Where requests cannot be recorded, as on a full disk: refuse them, or answer and count them. Both are said."""
    vector_memory_mb: int = 128
    """Memory for the vectors of collections (128 holds 65,536 passages of 512 numbers); then files are searched."""


class Workers(Section, frozen=True, kw_only=True):
    """`[workers]`: the processes that embed and parse."""

    count: int = 1
    """Processes that embed texts and questions."""
    max_queue: int = 256
    """Texts and files that may wait for a process."""
    parse_timeout_s: float = 60.0
    """Longest a file may take to parse."""
    parse_memory_mb: int = 2048
    """Memory the parsing of one file may take."""
    max_file_mb: int = 100
    """Largest file that is read."""


class Networks(Section, frozen=True, kw_only=True):
    """`[networks]`: what counts as on premises beside loopback."""

    on_premises: tuple[str, ...] = ()
    """Networks (CIDR) in which a model may say that it is `on_premises`."""


class Collection(Section, frozen=True, kw_only=True):
    """`[collections.NAME]`: what holds for all documents of a collection."""

    label: Label | None = None
    """The least label of its documents, whatever they say; and that of those that say nothing, instead of confidential.
    """


class Privacy(Section, frozen=True, kw_only=True):
    """`[privacy]`: what may leave, and what is kept sealed."""

    local_only: bool = False
    """Nothing leaves: no socket to anything but loopback and the networks on premises is opened."""
    links: tuple[str, ...] = ()
    """Hosts that links and images in answers may lead to, beside those that stand in the evidence."""
    key_env: str = ""
    """The environment variable that holds the key of what is kept sealed."""
    key_file: str = ""
    """The file of that key, of mode 0600; by default `vault.key` of the data folder, made at first start."""


class Redaction(Section, frozen=True, kw_only=True):
    """`[redaction]`: which personal data is replaced in what leaves (`redact` of a tier)."""

    names: Literal["auto", "off", "required"] = "auto"
    """Names by the models of the extra `pii`: where it is installed, never, or not without it."""
    languages: tuple[str, ...] = ("fr", "en")
    """Languages of telephones, addresses and names; the first is taken where a text's is not known."""
    entities: tuple[str, ...] = ()
    """Types that are replaced; none: all."""
    patterns: dict[str, str] = {}
    """Your own numbers: a type's name and its regular expression, `{ CUSTOMER = "C-[0-9]{8}" }`."""
    presidio: bool = False
    """Whether presidio's recognisers (extra `presidio`) look too."""


class Ledger(Section, frozen=True, kw_only=True):
    """`[ledger]`: what is written down of all that leaves."""

    payload_days: float = 0.0
    """How long the bytes themselves are kept, sealed; 0: not at all, only their digest."""
    heads_every_s: float = 3600.0
    """How often the head of the chain is exported, when it moved."""
    heads_file: str = ""
    """A file that heads are appended to; keep it on another machine's disk."""
    heads_syslog: bool = False
    """Whether heads go to this machine's syslog."""
    heads_webhook: str = ""
    """A URL that heads are posted to."""


class Telemetry(Section, frozen=True, kw_only=True):
    """`[telemetry]`: spans of every request, for a collector of OpenTelemetry (OTLP over HTTP, JSON)."""

    otlp: str = ""
    """Where to: `http://127.0.0.1:4318/v1/traces`; empty: nowhere."""
    on_premises: bool = True
    """Whether that is loopback or in `[networks] on_premises`; else what is sent leaves, and stands in the ledger."""
    authorization_env: str = ""
    """The variable that holds the header `Authorization`."""
    content: bool = False
    """Whether words go along: questions and answers."""
    highest_label: Label = Label.INTERNAL
    """The most confidential words that go along; figures always do."""
    every_s: float = 2.0
    """How long requests are gathered."""


class Lessons(Section, frozen=True, kw_only=True):
    """`[lessons]`: what may be learnt from, and for how long it is kept (`palier lessons`)."""

    retention_days: float = 365.0
    """How long a lesson is kept, from when it was made."""
    highest_label: Label = Label.CONFIDENTIAL
    """The most confidential text a lesson may hold."""
    review: Literal["corrections", "all"] = "corrections"
    """What waits for a reviewer before it is taught: what users wrote in the place of an answer, and what a tier below
    the top answered; or everything."""
    user_share: float = 0.2
    """Share of a route's lessons that one user may have at most, the owner apart."""
    user_least: int = 20
    """Lessons that one user may have whatever the share."""
    suites: tuple[str, ...] = ()
    """Suites of cases (folders or files): what their holdouts ask, or nearly ask, is never learnt from."""
    validation: float = 0.2
    """Share of question families that a student is not taught, to be chosen by."""
    synthetic_share: float = 0.3
    """Share of what a student is taught that a teacher may have made up (`palier lessons synthesise`)."""


class Learning(Section, frozen=True, kw_only=True):
    """`[learning]`: when `palier learn --watch` begins another round, what its rounds may take in all, and shadow."""

    least_new: int = 50
    """Lessons that were in no round before, from which on another begins."""
    every_s: float = 600.0
    """How often it looks for them."""
    hours: float | None = None
    """Hours that rounds may take; without, as many as they do."""
    kwh: float | None = None
    """Energy that rounds may take: by this machine's meters, which see all that it takes; else by `watts`."""
    per: Literal["day", "month"] = "day"
    """What `hours` and `kwh` are for: a day or a month, in UTC."""
    watts: float | None = None
    """What this machine takes while it teaches, where no meter may be read: energy is this times the time."""
    shadow: float = 0.2
    """Share of requests that a version in shadow answers beside what is served, after it, and for nobody to read but
    you; 0: none."""
    shadow_at_once: int = 1
    """Of those, how many at once; while the gateway is busy they wait, and are dropped."""


class Carbon(Section, frozen=True, kw_only=True):
    """`[carbon]`: the electricity of what runs on the premises, from which its carbon is estimated."""

    zone: str = ""
    """The country, ISO 3166-1 alpha-3: `FRA`, `DEU`. Without it, and without `intensity`, carbon is unknown."""
    intensity: float | None = None
    """Grams of CO2e per kWh, as your contract or your own plant says; it beats the zone's yearly average."""
    pue: float = 1.0
    """Power usage effectiveness of the site: what it takes in all for each kWh that the machines take."""


class Model(Section, frozen=True, kw_only=True):
    """`[models.NAME]`: one source of answers.

    `kind` is `extract` (quotes the documents), `head` (names one of the labels it was taught), `engine` (a small model
    in a child process of palier), `endpoint` (any OpenAI-compatible URL), `recorded` (replays recorded answers) or
    `fake` (scripted, for tests).
    """

    kind: str
    """What kind of source it is, see above."""
    card: str = ""
    """Catalogue entry that describes it (`palier models`); the model's own settings below win over the card's."""
    title: str = ""
    """Name shown to people."""
    licence: str = ""
    """Licence of the weights, as shown by `palier models`."""
    languages: tuple[str, ...] | None = None
    """Languages it may be asked in; empty: any."""
    capabilities: tuple[str, ...] | None = None
    """What requests may ask of it: `chat`, `tools`, `json_schema`, `logprobs`, `seed`..."""
    context: int | None = None
    """Tokens of context a request may use."""
    price: Price | None = None
    """US dollars per million tokens: `{ input = 0.15, output = 0.60 }`, and `cached` for what was read before."""
    dollars_per_hour: float | None = None
    """What an hour of its hardware costs, where tokens have no price: cost is this times the time it was busy."""
    watts: float | None = None
    """Declared power while it generates, from which energy is estimated."""
    impacts_as: str = ""
    """The name ecologits (extra `carbon`) estimates a cloud's energy by, `openai/gpt-4o-mini`; else as it is priced."""
    zone: str = ""
    """Where it takes its electricity: a country (ISO 3166-1 alpha-3) or a cloud's region. Else `region` says, or, on
    premises, `[carbon]`."""
    simulated: bool = False
    """That its answers are made up for a study: it is shown wherever its figures are."""
    highest_label: Label | None = None
    """The most confidential text it may ever receive, whatever a tier says."""
    may_train_on_outputs: bool | None = None
    """Whether its terms let you train a model on what it writes."""
    # engine
    weights: str = ""
    """Catalogue name or path of a GGUF file."""
    sha256: str = ""
    """SHA-256 the weights must have."""
    adapters: dict[str, str] = {}
    """LoRA adapters by name: paths of GGUF files."""
    threads: int = 2
    """Processor threads of the engine."""
    parallel: int = 4
    """Requests the engine works on at once; the context is divided among them."""
    start_timeout_s: float = 60.0
    """How long the engine may take to load its weights."""
    restart_wait_s: float = 10.0
    """How long a request waits for an engine that restarts, before 503."""
    # endpoint
    base_url: str = ""
    """Where the OpenAI-compatible API is, up to and including `/v1`."""
    model: str = ""
    """The name the endpoint knows the model by."""
    api_key_env: str = ""
    """The environment variable that holds the key."""
    headers: dict[str, str] = {}
    """Further headers sent with every call; never a key."""
    region: str = ""
    """Where it runs, shown and recorded."""
    on_premises: bool = False
    """That it runs on your premises: refused unless its address is loopback or in `[networks]`."""
    connect_timeout_s: float = 5.0
    """Longest wait for a connection."""
    first_token_timeout_s: float = 60.0
    """Longest wait for the first token."""
    total_timeout_s: float = 300.0
    """Longest a call may take."""
    retries: int = 2
    """Further attempts when a call failed before anything came back."""
    max_concurrent: int = 64
    """Calls made to it at once."""
    breaker_failures: int = 5
    """Failures in a row after which it is left alone for a while."""
    breaker_cooldown_s: float = 15.0
    """How long it is left alone."""
    # head, recorded, fake
    file: str = ""
    """The file of a head (`palier distill`), recorded answers (JSON lines) or the script of a fake."""


class Guard(Section, frozen=True, kw_only=True):
    """`[guards.NAME]`: something that looks at texts before they are used or released.

    `kind` is `form` (lengths, patterns, words, languages, figures, citations), `schema` (JSON), `scope` (what the
    assistant is for, taught by examples), `policy` (rules with examples), `toxicity` (packaged ones), `injection`
    (orders of those who should give none) or `grounding` (what the passages support).
    """

    kind: str
    """What kind of guard it is, see above."""
    action: Literal["", "mend", "climb", "refuse"] = ""
    """What a text that does not pass means; by default `climb` for a draft, `refuse` for a question, and a passage is
    left out."""
    on_error: Literal["closed", "open"] = "closed"
    """Where it fails or takes too long: as if the text did not pass, or as if it did. Either is told in the trace."""
    timeout_s: float = 2.0
    """Longest a check may take."""
    words: dict[str, str] = {}
    """What is answered where it refuses, by language, instead of the route's abstention."""
    threshold: float | None = None
    """The score from which a text does not pass; by default what it was fitted to, or the kind's own."""
    file: str = ""
    """What it was fitted to (`palier guard fit`), a JSON schema, or rules (TOML); `injection` has none."""
    # form
    least: int = 0
    """Characters a text has at least."""
    most: int = 0
    """Characters a text has at most; 0: any number."""
    matches: str = ""
    """A regular expression (Python's) that the whole text must match."""
    forbids: tuple[str, ...] = ()
    """Regular expressions that must not be found in it."""
    forbidden_words: tuple[str, ...] = ()
    """Words and phrases that must not be in it, whatever their case and accents."""
    languages: tuple[str, ...] = ()
    """Languages it may be in."""
    numbers: Literal["", "fr", "en"] = ""
    """How numbers must be written: `1 234,56` (`fr`) or `1,234.56` (`en`)."""
    dates: Literal["", "fr", "en", "iso"] = ""
    """How dates must be: `26/11/2026` or `26 novembre 2026` (`fr`), `26 November 2026` or `November 26, 2026` (`en`),
    `2026-11-26` (`iso`)."""
    amounts: Literal["", "fr", "en"] = ""
    """How amounts of money must be: `1 234,56 €` (`fr`) or `€1,234.56` (`en`)."""
    citations: bool = False
    """Whether it must cite passages (`[1]`) that are there."""
    # schema
    repair: bool = True
    """Whether what does not follow the schema is given back once to the tier that wrote it, before it climbs. One that
    writes under a grammar (the embedded engine) is not asked twice."""
    # grounding
    mark: bool = False
    """Whether a sentence that the passages do not support is kept, with a mark that it is not in the sources."""
    model: str = ""
    """An embedded model, one of `[models]`, whose log-probability of each sentence with its passage and without is one
    more signal: slow, some seconds a sentence, so with a longer `timeout_s`. Without one nothing is generated."""


class Guards(Section, frozen=True, kw_only=True):
    """`[routes.NAME.guards]`: which of `[guards]` look at what, in order."""

    input: tuple[str, ...] = ()
    """At the question, before anything is looked up."""
    evidence: tuple[str, ...] = ()
    """At each passage that was found, and at the results of tools."""
    draft: tuple[str, ...] = ()
    """At what a tier wrote: one that does not pass is a reason to climb."""
    output: tuple[str, ...] = ()
    """At what is about to be answered, whichever tier it is from."""
    release: Literal["after_check", "then_retract"] = "after_check"
    """When a client that streams gets the words of a tier that is served whatever it says: sentence by sentence after
    their check; or as they come, and where a guard then stops them the answer ends with `content_filter` and its
    `palier` object says `retracted`: whoever shows it takes it back. Tool calls always wait for their check."""


class Tier(Section, frozen=True, kw_only=True):
    """`[[routes.NAME.tiers]]`: one landing, cheapest first."""

    model: str
    """The name of one of `[models]`."""
    name: str = ""
    """`tier-1`, `tier-2`... when not given."""
    threshold: float | None = None
    """Confidence from which its answer is served: by default 0 (always) for the last tier if it generates, else 0.5."""
    highest_label: Label | None = None
    """The most confidential text it may receive: restricted by default for what runs inside palier, else public."""
    redact: bool | None = None
    """Whether personal data is replaced in what it receives, and put back in what it answers: by default where it does
    not run on premises."""
    system: str | None = None
    """Its own system prompt, instead of the route's."""
    adapter: str = ""
    """The LoRA adapter this route uses on this tier."""
    passages: int | None = None
    """Passages its prompt holds at most, where the route's number is too much for it."""
    max_tokens: int | None = None
    """Tokens it writes at most when the request does not say; the route's number otherwise."""


class Route(Section, frozen=True, kw_only=True):
    """`[routes.NAME]`: one use, which clients call as a model."""

    tiers: tuple[Tier, ...]
    """The staircase, cheapest first."""
    collections: tuple[str, ...] = ()
    """Where its passages are looked up; none: nothing is retrieved."""
    system: str = ""
    """The system prompt, which precedes the client's own."""
    passages: int = 6
    """Passages a prompt holds at most."""
    message_label: Label = Label.INTERNAL
    """How confidential what clients write is; a tier that may not receive it is not asked."""
    tool_label: Label = Label.CONFIDENTIAL
    """How confidential the results of tools are that clients send back."""
    local_only: bool = False
    """Nothing of this route leaves, whatever its tiers may receive."""
    sticky: bool = False
    """A conversation keeps the label of the evidence it saw, also where it is told in other words."""
    regions: tuple[str, ...] = ()
    """Regions its prompts may go to, of those that are not on premises; none: any."""
    policy: str = ""
    """The policy that `palier calibrate` wrote, a file; it is loaded again whenever it changes."""
    without_policy: Literal["threshold", "climb"] = "threshold"
    """While no policy holds: use the tiers' own thresholds, "not calibrated", or keep nothing below the top."""
    on_failure: Literal["climb", "stop"] = "climb"
    """What a tier that fails means: go on with the next, or give its error."""
    budget: Budget = Budget()
    """What it may take, see `[routes.NAME.budget]`."""
    guards: Guards = Guards()
    """What looks at its texts, see `[routes.NAME.guards]`."""
    languages: tuple[str, ...] = ("fr", "en")
    """Languages it is meant for; the first is used to abstain in where the question's is none of them."""
    abstention: dict[str, str] = {}
    """The words of an honest "I don't know", by language."""
    max_tokens: int = 1024
    """Used when the request gives none."""
    audit: float | None = None
    """Share of requests (0: none) that every permitted tier answers, in the background, to be judged: 0.02 by default
    where there are several tiers and `[store] record_content`. It costs what those tiers cost."""
    label_source: Literal["agreement", "person", "judge"] = "agreement"
    """Who judges audited drafts: `agreement` with the last tier, a `person` (`palier label`), or a `judge` of your own
    whose verdicts are imported."""
    agreement_at: float = 0.6
    """Agreement with the last tier (F1 of words, the numbers being the same) from which a draft counts as right."""


class Settings(Section, frozen=True, kw_only=True):
    """The whole file."""

    data: str = ".palier"
    """The data folder, relative to the file."""
    server: Server = Server()
    """See `[server]`."""
    console: Console = Console()
    """See `[console]`."""
    store: Store = Store()
    """See `[store]`."""
    workers: Workers = Workers()
    """See `[workers]`."""
    networks: Networks = Networks()
    """See `[networks]`."""
    privacy: Privacy = Privacy()
    """See `[privacy]`."""
    redaction: Redaction = Redaction()
    """See `[redaction]`."""
    ledger: Ledger = Ledger()
    """See `[ledger]`."""
    telemetry: Telemetry = Telemetry()
    """See `[telemetry]`."""
    lessons: Lessons = Lessons()
    """See `[lessons]`."""
    learning: Learning = Learning()
    """See `[learning]`."""
    carbon: Carbon = Carbon()
    """See `[carbon]`."""
    alerts: Alerts = Alerts()
    """See `[alerts]`."""
    drift: Drift = Drift()
    """See `[drift]`."""
    collections: dict[str, Collection] = {}
    """See `[collections.NAME]`."""
    models: dict[str, Model] = {}
    """See `[models.NAME]`."""
    guards: dict[str, Guard] = {}
    """See `[guards.NAME]`."""
    routes: dict[str, Route] = {}
    """See `[routes.NAME]`; clients call a route as a model."""
    root: str = "."
    """The folder the file stands in (set by `load`); relative paths start there."""

    def path(self, name: str) -> Path:
        """`name` relative to the file's folder; absolute ones as they are."""
        return (Path(self.root) / Path(name).expanduser()).resolve()

    @property
    def folder(self) -> Path:
        """The data folder, absolute."""
        return self.path(self.data)
