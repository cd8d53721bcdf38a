"""`palier bench`: the application's own benchmark. `palier bench SUITE` is `palier bench run SUITE`."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from palier.cli.bench import people, reports, run, suites


class RunByDefault(TyperGroup):
    """What is no command is a suite to run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the command that was meant."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            close = difflib.get_close_matches(args[0], self.commands, n=1, cutoff=0.7)
            if close and not Path(args[0]).exists():
                ctx.fail(f"There is no suite {args[0]!r}: did you mean `palier bench {close[0]}`?")
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(help="The application's own benchmark.", cls=RunByDefault, no_args_is_help=True)

app.command()(run.run)
app.command()(suites.init)
app.command()(suites.check)
app.command()(suites.perturb)
app.command()(people.people)
app.command()(reports.report)
app.command()(reports.compare)
app.command()(run.clean)
