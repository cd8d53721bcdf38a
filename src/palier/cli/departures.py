"""Entries of the ledger, and what was found of it, in words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from palier.cli import terminal
from palier.errors import StoreError
from palier.ids import SHORT_ID
from palier.interfaces import Entry, Link

if TYPE_CHECKING:
    from palier.privacy.ledger import Verdict

HEADER = ("entry", "when", "to", "for", "label", "verdict", "withheld", "redacted", "bytes", "request")


def row(entry: Entry) -> tuple[str, ...]:
    """A line of the table."""
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


def plain(link: Link) -> dict[str, Any]:
    """The entry as it was chained, no more and no less, and its hash."""
    entry_of(link)
    return {**msgspec.json.decode(link.body), "hash": link.hash.hex()}


def show(link: Link) -> None:
    """All of one entry."""
    entry = entry_of(link)
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


def say(verdict: Verdict, problems: Sequence[str]) -> None:
    """What a walk along the chain found, and up to where it is to be trusted."""
    out = terminal.out()
    if not problems:
        agree = f", {verdict.heads} exported heads agree" if verdict.heads else ""
        out.print(terminal.styled(f"{_entries(verdict.entries)}, intact, head {verdict.head}{agree}"), soft_wrap=True)
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
    out.print(terminal.styled(f"{_entries(verdict.entries)}, NOT intact: {words}"), soft_wrap=True)


def entry_of(link: Link) -> Entry:
    """Raises `StoreError` where it is none."""
    try:
        return link.entry
    except msgspec.MsgspecError:
        raise StoreError(
            f"entry {link.sequence} of the ledger cannot be read", hint="palier audit verify says what was changed"
        ) from None


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"
