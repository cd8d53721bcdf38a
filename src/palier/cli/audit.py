"""`palier audit`: what left, when, to whom and why; and whether the ledger says so still as it was written.

The file is only read, so that no gateway is asked: one that runs goes on writing, and a copy can be verified elsewhere.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from palier.cli import departures, terminal
from palier.cli.session import CONFIG, Config, Json
from palier.config import load
from palier.errors import ConfigurationError, InvalidRequest, NotFound, StoreError
from palier.interfaces import Entry, EntryFilter, Head, Link
from palier.types import Label

if TYPE_CHECKING:
    from palier.privacy.sealing import Sealer
    from palier.stores.ledger_file import LedgerFile

app = typer.Typer(help="What left, to whom and why; and whether that is still as it was written.")

NOT_PASSED = 3
MAX_HEADS_MB = 256
_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="How many, newest first.")]
Since = Annotated[
    str, typer.Option("--since", metavar="WHEN", help="From then on: 2026-11-20, 2026-11-20T08:30, 12h, 7d.")
]
Destination = Annotated[str, typer.Option("--destination", help="To this model, or what else is called.")]
OfLabel = Annotated[Label | None, typer.Option("--label", help="What carried this label.")]
Trace = Annotated[str, typer.Option("--trace", help="Of this request: its id, or the last 12 digits.")]
File = Annotated[
    Path | None, typer.Option("--file", help="A ledger, be it a copy.", show_default="ledger.db of the data folder")
]
Sequence = Annotated[int, typer.Argument(help="The entry's number.")]
Payload = Annotated[bool, typer.Option("--payload", help="Write the bytes that left, where they are kept.")]
Compare = Annotated[Path | None, typer.Option("--compare", help="Say whether the bytes of this file are what left.")]
HeadsFile = Annotated[
    str, typer.Option("--heads", metavar="FILE", help="Compare with heads that were exported; -: standard input.")
]


@app.callback(invoke_without_command=True)
def audit(
    ctx: typer.Context,
    config: Config = CONFIG,
    limit: Limit = 20,
    since: Since = "",
    destination: Destination = "",
    label: OfLabel = None,
    trace: Trace = "",
    file: File = None,
    as_json: Json = False,
) -> None:
    """List what left, newest first."""
    if ctx.invoked_subcommand is not None:
        ctx.obj = (config, file)
        return

    def main() -> None:

        asked = EntryFilter(
            limit=limit,
            since_ms=since_ms(since) if since else None,
            destination=destination,
            label=label,
            trace=trace,
        )
        ledger = _opened(config, file)
        links = ledger.entries(asked) if ledger else []
        if as_json:
            for link in links:
                terminal.json_line(departures.plain(link))
        elif links:
            terminal.columns(departures.HEADER, [departures.row(departures.entry_of(link)) for link in links])
        else:
            terminal.note("nothing has left" if since or destination or label or trace else "nothing has left yet")

    terminal.run(main)


@app.command()
def show(
    ctx: typer.Context,
    sequence: Sequence,
    config: Config = CONFIG,
    file: File = None,
    payload: Payload = False,
    compare: Compare = None,
    as_json: Json = False,
) -> None:
    """Show one entry; the bytes that left, where they are kept; or whether some bytes are those."""

    def main() -> int:
        chosen, named = _chosen(ctx, config, file)
        ledger = _opened(chosen, named)
        link = ledger.get(sequence) if ledger else None
        if ledger is None or link is None:
            raise NotFound(f"there is no entry {sequence}", hint="palier audit lists them")
        if payload:
            return _payload(ledger, sequence, _sealer(chosen))
        if compare is not None:
            return _compare(ledger, departures.entry_of(link), _sealer(chosen), compare)
        if as_json:
            terminal.json_line(departures.plain(link))
        else:
            departures.show(link)
        return 0

    terminal.run(main)


@app.command()
def verify(
    ctx: typer.Context, heads: HeadsFile = "", config: Config = CONFIG, file: File = None, as_json: Json = False
) -> None:
    """Walk the whole chain, and compare it with exported heads: what is not as it was written, and from when on."""

    def main() -> int:
        from palier.privacy import ledger as chain

        chosen, named = _chosen(ctx, config, file)
        told = _heads(heads) if heads else []
        ledger = _opened(chosen, named)
        if ledger is None and not told:
            terminal.note("there is no ledger yet: nothing has left")
            return 0
        unread: list[StoreError] = []
        links = _readable(ledger, unread) if ledger else iter(())
        verdict = chain.verify(links, ledger.installation if ledger else told[0].installation, told)
        problems = [*(fault.reason for fault in verdict.faults), *(f"the file ends there: {e.message}" for e in unread)]
        if as_json:
            terminal.json_line({**msgspec.to_builtins(verdict), "intact": not problems, "problems": problems})
        else:
            departures.say(verdict, problems)
        return NOT_PASSED if problems else 0

    terminal.run(main)


# --- what is read ------------------------------------------------------------------------------------------------


def _chosen(ctx: typer.Context, config: Path, file: Path | None) -> tuple[Path, Path | None]:
    """The options of the command, or those that stood before its name."""
    before: tuple[Path, Path | None] = ctx.obj or (config, file)
    return (config if config != CONFIG else before[0], file or before[1])


def _opened(config: Path, file: Path | None) -> LedgerFile | None:
    """The ledger; None where the data folder has none yet."""
    from palier.stores.folder import DataFolder
    from palier.stores.ledger_file import LedgerFile

    if file is not None:
        return LedgerFile.open(file)
    path = DataFolder(load(config).folder).ledger
    return LedgerFile.open(path) if path.exists() else None


def _sealer(config: Path) -> Sealer:
    from palier.privacy.keys import KeySource
    from palier.privacy.sealing import Sealer

    return Sealer(KeySource.of(load(config)).read(make=False))


def _readable(ledger: LedgerFile, unread: list[StoreError]) -> Iterator[Link]:
    """All entries that can be read; why no more can, in `unread`."""
    try:
        yield from ledger.chain()
    except StoreError as error:
        unread.append(error)


def _heads(name: str) -> list[Head]:
    from palier.privacy import heads

    try:
        if name == "-":
            text = sys.stdin.read()
        elif Path(name).stat().st_size > MAX_HEADS_MB * 2**20:
            raise ConfigurationError(f"{name} is larger than {MAX_HEADS_MB} MB", hint="give the newest of it")
        else:
            text = Path(name).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(f"{name} cannot be read: {error.strerror}") from None
    found, others = heads.read(text.splitlines())
    if others:
        terminal.note(f"{others} lines of {terminal.one_line(name, 80)} are no heads, and are left out")
    if not found:
        raise InvalidRequest(
            f"there is no head in {name}", hint='a line of it is {"at": ..., "sequence": ..., "hash": ...}'
        )
    return found


def since_ms(when: str, option: str = "--since") -> int:
    """A moment, or so long ago. Raises `InvalidRequest`, naming the option."""
    if ago := re.fullmatch(r"(\d{1,6})([mhdw])", when):
        return int((time.time() - int(ago[1]) * _UNITS[ago[2]]) * 1000)
    try:
        return int(datetime.fromisoformat(when).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(f"{option} {when} is no time", hint="2026-11-20, 2026-11-20T08:30, 30m, 12h, 7d") from None


# --- what is compared, and written out -------------------------------------------------------------------------


def _payload(ledger: LedgerFile, sequence: int, sealer: Sealer) -> int:
    content = ledger.payload(sequence, sealer)
    if content is None:
        raise NotFound(
            f"the bytes of entry {sequence} are not kept (any more)",
            hint="[ledger] payload_days says for how long",
        )
    if sys.stdout.isatty():
        terminal.out().print(terminal.styled(content.decode("utf-8", "replace")), soft_wrap=True)
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    return 0


def _compare(ledger: LedgerFile, entry: Entry, sealer: Sealer, file: Path) -> int:
    import hmac

    from palier.privacy.sealing import keyed_digest

    secret = ledger.digest_secret(entry.digest_key, sealer)
    if secret is None:
        raise StoreError(f"the key {entry.digest_key} of that digest is not there", hint="palier vault lists the keys")
    try:
        same = hmac.compare_digest(keyed_digest(secret, file.read_bytes()), entry.digest)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    words = "are what left" if same else "are not what left"
    terminal.out().print(terminal.styled(f"the bytes of {file} {words} with entry {entry.sequence}"), soft_wrap=True)
    return 0 if same else NOT_PASSED
