"""`palier label`: judge what the tiers wrote to audited requests, without being told which tier wrote it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from palier.audits import PERSON, blind
from palier.cli import jsonl, terminal, verdicts
from palier.cli.records import Route, route_name
from palier.cli.session import CONFIG, Config, session
from palier.config import label_source, load
from palier.errors import ConfigurationError

if TYPE_CHECKING:
    from palier.audits import Audit, Judgement
    from palier.interfaces import Judgements

KEYS = {"y": True, "n": False}
ASKED = "right? y(es), n(o), s(kip), q(uit): "

Sample = Annotated[int, typer.Option("--sample", min=1, max=100_000, help="Requests to judge in all.")]
All = Annotated[bool, typer.Option("--all", help="Also those that the route's own source has judged.")]
Export = Annotated[bool, typer.Option("--export", help="Write what is to be judged as JSON lines instead.")]
Import = Annotated[
    Path | None,
    typer.Option("--import", metavar="FILE", help="Read verdicts from JSON lines instead; -: standard input."),
]
Source = Annotated[
    str,
    typer.Option(
        "--label-source", help="Whose verdicts those of --export and --import are.", show_default="the route's"
    ),
]
Who = Annotated[str, typer.Option("--as", metavar="USER", help="Who judges.")]


def label(
    config: Config = CONFIG,
    route: Route = "",
    sample: Sample = 300,
    everything: All = False,
    export: Export = False,
    source_file: Import = None,
    source: Source = "",
    user: Who = "local",
) -> None:
    """Judge audited answers: right or wrong, as a person, blind to the tier. Goes on where it was left."""

    async def main() -> int:
        if export and source_file:
            raise ConfigurationError("say one of --export and --import")
        for option, given in (("--label-source", source), ("--as", user)):
            if not verdicts.nameable(given):
                raise ConfigurationError(f"{option} is at most {verdicts.MAX_NAME} printable characters")
        settings = load(config)
        name = route_name(settings, route)
        kind, declared = settings.routes[name].label_source, label_source(settings.routes[name])
        outside = source or (PERSON if kind == "agreement" else declared)
        async with session(settings) as p:
            if export:
                await verdicts.write(p.audits, name, outside, sample)
            elif source_file:
                return await verdicts.read(p.audits, source_file, outside, user)
            else:
                await _judge(p.audits, name, (PERSON,) if everything else (PERSON, declared), sample, user)
        return 0

    terminal.run(main)


async def _judge(audits: Judgements, route: str, sources: tuple[str, ...], sample: int, user: str) -> None:
    count = await audits.count(route=route, sources=(PERSON,))
    left = max(sample - count.judged, 0)
    waiting = await audits.count(route=route, sources=sources)
    left = min(left, waiting.unjudged - waiting.forgotten)
    if not left:
        terminal.note(f"nothing to judge: {count.judged} of {sample} are done, {waiting.drawn} wait to be run")
        if len(sources) > 1 and waiting.done:
            terminal.note("what the route's own source has judged, --all judges by hand too")
        return
    judged = 0
    async for audit in verdicts.queue(audits, route, sources):
        if judged == left:
            break
        _show(audit, left - judged)
        said = await _ask(audit)
        if said is None:
            terminal.note("the request you left half way is not kept: it comes again")
            break
        if said:
            await audits.judge(_judgements(audit, said, user))
            judged += 1
    terminal.note(f"{judged} judged, {left - judged} left")


def _show(audit: Audit, left: int) -> None:
    assert audit.words is not None  # by the contract of `queue`
    out = terminal.out()
    request = audit.words.request
    titles = list(dict.fromkeys(terminal.one_line(hit.title or hit.document, 60) for hit in request.passages))
    out.print(terminal.styled((f"\n--- {left} left ---", "dim")))
    for message in request.messages[:-1]:
        if message.role != "system":
            out.print(terminal.styled((f"{message.role}: {terminal.one_line(message.content, 200)}", "dim")))
    out.print(terminal.styled(("question: ", "bold"), request.question), soft_wrap=True)
    out.print(terminal.styled(("found: ", "bold"), "; ".join(titles) or "nothing"), soft_wrap=True)


async def _ask(audit: Audit) -> dict[str, bool] | None:
    """Right or wrong by draft; empty where it is skipped, None where enough is enough."""
    out = terminal.out()
    said: dict[str, bool] = {}
    for number, (text, tiers) in enumerate(blind(audit), 1):
        out.print(terminal.styled((f"\nanswer {number}:", "bold")))
        out.print(terminal.styled(text.strip() or "(nothing)"), soft_wrap=True)
        key = await _key()
        if key == "q":
            return None
        if key == "s":
            return {}
        said |= dict.fromkeys(tiers, KEYS[key])
    return said


async def _key() -> str:
    """The first letter of the next line that says something; the end of the input is `q`."""
    out = terminal.out()
    while True:
        out.print(terminal.styled((ASKED, "cyan")), end="")
        line = (await jsonl.read_line(sys.stdin.buffer)).decode(errors="replace")
        if not line:
            out.print()
            return "q"
        key = line.strip()[:1].lower()
        if key in ("y", "n", "s", "q"):
            return key


def _judgements(audit: Audit, said: dict[str, bool], user: str) -> list[Judgement]:
    from palier.audits import Judgement

    now = time.time()
    return [
        Judgement(trace=audit.trace, tier=tier, source=PERSON, correct=correct, who=user, created=now)
        for tier, correct in said.items()
    ]
