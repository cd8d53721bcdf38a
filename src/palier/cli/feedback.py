"""`palier feedback`: what is thought of an answer."""

from __future__ import annotations

from typing import Annotated

import typer

from palier.cli import terminal
from palier.cli.session import CONFIG, Config, principal, session
from palier.errors import ConfigurationError
from palier.ids import SHORT_ID

Id = Annotated[str, typer.Argument(help="The answer's id, or the last 12 digits of it.")]
Up = Annotated[bool, typer.Option("--up", help="It was good.")]
Down = Annotated[bool, typer.Option("--down", help="It was not.")]
Score = Annotated[float | None, typer.Option("--score", min=0.0, max=1.0, help="How good.", show_default=False)]
Who = Annotated[str, typer.Option("--as", metavar="USER", help="Who says so: of an answer to this user.")]
Comment = Annotated[str, typer.Option("--comment", help="In words, kept as long as the question's.")]
Correction = Annotated[
    str, typer.Option("--correction", help="What the answer should have been: a lesson, once a reviewer accepts it.")
]


def feedback(
    id: Id,
    up: Up = False,
    down: Down = False,
    score: Score = None,
    comment: Comment = "",
    correction: Correction = "",
    user: Who = "",
    config: Config = CONFIG,
) -> None:
    """Say what you think of an answer. It is shown with its trace; no threshold is fitted on it."""

    async def main() -> None:
        if up + down + (score is not None) != 1:
            raise ConfigurationError("say one of --up, --down and --score")
        rating = "up" if up else "down" if down else None
        async with session(config) as p:
            said = {"rating": rating, "score": score, "comment": comment, "correction": correction}
            kept = await p.rate(id, principal=principal(user, None), **said)
        terminal.note(f"noted on {kept.trace[-SHORT_ID:]}")

    terminal.run(main)
