"""`palier guard`: what a guard says of texts, what it is worth on labelled ones, and the fitting of one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import msgspec
import typer

from palier.cli import files, jsonl, terminal
from palier.cli.distill import ExamplesFile, Licence, Lines, Origin, SkipBad
from palier.cli.session import CONFIG, Config, Json
from palier.config import Guard as Settings
from palier.config import Model as ModelSettings
from palier.config import Settings as AllSettings
from palier.config import load
from palier.errors import ConfigurationError, InvalidRequest, unfit
from palier.types import JSON, Data, Message

if TYPE_CHECKING:
    from palier.interfaces import Resources
    from palier.interfaces.guarding import Context, Guard, Scorer

app = typer.Typer(help="Guards: check texts, measure a guard on labelled ones, fit one.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="One of [guards], or a kind (--model is its file; injection has none).")
]
Kind = Annotated[str, typer.Argument(metavar="KIND", help="What is fitted: scope or grounding.")]
Model = Annotated[
    Path | None,
    typer.Option("--model", "-m", help="The file it was fitted to, instead of the settings'.", show_default=False),
]
_TOLD = 0.05
"""The share of known texts from which on it is told."""
PLACES = ("input", "evidence", "draft", "output")


def _placed(place: str) -> str:
    if place not in PLACES:
        raise typer.BadParameter(f"it is `{place[:40]}`, and one of {', '.join(PLACES)}")
    return place


Place = Annotated[
    str, typer.Option("--place", callback=_placed, help="Where it stands: input, evidence, draft or output.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write.")]
Outside = Annotated[str, typer.Option("--outside", help="The label of examples that are out of scope.")]
Refused = Annotated[
    float | None,
    typer.Option(
        "--refused",
        help="The share of its own questions, or of supported sentences, that may be refused.",
        show_default="scope 0.02, grounding 0.125",
    ),
]


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """A text to be looked at; other fields are not read."""

    text: str
    question: str = ""
    language: str = ""
    evidence: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    response_format: JSON | None = None
    expected: Literal["pass", "mend", "climb", "refuse", ""] = ""


class Measured(Data, frozen=True, kw_only=True):
    """What a guard is worth on labelled texts; to find is what is not expected to pass."""

    guard: str
    n: int
    to_find: int
    precision: float | None
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    f1: float | None
    auroc: float | None
    refused_wrongly: float | None
    """Of what should pass, the share that did not."""
    refused_wrongly_low: float | None
    refused_wrongly_high: float | None
    failed: int
    latency_ms: dict[str, float]
    fitted_to: float | None = None
    """The share of these texts that the guard was fitted to; None where that cannot be told."""


@app.command()
def check(
    name: Name, source: Lines = None, model: Model = None, place: Place = "input", config: Config = CONFIG
) -> None:
    """Say what a guard says of each text.

    Reads id, text, question?, evidence?, messages?; writes id, verdict, score, reason, spans, text? where mended.
    """

    async def main() -> int:
        from palier.guards.verdicts import usable

        async with _opened(name, model, config) as guard:

            async def line(item: JSON) -> JSON:
                text, context, _ = _read(item, place)
                verdict = usable(await guard.check(text, context), text)
                said: JSON = {"verdict": verdict.action, "score": verdict.score, "reason": verdict.reason}
                said["spans"] = msgspec.to_builtins(verdict.spans)
                return {**said, "text": verdict.text} if verdict.action == "mend" else said

            return await jsonl.each_line(source, line)

    terminal.run(main)


@app.command()
def report(
    name: Name, source: Lines = None, model: Model = None, place: Place = "input", config: Config = CONFIG
) -> None:
    """Measure a guard on labelled texts: lines as of `check`, with `expected` (pass, mend, climb or refuse)."""

    async def main() -> None:
        async with _opened(name, model, config) as guard:
            found = await _checked(guard, source, place)
        if not found.rows:
            raise InvalidRequest("there is no labelled text")
        known = _known(guard, found.hashes)
        terminal.json_line(
            msgspec.structs.replace(measured(name, found.rows, found.took, found.failed), fitted_to=known)
        )
        if known is not None and known >= _TOLD:
            terminal.note(
                f"{known:.0%} of these texts are among those that `{name}` was fitted to: the figures say what it"
                " remembers, not what it finds; measure it on texts that it has not seen"
            )

    terminal.run(main)


@app.command()
def fit(
    kind: Kind,
    examples: ExamplesFile,
    output: Output,
    outside: Outside = "",
    refused: Refused = None,
    licence: Licence = "",
    source: Origin = "",
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Fit a guard to examples.

    A scope learns what is asked of the assistant, by the labels of its examples. Grounding learns which sentences your
    people call supported: lines as of `report`, whose `expected` is `pass` where the evidence supports the text.
    """

    def main() -> None:
        from palier.cli import guard_fits

        if kind not in guard_fits.KINDS:
            hint = f"{' and '.join(guard_fits.KINDS)} are"
            raise InvalidRequest(f"`{kind[:40]}` is not fitted to examples", hint=hint, param="kind")
        files.check_folders(output)
        asked = guard_fits.Asked(examples, output, outside, refused, licence, source, skip_bad)
        report = guard_fits.KINDS[kind](asked, as_json=as_json)
        if as_json:
            terminal.json_line(report)
        for note in report.notes:
            terminal.note(note)

    terminal.run(main)


@dataclass(slots=True)
class _Checked:
    """Of each labelled text whether it was to be found, was, and its score; milliseconds; how many failed."""

    rows: list[tuple[bool, bool, float | None]] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    failed: int = 0
    hashes: list[int] = field(default_factory=list)
    """Of the texts, as `heads.sketch` has them."""


def _known(guard: Guard, hashes: Sequence[int]) -> float | None:
    """The share of the texts that the guard was fitted to."""
    from palier.heads import sketch
    from palier.interfaces.guarding import Fitted

    share = sketch.share(guard.fitted_to, hashes) if isinstance(guard, Fitted) else None
    return None if share is None else round(share, 4)


async def _checked(guard: Guard, source: Path | None, place: str) -> _Checked:
    from palier.guards.verdicts import usable
    from palier.heads import sketch

    done = _Checked()
    async for number, item in jsonl.objects(source):
        try:
            text, context, expected = _read(item, place)
        except InvalidRequest as error:
            raise InvalidRequest(f"line {number}: {error.message}", param=error.param) from None
        if not expected:
            raise InvalidRequest(f"line {number}: `expected` is missing", hint="pass, mend, climb or refuse")
        done.hashes.append(sketch.hashed(text))
        started = time.perf_counter()
        try:
            verdict = usable(await guard.check(text, context), text)
        except Exception:  # as at its post: a guard that fails is counted, and lets nothing pass
            done.failed += 1
            done.rows.append((expected != "pass", True, None))
            continue
        done.took.append((time.perf_counter() - started) * 1000)
        done.rows.append((expected != "pass", verdict.action != "pass", verdict.score))
    return done


@asynccontextmanager
async def _opened(name: str, model: Path | None, config: Path) -> AsyncIterator[Guard]:
    """The guard of the settings, or of a kind with a file of its own; with the engine that it asks, where it does."""
    from palier import registry
    from palier.cli.distill import Here
    from palier.interfaces import Connector, Resources
    from palier.retrieval.encoder import SentenceEncoder

    settings, declared, resolve = _declared(name, model, config)
    # A guard opens no connection: it is handed none.
    resources = Resources(cast(Connector, None), SentenceEncoder(Here()), Here(), Path(), resolve)
    async with AsyncExitStack() as stack:
        if settings is not None and declared.model:
            resources = replace(resources, scorer=await _scorer(settings.models[declared.model], resources, stack))
        yield cast("Guard", registry.find("guards", declared.kind)(name, declared, resources))


def _declared(
    name: str, model: Path | None, config: Path
) -> tuple[AllSettings | None, Settings, Callable[[str], Path]]:
    """The settings where there are some, those of the guard, and what its file is found by."""
    from palier import registry

    resolve: Callable[[str], Path]
    is_kind = name in registry.kinds("guards")
    settings = None if is_kind and (model is not None or not config.exists()) else load(config)
    if settings is not None and name in settings.guards:
        declared, resolve = settings.guards[name], settings.path
    elif is_kind:
        declared, resolve = Settings(kind=name), _here
    else:
        known = ", ".join((*(settings.guards if settings else ()), *registry.kinds("guards")))
        raise ConfigurationError(f"there is no guard `{name}`", hint=f"one of {known}")
    if model is not None:
        declared = msgspec.structs.replace(declared, file=str(model.absolute()))
    return settings, declared, resolve


async def _scorer(declared: ModelSettings, resources: Resources, stack: AsyncExitStack) -> Callable[[str], Scorer]:
    """What a guard asks its model by, which the stack ends."""
    from palier import registry
    from palier.app.wiring import scorer_of
    from palier.privacy.connector import HttpConnector

    connector = HttpConnector()
    stack.push_async_callback(connector.close)
    made = registry.find("models", declared.kind)("small", declared, replace(resources, connector=connector))
    stack.push_async_callback(made.close)
    return lambda name: scorer_of({name: made})(name)


def _here(name: str) -> Path:
    return Path(name).absolute()


def _read(item: JSON, place: str) -> tuple[str, Context, str]:
    from palier.interfaces.guarding import Context
    from palier.types import GuardPlace, Parameters

    try:
        line = msgspec.convert(item, _Line)
    except msgspec.ValidationError as error:
        raise InvalidRequest(unfit(error), param="text") from None
    context = Context(
        place=cast(GuardPlace, place),
        question=line.question,
        language=line.language,
        evidence=line.evidence,
        messages=line.messages,
        parameters=Parameters(response_format=line.response_format),
    )
    return line.text, context, line.expected


def measured(
    name: str, rows: Sequence[tuple[bool, bool, float | None]], took: Sequence[float], failed: int
) -> Measured:
    """The figures of rows (to be found, found, score)."""
    from palier.metrics.intervals import wilson
    from palier.metrics.reliability import auroc

    right = sum(wanted and found for wanted, found, _ in rows)
    to_find, found = sum(wanted for wanted, _, _ in rows), sum(found for _, found, _ in rows)
    wrongly, clean = found - right, len(rows) - to_find
    precision, recall = _share(right, found), _share(right, to_find)
    scored = [(score, wanted) for wanted, _, score in rows if score is not None]
    around = wilson(right, to_find) if to_find else (None, None)
    wrong = wilson(wrongly, clean) if clean else (None, None)
    times = sorted(took)
    return Measured(
        guard=name,
        n=len(rows),
        to_find=to_find,
        precision=precision,
        recall=recall,
        recall_low=around[0],
        recall_high=around[1],
        f1=_share(2 * right, found + to_find),
        auroc=auroc([s for s, _ in scored], [float(w) for _, w in scored]) if scored else None,
        refused_wrongly=_share(wrongly, clean),
        refused_wrongly_low=wrong[0],
        refused_wrongly_high=wrong[1],
        failed=failed,
        latency_ms={
            f"p{q}": round(times[min(len(times) - 1, -(-q * len(times) // 100) - 1)], 3) for q in (50, 99) if times
        },
    )


def _share(above: int, below: int) -> float | None:
    return round(above / below, 5) if below else None
