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
            budget = f"budget: {route.budget}" if route.budget else ""
            for words in (route.watch, route.student, budget):
                if words:
                    said = terminal.one_line(words, 300)
                    out.print(terminal.styled((f"{'':{len(route.route) + 2}}{said}", "dim")), soft_wrap=True)
        if not found:
            terminal.note("there are no routes: add [routes.NAME] to palier.toml")

    terminal.run(main)
