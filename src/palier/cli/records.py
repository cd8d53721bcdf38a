"""`palier traces export`: audited requests as records, for `palier calibrate` and `palier replay`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from palier.cli import terminal
from palier.cli.session import CONFIG, Config, session
from palier.config import Settings, audit_share, label_source, load
from palier.errors import ConfigurationError, NotFound

if TYPE_CHECKING:
    from palier.interfaces import Judgements
    from palier.routing.records import Record

PAGE = 200
"""Audits read at once."""
PAGE_WITH_WORDS = 8

Records = Annotated[bool, typer.Option("--records", help="Write records (the only format there is).")]
Route = Annotated[str, typer.Option("--route", "-r", help="Of this route.", show_default="the only one")]
Source = Annotated[
    str, typer.Option("--label-source", help="Judged by this source.", show_default="the one its settings declare")
]
WithText = Annotated[bool, typer.Option("--with-text", help="With the question, while it is kept.")]

Every = Annotated[bool, typer.Option("--all", help="Also those recorded before the route changed.")]


def export(
    ctx: typer.Context,
    records: Records = False,
    route: Route = "",
    source: Source = "",
    with_text: WithText = False,
    everything: Every = False,
    config: Config = CONFIG,
) -> None:
    """Write audited requests as JSON lines, oldest first: what every tier said, and how right it was."""
    chosen = ctx.obj if config == CONFIG and ctx.obj else config

    async def main() -> None:
        if not records:
            raise ConfigurationError("say what to export", hint="palier traces export --records")
        settings = load(chosen)
        name = route_name(settings, route)
        by = source or label_source(settings.routes[name])
        async with session(settings) as p:
            newest = None if everything else (await p.audits.count(route=name)).fingerprint
            written, unjudged, before = await _write(p.audits, name, by, newest, with_text=with_text)
            waiting = len(await p.audits.queue(route=name, sources=(by, "person"), limit=1)) if unjudged else 0
        if unjudged:
            hint = f"; palier label --route {name} lets a person judge" if waiting else ""
            terminal.note(f"{unjudged} audited requests are left out, not watched: not judged by `{by}`{hint}")
        if not written + unjudged + before:
            share = audit_share(settings, settings.routes[name])
            terminal.note(f"no audited request of `{name}` yet: `audit` draws {share:.3g} of them (palier sample)")
        if before:
            terminal.note(f"{before} recorded before the route changed are left out; --all writes them too")

    terminal.run(main)


def route_name(settings: Settings, route: str) -> str:
    """The route that is meant. Raises `NotFound` with those there are."""
    if route in settings.routes:
        return route
    if not route and len(settings.routes) == 1:
        return next(iter(settings.routes))
    known = ", ".join(settings.routes) or "none: add [routes.NAME] to palier.toml"
    raise NotFound(f"there is no route `{route}`" if route else "say which route", hint=f"--route, one of {known}")


async def _write(
    audits: Judgements, route: str, source: str, fingerprint: str | None, *, with_text: bool
) -> tuple[int, int, int]:
    """Print the records of `fingerprint` (None: of every one), a page at a time.

    How many were printed, and left out: not judged whole by `source`, and of another fingerprint.
    """
    from palier.routing.audited import record_of

    written = unjudged = before = 0
    after, after_id = 0.0, ""
    limit = PAGE_WITH_WORDS if with_text else PAGE
    while page := await audits.done(
        route=route, source=source, after=after, after_id=after_id, limit=limit, words=with_text
    ):
        for audit in page:
            if fingerprint is not None and audit.fingerprint != fingerprint:
                before += 1
            elif record := record_of(audit, source, with_text=with_text):
                terminal.json_line(_plain(record))
                written += 1
            elif audit.drafted:
                unjudged += 1
        after, after_id = page[-1].created, page[-1].trace
    return written, unjudged, before


def _plain(record: Record) -> dict[str, Any]:
    """Without the fields that say nothing."""
    tree: dict[str, Any] = msgspec.to_builtins(record)
    tree["tiers"] = [_told({**tier, "skipped": tier["skipped"] or None}) for tier in tree["tiers"]]
    return _told(tree)


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != "" and value != {}}
