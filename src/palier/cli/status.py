"""`palier status`: what each route promises, and whether that is still true."""

from __future__ import annotations

from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json, session


def status(config: Config = CONFIG, as_json: Json = False) -> None:
    """What each route promises today, or why nothing."""

    async def main() -> None:
        async with session(config) as p:
            found = await p.status()
        out = terminal.out()
        for route in found:
            if as_json:
                terminal.json_line(route)
                continue
            style = "green" if route.calibrated else "yellow"
            out.print(terminal.styled((f"{route.route}: ", "bold"), (route.words, style)), soft_wrap=True)
            if route.watch:
                out.print(terminal.styled((f"{'':{len(route.route) + 2}}{route.watch}", "dim")), soft_wrap=True)
            if route.student:
                said = terminal.one_line(route.student, 300)
                out.print(terminal.styled((f"{'':{len(route.route) + 2}}{said}", "dim")), soft_wrap=True)
            if route.drift:
                said = terminal.one_line(route.drift, 300)
                out.print(terminal.styled((f"{'':{len(route.route) + 2}}{said}", "dim")), soft_wrap=True)
        if not found:
            terminal.note("there are no routes: add [routes.NAME] to palier.toml")

    terminal.run(main)
