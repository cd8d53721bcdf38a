"""`palier status`: what each route promises, and whether that is still true; `--watch`: and what goes by."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json, session
from palier.config import load
from palier.errors import Unavailable

if TYPE_CHECKING:
    from rich.text import Text

    from palier.counting import GatewayNow, RouteNow
    from palier.policies import RouteStatus
    from palier.server.remote import RemotePalier

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on, and show what goes by, until Ctrl-C.")]
Every = Annotated[float, typer.Option("--every", min=0.2, max=3600, help="Seconds between two looks, with --watch.")]
Looks = Annotated[int, typer.Option("--looks", min=0, help="How many, with --watch; 0: until Ctrl-C.")]


def status(
    watch: Watch = False, every: Every = 2.0, looks: Looks = 0, config: Config = CONFIG, as_json: Json = False
) -> None:
    """What each route promises today, or why nothing.

    With --watch also what went by since the gateway began, drawn again and again; where the output is no terminal, a
    line for each route and look.
    """

    async def main() -> None:
        if watch:
            await _watch(await _gateway(config), every, looks, as_json)
            return
        async with session(config) as p:
            found = await p.status()
        out = terminal.out()
        for route in found:
            if as_json:
                terminal.json_line(route)
                continue
            for line in _told(route):
                out.print(line, soft_wrap=True)
        if not found:
            terminal.note("there are no routes: add [routes.NAME] to palier.toml")

    terminal.run(main)


def _told(route: RouteStatus) -> list[Text]:
    """A route: what is promised, then what is watched, which student answers, and its budget."""
    style = "green" if route.calibrated else "yellow"
    lines = [terminal.styled((f"{terminal.one_line(route.route)}: ", "bold"), (terminal.one_line(route.words), style))]
    budget = f"budget: {route.budget}" if route.budget else ""
    for words in (route.watch, route.student, route.drift, budget):
        if words:
            said = terminal.one_line(words, 300)
            lines.append(terminal.styled((f"{'':{len(route.route) + 2}}{said}", "dim")))
    return lines


# --- again and again -------------------------------------------------------------------------------------------------


async def _gateway(config: Config) -> RemotePalier:
    from palier.server.remote import RemotePalier
    from palier.stores.folder import DataFolder

    remote = await RemotePalier.connect(DataFolder(load(config).folder).admin_socket)
    if remote is None:
        raise Unavailable("no gateway runs on this data folder, and there is nothing to watch", hint="palier serve")
    return remote


async def _watch(gateway: RemotePalier, every: float, looks: int, as_json: bool) -> None:
    """Look every so often. Raises `Unavailable` when the gateway goes away."""
    from rich.console import Group
    from rich.live import Live

    out, before = terminal.out(), None
    drawn = sys.stdout.isatty() and not as_json
    with Live(console=out, auto_refresh=False, vertical_overflow="ellipsis") if drawn else _NoLive() as live:
        look = 0
        while True:
            now, standing = await _look(gateway)
            if as_json:
                terminal.json_line({**msgspec.to_builtins(now), "status": msgspec.to_builtins(standing)})
            elif isinstance(live, Live):
                live.update(Group(*_page(gateway, now, before, standing)), refresh=True)
            else:
                for route in now.routes:
                    out.print(terminal.styled(_line(now, route)), soft_wrap=True)
            if not drawn:
                sys.stdout.flush()
            look += 1
            if look == looks:
                return
            before = now
            await asyncio.sleep(every)


class _NoLive:
    """In the place of what draws, where nothing is drawn."""

    def __enter__(self) -> _NoLive:
        return self

    def __exit__(self, *error: object) -> None: ...


async def _look(gateway: RemotePalier) -> tuple[GatewayNow, list[RouteStatus]]:
    try:
        return await gateway.now(), await gateway.status()
    except (FileNotFoundError, ConnectionRefusedError):
        raise Unavailable("the gateway stopped", hint="palier serve") from None


def _page(
    gateway: RemotePalier, now: GatewayNow, before: GatewayNow | None, standing: Sequence[RouteStatus]
) -> list[Text]:
    """Lines of the width of the terminal: what is longer is cut, so that as many lines are drawn as are meant."""
    width = terminal.out().width
    at = time.strftime("%H:%M:%S", time.localtime(now.at))
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(now.since))
    head = f"{at}, {now.load:.0%} busy, since {since}, palier {gateway.gateway.version}, process {gateway.gateway.pid}"
    lines = [terminal.styled((terminal.one_line(head, width), "bold"))]
    earlier = {route.route: route for route in before.routes} if before else {}
    told = {route.route: route for route in standing}
    for route in now.routes:
        lines.append(terminal.styled(""))
        lines += _told(told[route.route]) if route.route in told else []
        figures = _figures(route, _rate(now, before, route, earlier.get(route.route)))
        lines.append(terminal.styled(f"{'':{len(route.route) + 2}}{figures}"))
    for name, why in now.unwell.items():
        lines.append(terminal.styled((terminal.one_line(f"model {name} cannot be asked: {why}"), "red")))
    if now.failing or now.unrecorded:
        trouble = f"requests are NOT RECORDED: {now.failing}" if now.failing else "requests are recorded again"
        lines.append(terminal.styled((terminal.one_line(f"{trouble} ({now.unrecorded:,} were not)"), "bold red")))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _rate(now: GatewayNow, before: GatewayNow | None, route: RouteNow, earlier: RouteNow | None) -> float | None:
    """Requests a second since the last look."""
    if before is None or earlier is None or now.at <= before.at:
        return None
    return max(route.requests - earlier.requests, 0) / (now.at - before.at)


def _figures(route: RouteNow, rate: float | None) -> str:
    tiers = ", ".join(f"{tier} {count:,}" for tier, count in sorted(route.answered.items()))
    cost = f"${route.cost:.4g}" + (f" +{route.uncosted:,}?" if route.uncosted else "")
    parts = [
        f"{route.requests:,} requests" + (f", {rate:.3g}/s" if rate is not None else ""),
        f"answered by {tiers}" if tiers else "",
        f"{route.abstained:,} abstained" if route.abstained else "",
        f"{route.failed:,} failed" if route.failed else "",
        f"{route.mean_ms:,.0f} ms" if route.mean_ms is not None else "",
        cost if route.requests else "",
    ]
    return "; ".join(part for part in parts if part)


def _line(now: GatewayNow, route: RouteNow) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now.at))
    return terminal.one_line(f"{at} {route.route}: {_figures(route, None)}")
