"""`palier lessons synthesise`: more lessons, by a teacher that may see what they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from palier.cli import terminal
from palier.cli.records import route_name
from palier.cli.session import CONFIG, Config, Json, session
from palier.config import load

if TYPE_CHECKING:
    from palier.training.synthesis import Synthesised

SPENT = 5
"""The exit status where the budget is spent before all is made."""

Route = Annotated[str, typer.Argument(help="The route.", show_default="the only one")]
Teacher = Annotated[str, typer.Option("--teacher", metavar="TIER", help="A tier or model that writes them.")]
Paraphrases = Annotated[int, typer.Option("--paraphrases", min=0, max=20, help="Of each accepted lesson, at most.")]
Pairs = Annotated[
    int,
    typer.Option(
        "--from-documents", min=0, metavar="N", help="So many questions that documents answer, with earlier ones."
    ),
]
Share = Annotated[
    float | None, typer.Option("--share", help="Of what is taught, that may be synthetic.", show_default="[lessons]")
]
Calls = Annotated[int, typer.Option("--max-calls", min=1, help="Calls of the teacher in 24 hours, earlier runs' too.")]
Cost = Annotated[
    float | None, typer.Option("--max-cost", min=0, help="US dollars in 24 hours; calls on their way may pass it.")
]


def synthesise(
    teacher: Teacher,
    route: Route = "",
    paraphrases: Paraphrases = 0,
    pairs: Pairs = 0,
    share: Share = None,
    max_calls: Calls = 500,
    max_cost: Cost = None,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Have a teacher say lessons in other words, and write questions that documents answer, with their answers.

    Kept is what the passages support and what the teacher answers alike when it is asked again. Killed, or out of its
    budget (exit status 5), the same command goes on.
    """

    async def main() -> int:
        from palier.app.synthesising import Asked
        from palier.app.synthesising import synthesise as made_by

        settings = load(config)
        asked = Asked(
            route=route_name(settings, route),
            teacher=teacher,
            paraphrases=paraphrases,
            pairs=pairs,
            share=share,
            max_calls=max_calls,
            max_cost=max_cost,
        )
        async with session(settings) as p:
            with terminal.err().status("asking the teacher") as status:
                found = await made_by(
                    settings, p.lessons, asked, lambda made, calls: status.update(f"{made} lessons, {calls} calls")
                )
        if as_json:
            terminal.json_line(found)
        else:
            _show(found)
        return SPENT if found.stopped in ("calls", "cost") else 0

    terminal.run(main)


def _show(found: Synthesised) -> None:
    out = terminal.out()
    made = f"{found.paraphrases + found.pairs} synthetic lessons"
    of = f" ({found.paraphrases} said otherwise, {found.pairs} from documents)"
    cost = "unknown" if found.cost is None else f"${found.cost:.4g}"
    out.print(terminal.styled((made, "bold"), f"{of}: {found.calls} calls, cost {cost}"), soft_wrap=True)
    for why, count in sorted(found.refused.items(), key=lambda item: (-item[1], item[0])):
        out.print(terminal.styled(f"  refused {count:>6}  {why}"), soft_wrap=True)
    notes = {
        "share": "there are as many as may be: more lessons of your own make room, or `synthetic_share` of [lessons]",
        "calls": "the calls of these 24 hours are used: --max-calls, or later; the same command goes on",
        "cost": "what may be spent in 24 hours is, or what a call costs is not known: the same command goes on later",
    }
    if found.stopped:
        terminal.note(notes[found.stopped])
