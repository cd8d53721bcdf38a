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
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json
from palier.config import load
from palier.errors import ConfigurationError, InvalidRequest, NotFound, StoreError
from palier.ids import SHORT_ID
from palier.interfaces import Entry, Head, Link
from palier.types import Label

if TYPE_CHECKING:
    from palier.privacy.ledger import Verdict
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
        from palier.stores.ledger_file import Asked

        asked = Asked(
            limit=limit,
            since_ms=_milliseconds(since) if since else None,
            destination=destination,
            label=label,
            trace=trace,
        )
        ledger = _opened(config, file)
        links = ledger.entries(asked) if ledger else []
        if as_json:
            for link in links:
                terminal.json_line(_plain(link))
        elif links:
            terminal.columns(_HEADER, [_row(_entry(link)) for link in links])
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
            return _compare(ledger, _entry(link), _sealer(chosen), compare)
        if as_json:
            terminal.json_line(_plain(link))
        else:
            _show(link)
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
            _say(verdict, problems)
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


def _milliseconds(when: str) -> int:
    """A moment, or so long ago. Raises `InvalidRequest`."""
    if ago := re.fullmatch(r"(\d{1,6})([mhdw])", when):
        return int((time.time() - int(ago[1]) * _UNITS[ago[2]]) * 1000)
    try:
        return int(datetime.fromisoformat(when).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(f"--since {when} is no time", hint="2026-11-20, 2026-11-20T08:30, 30m, 12h, 7d") from None


def _entry(link: Link) -> Entry:
    try:
        return link.entry
    except msgspec.MsgspecError:
        raise StoreError(
            f"entry {link.sequence} of the ledger cannot be read", hint="palier audit verify says what was changed"
        ) from None


# --- what is said ------------------------------------------------------------------------------------------------

_HEADER = ("entry", "when", "to", "for", "label", "verdict", "withheld", "redacted", "bytes", "request")


def _row(entry: Entry) -> tuple[str, ...]:
    c = entry.clearance
    return (
        str(entry.sequence),
        _time(entry.at_ms),
        c.destination,
        c.purpose,
        c.label.value,
        c.verdict,
        str(c.withheld) if c.withheld else "",
        str(sum(c.redacted.values())) if c.redacted else "",
        str(entry.size),
        c.request[-SHORT_ID:],
    )


def _time(at_ms: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1000))
    except (OverflowError, ValueError, OSError):
        return str(at_ms)


def _plain(link: Link) -> dict[str, Any]:
    """The entry as it was chained, no more and no less, and its hash."""
    _entry(link)
    return {**msgspec.json.decode(link.body), "hash": link.hash.hex()}


def _show(link: Link) -> None:
    entry = _entry(link)
    c = entry.clearance
    redacted = ", ".join(f"{count} {kind}" for kind, count in sorted(c.redacted.items()))
    rows = (
        ("when", f"{_time(entry.at_ms)}"),
        ("to", f"{c.destination} at {entry.host}" + (f", in {c.region}" if c.region else "")),
        ("for", f"{c.purpose}" + (f" of {c.route}/{c.tier}" if c.route else "")),
        ("request", c.request),
        ("asked by", c.principal),
        ("label", c.label.value),
        ("verdict", f"{c.verdict}: {c.reason}" if c.reason else c.verdict),
        ("withheld", f"{c.withheld} passages" if c.withheld else ""),
        ("redacted", redacted),
        ("bytes", str(entry.size)),
        ("digest", f"{entry.digest} (key {entry.digest_key})"),
        ("hash", link.hash.hex()),
    )
    for name, value in rows:
        if value:
            terminal.out().print(terminal.styled((f"{name:<9} ", "bold"), terminal.one_line(value)), soft_wrap=True)


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


def _say(verdict: Verdict, problems: list[str]) -> None:
    out = terminal.out()
    if not problems:
        agree = f", {verdict.heads} exported heads agree" if verdict.heads else ""
        out.print(terminal.styled(f"{verdict.entries} entries, intact, head {verdict.head}{agree}"), soft_wrap=True)
        return
    for reason in problems:
        out.print(terminal.styled(("✗ ", "bold red"), reason), soft_wrap=True)
    if verdict.found > len(verdict.faults):
        out.print(f"and {verdict.found - len(verdict.faults)} more")
    if verdict.trusted_at_ms is None:
        words = "none of it is to be trusted"
    else:
        when = _time(verdict.trusted_at_ms)
        words = f"to be trusted up to entry {verdict.trusted}, of {when}; not what is said of later times"
    out.print(terminal.styled(f"{verdict.entries} entries, NOT intact: {words}"), soft_wrap=True)
