"""`palier vault`: the keys of what is kept sealed."""

from __future__ import annotations

import time

import msgspec
import typer

from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json
from palier.config import Settings, load
from palier.errors import ConfigurationError
from palier.interfaces import Sealing
from palier.stores.sealed import KeyUse, Resealed

app = typer.Typer(help="The keys of what is kept sealed: payloads of the ledger, and maps of the vault.")


@app.callback(invoke_without_command=True)
def vault(ctx: typer.Context, config: Config = CONFIG, as_json: Json = False) -> None:
    """List the keys, and what is sealed with each."""
    if ctx.invoked_subcommand is not None:
        ctx.obj = config
        return

    def main() -> None:
        from palier.privacy.keys import KeySource
        from palier.privacy.sealing import Sealer, new_key
        from palier.stores.folder import DataFolder
        from palier.stores.ledger_file import LedgerFile

        settings = load(config)
        path = DataFolder(settings.folder).ledger
        if not path.exists():
            terminal.note("nothing is kept sealed yet")
            return
        try:
            sealer = Sealer(KeySource.of(settings).read(make=False))
        except ConfigurationError as error:
            terminal.complain(error)
            sealer = Sealer([new_key()])  # which opens nothing
        uses = LedgerFile.open(path).keys(sealer)
        if as_json:
            for use in uses:
                terminal.json_line({**msgspec.to_builtins(use), "seals": use.key == sealer.key})
        else:
            header = ("key", "since", "state", "payloads", "maps", "of")
            terminal.columns(header, [_row(use, sealer) for use in uses])

    terminal.run(main)


@app.command()
def rotate(ctx: typer.Context, config: Config = CONFIG) -> None:
    """Seal everything anew with a new key, then drop the old one. The gateway must not run meanwhile."""

    async def main() -> None:
        from palier.privacy import keys
        from palier.privacy.ledger import Chain
        from palier.stores.folder import DataFolder
        from palier.stores.ledger import SqliteLedger

        settings = load(ctx.obj if config == CONFIG and ctx.obj else config)
        source = keys.KeySource.of(settings)
        done: list[Resealed] = []
        with DataFolder.claim(settings.folder) as folder:

            async def reseal(sealer: Sealing) -> None:
                ledger = SqliteLedger.open(folder.ledger, sealer, Chain())
                try:
                    done.append(await ledger.reseal())
                finally:
                    await ledger.close()

            made = await keys.rotate(source, reseal)
        terminal.note("a new key was made" if made else "went on with the rotation that was begun")
        (all_of_it,) = done
        terminal.note(f"{all_of_it.payloads} payloads and {all_of_it.maps} vault maps were sealed anew")
        if all_of_it.unreadable:
            terminal.note(f"{all_of_it.unreadable} could not be opened, and stay as they were: palier vault")
        if source.variable:
            terminal.note(f"only the first key of {source} is needed now: take the others away")
        else:
            terminal.note(f"{source} holds the new key alone: keep a copy of it elsewhere")

    terminal.run(main)


async def give_up(settings: Settings) -> None:
    """Do without keys that are lost, from now on; say what can no longer be read."""
    from palier.privacy.keys import KeySource
    from palier.privacy.ledger import Chain
    from palier.privacy.sealing import Sealer
    from palier.stores.folder import DataFolder
    from palier.stores.ledger import SqliteLedger

    with DataFolder.claim(settings.folder) as folder:
        sealer = Sealer(KeySource.of(settings).read())
        ledger = SqliteLedger.open(folder.ledger, sealer, Chain(), without_lost_key=True)
        try:
            uses = await ledger.keys()
        finally:
            await ledger.close()
    for use in uses:
        if not use.there and use.payloads + use.maps:
            words = f"{use.payloads} payloads and {use.maps} vault maps of {_span(use)} cannot be read"
            terminal.note(f"without the key {use.key}, {words}; they are kept for their time")


def _row(use: KeyUse, sealer: Sealing) -> tuple[str, ...]:
    if use.there:
        state = "seals" if use.key == sealer.key else "opens"
    else:
        state = "not there" if use.given_up is None else f"given up on {_day(use.given_up)}"
        if not use.payloads + use.maps:
            state = "dropped"
    return (use.key, _day(use.since), state, str(use.payloads), str(use.maps), _span(use))


def _span(use: KeyUse) -> str:
    return f"{_day(use.oldest)} to {_day(use.newest)}" if use.oldest and use.newest else ""


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(when))
