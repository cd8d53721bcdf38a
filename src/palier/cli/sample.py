"""`palier sample`: how far the audit of each route is, and what nobody judged."""

from __future__ import annotations

import msgspec

from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json, session
from palier.config import audit_share, label_source, load


def sample(config: Config = CONFIG, as_json: Json = False) -> None:
    """Show what was drawn for the audit, who judged it, and what feedback there is."""

    async def main() -> None:
        settings = load(config)
        rows, lines = [], []
        async with session(settings) as p:
            for name, route in settings.routes.items():
                source = label_source(route)
                count = await p.audits.count(route=name, sources=(source,))
                said = await p.feedback.count(name)
                share = audit_share(settings, route)
                lines.append(
                    {
                        "route": name,
                        "share": share,
                        "label_source": source,
                        **msgspec.to_builtins(count),
                        "feedback": msgspec.to_builtins(said),
                    }
                )
                rows.append(
                    (
                        name,
                        f"{share:.3g}",
                        source,
                        str(count.drawn),
                        str(count.lost),
                        str(count.judged),
                        str(count.unjudged),
                        f"${count.cost:.6g}",
                        f"{said.up} up, {said.down} down",
                    )
                )
        if as_json:
            for line in lines:
                terminal.json_line(line)
            return
        header = ("route", "share", "judged by", "to run", "lost", "judged", "not watched", "cost", "feedback")
        terminal.columns(header, rows)

    terminal.run(main)
