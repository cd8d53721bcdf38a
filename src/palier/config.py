"""`palier.toml`: every setting, its default and its meaning. Unknown settings are errors that suggest the right name.

The file is data: nothing is opened or connected here. Secrets never stand in it: `*_env` names an environment variable.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import msgspec

from palier.cards import Price
from palier.errors import ConfigurationError
from palier.types import Label


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the sections of the file."""


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


class Model(Section, frozen=True, kw_only=True):
    """`[models.NAME]`: one source of answers.

    `kind` is `extract` (quotes the documents), `engine` (a small model in a child process of palier), `endpoint` (any
    OpenAI-compatible URL), `recorded` (replays recorded answers) or `fake` (scripted, for tests).
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
    """US dollars per million tokens: `{ input = 0.15, output = 0.60 }`."""
    watts: float | None = None
    """Declared power while it generates, from which energy is estimated."""
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
    # recorded, fake
    file: str = ""
    """Recorded answers (JSON lines) or the script of a fake."""


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
    policy: str = ""
    """The policy that `palier calibrate` wrote, a file; it is loaded again whenever it changes."""
    without_policy: Literal["threshold", "climb"] = "threshold"
    """While no policy holds: use the tiers' own thresholds, "not calibrated", or keep nothing below the top."""
    on_failure: Literal["climb", "stop"] = "climb"
    """What a tier that fails means: go on with the next, or give its error."""
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
    store: Store = Store()
    """See `[store]`."""
    workers: Workers = Workers()
    """See `[workers]`."""
    networks: Networks = Networks()
    """See `[networks]`."""
    models: dict[str, Model] = {}
    """See `[models.NAME]`."""
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


def load(path: str | Path) -> Settings:
    """Read and check a `palier.toml`. Raises `ConfigurationError` naming the file, the setting and what to do."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file} does not exist", hint="--config or PALIER_CONFIG names another; palier init writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from None
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}") from None
    return parse(tree, root=file.resolve().parent, where=str(file))


def parse(tree: dict[str, Any], *, root: str | Path = ".", where: str = "settings") -> Settings:
    """Settings from a mapping, checked. `where` is named in errors."""
    if "root" in tree:
        raise ConfigurationError(f"{where}: unknown setting `root`")
    try:
        settings = msgspec.convert({**tree, "root": str(root)}, Settings)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {_explain(error)}", hint=_suggest(error, tree)) from None
    _check(settings, where)
    return settings


def _explain(error: msgspec.ValidationError) -> str:
    """msgspec's words, with its `$.routes[...]` path as TOML."""
    text = (
        str(error)
        .replace("Object contains unknown field", "unknown setting")
        .replace("`$.", "`")
        .replace(" - at `$`", "")
    )
    text = text.replace("Object missing required field", "missing setting").replace("[...]", ".NAME")
    if "enum value" in text and (options := _options(str(error))):
        return f"{text}; one of {', '.join(options)}"
    return text.replace("`float | null`, got `str`", "a number, got a text (write it without quotes)")


def _options(error: str) -> list[str]:
    """The words that the setting of an error may be, from its type."""
    section, _, name = _path(error).rpartition(".")
    hint = get_type_hints(_SECTIONS.get(_place(section), Settings)).get(name)
    kinds = (hint, *get_args(hint))
    return [*Label] if Label in kinds else [word for word in kinds if isinstance(word, str)]


def _suggest(error: msgspec.ValidationError, tree: dict[str, Any]) -> str:
    unknown = re.search(r"unknown field `([^`]+)`", str(error))
    if not unknown:
        return ""
    name = unknown.group(1)
    here = _place(_path(str(error)))
    known = [field for field in _SECTIONS.get(here, Settings).__struct_fields__ if field != "root"]
    if elsewhere := [place for place, section in _SECTIONS.items() if name in section.__struct_fields__]:
        return f"`{name}` belongs in {' or '.join(elsewhere)}"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else "docs/reference/settings.md lists every setting"


_SECTIONS: dict[str, type[Section]] = {
    "[server]": Server,
    "[store]": Store,
    "[workers]": Workers,
    "[networks]": Networks,
    "[models.NAME]": Model,
    "[[routes.NAME.tiers]]": Tier,
    "[routes.NAME]": Route,
}


def _path(error: str) -> str:
    """What msgspec's path leads to, without its brackets: `$.routes[...].tiers[...]` is `routes.tiers`."""
    found = re.search(r"at `\$\.([^`]*)`", error)
    return found.group(1).replace("[...]", "") if found else ""


def _place(path: str) -> str:
    """The section that a path lies in."""
    parts = path.split(".")
    if parts[0] == "routes":
        return "[[routes.NAME.tiers]]" if len(parts) > 1 else "[routes.NAME]"
    return "[models.NAME]" if parts[0] == "models" else f"[{parts[0]}]"


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _check(settings: Settings, where: str) -> None:
    for name in (*settings.models, *settings.routes):
        if not _NAME.fullmatch(name):
            raise ConfigurationError(f"{where}: `{name}` is no name", hint="letters, digits, '.', '_', '-'; 64 at most")
    for name, route in settings.routes.items():
        _check_route(settings, name, route, where)


def _check_route(settings: Settings, name: str, route: Route, where: str) -> None:
    if not route.tiers:
        raise ConfigurationError(f"{where}: route `{name}` has no tier", hint="add [[routes.NAME.tiers]]")
    names = [tier_name(route, i) for i in range(len(route.tiers))]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"{where}: route `{name}` has two tiers of one name: {', '.join(names)}")
    for tier in route.tiers:
        if tier.model not in settings.models:
            close = difflib.get_close_matches(tier.model, settings.models, n=1, cutoff=0.4)
            hint = f"did you mean `{close[0]}`?" if close else "add [models.NAME]"
            raise ConfigurationError(
                f"{where}: route `{name}` names model `{tier.model}`, which is not there", hint=hint
            )
        if tier.threshold is not None and not 0 <= tier.threshold <= 1:
            raise ConfigurationError(f"{where}: route `{name}`: threshold {tier.threshold} is not between 0 and 1")
    _check_audit(settings, name, route, where)


def _check_audit(settings: Settings, name: str, route: Route, where: str) -> None:
    """What was not asked for in so many words is left out where it cannot be (`audit_share`)."""
    if not 0 < route.agreement_at <= 1:
        raise ConfigurationError(f"{where}: route `{name}`: agreement_at {route.agreement_at} is not in (0, 1]")
    if route.audit is None:
        return
    if not 0 <= route.audit <= 1:
        raise ConfigurationError(f"{where}: route `{name}`: audit {route.audit} is not between 0 and 1")
    if route.audit and not settings.store.record_content:
        raise ConfigurationError(
            f"{where}: route `{name}`: an audit keeps what it draws until it ran, and [store] record_content is false",
            hint="audit = 0, or record_content = true",
        )
    if route.audit and len(route.tiers) == 1 and route.label_source == "agreement":
        raise ConfigurationError(
            f"{where}: route `{name}` has one tier, and no tier above it to agree with",
            hint='label_source = "person" or "judge", or audit = 0',
        )


def tier_name(route: Route, index: int) -> str:
    """The tier's own name, or `tier-N` counted from 1."""
    return route.tiers[index].name or f"tier-{index + 1}"


AUDIT_SHARE = 0.02


def audit_share(settings: Settings, route: Route) -> float:
    """The share of the route's requests that is drawn for the audit."""
    if route.audit is not None:
        return route.audit
    return AUDIT_SHARE if settings.store.record_content and len(route.tiers) > 1 else 0.0


def label_source(route: Route) -> str:
    """The full name of who judges the route's audits, with all that its verdicts depend on."""
    if route.label_source != "agreement":
        return route.label_source
    return f"agreement f1>={route.agreement_at:g} with {tier_name(route, len(route.tiers) - 1)}"


INSIDE = frozenset({"extract", "head", "engine"})
"""Kinds that run inside palier: what they receive goes nowhere."""


def highest_label(settings: Settings, tier: Tier) -> Label:
    """The most confidential text a tier may receive, as it says or by default."""
    inside = settings.models[tier.model].kind in INSIDE
    return tier.highest_label or (Label.RESTRICTED if inside else Label.PUBLIC)
