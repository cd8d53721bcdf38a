"""`palier traces`: what was asked, who answered and why."""

from __future__ import annotations

import time
from typing import Annotated, get_args

import msgspec
import typer

from palier.audits import Feedback
from palier.cli import records, terminal
from palier.cli.ask import guard_line
from palier.cli.audit import since_ms
from palier.cli.session import CONFIG, Config, Json, session
from palier.errors import NotFound
from palier.ids import SHORT_ID
from palier.types import Quantity, Step, Trace, TraceStatus

app = typer.Typer(help="What was asked, who answered and why.", invoke_without_command=True)

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many, newest first.")]
Route = Annotated[str, typer.Option("--route", help="Of this route.", show_default="all")]
Status = Annotated[str, typer.Option("--status", help="answered, abstained, failed or abandoned.", show_default="all")]
Tier = Annotated[str, typer.Option("--tier", help="Answered by this tier.", show_default="all")]
Since = Annotated[
    str, typer.Option("--since", metavar="WHEN", help="Not before then: 2026-11-20, 30m, 12h, 7d.", show_default="ever")
]
Id = Annotated[str, typer.Argument(help="The id, or its last 12 digits as `palier traces` shows them.")]


@app.callback()
def traces(
    ctx: typer.Context,
    config: Config = CONFIG,
    limit: Limit = 20,
    route: Route = "",
    status: Status = "",
    tier: Tier = "",
    since: Since = "",
    as_json: Json = False,
) -> None:
    """List the newest requests."""
    if ctx.invoked_subcommand is not None:
        ctx.obj = config
        return

    if status and status not in (states := get_args(TraceStatus)):
        raise typer.BadParameter(f"{status} is none of {', '.join(states)}", param_hint="--status")

    async def main() -> None:
        begins = since_ms(since) / 1000 if since else 0.0
        async with session(config) as p:
            newest = await p.traces.list(limit=limit, route=route, status=status, tier=tier)
        found = [trace for trace in newest if trace.created >= begins]
        if as_json:
            for trace in found:
                terminal.json_line(trace)
        else:
            _table(found)

    terminal.run(main)


@app.command()
def show(ctx: typer.Context, id: Id, config: Config = CONFIG, as_json: Json = False) -> None:
    """Show one request: its words while they are kept, each step, the decision."""
    chosen = ctx.obj if config == CONFIG and ctx.obj else config

    async def main() -> None:
        async with session(chosen) as p:
            trace = await p.traces.get(id)
            said = await p.feedback.ratings(trace.id) if trace else []
        if trace is None:
            raise NotFound(f"there is no trace {terminal.one_line(id, 80)}", hint="palier traces lists them")
        if as_json:
            terminal.json_line({**msgspec.to_builtins(trace), "feedback": said} if said else trace)
        else:
            _show(trace)
            _feedback(said)

    terminal.run(main)


app.command()(records.export)


def _table(traces: list[Trace]) -> None:
    if not traces:
        terminal.note("nothing was asked yet")
        return
    header = ("when", "route", "by", "conf.", "cost", "ms", "id")
    terminal.columns(header, [_row(trace) for trace in traces])


def _row(trace: Trace) -> tuple[str, ...]:
    return (
        time.strftime("%m-%d %H:%M:%S", time.localtime(trace.created)),
        trace.route,
        trace.tier or trace.status,
        "-" if trace.confidence is None else f"{trace.confidence:.2f}",
        "unknown" if trace.cost.value is None else f"${trace.cost.value:.6g}",
        f"{trace.latency_ms:.0f}",
        trace.id[-SHORT_ID:],
    )


def _show(trace: Trace) -> None:
    out = terminal.out()
    calibrated = "" if trace.calibrated else " (threshold not calibrated)"
    rows = [
        ("id", trace.id),
        ("when", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(trace.created))),
        ("route", f"{trace.route}, asked by {trace.principal}"),
        ("outcome", trace.status + (f" by {trace.tier} ({_model(trace)})" if trace.tier else "")),
        ("confidence", "none" if trace.confidence is None else f"{trace.confidence:.3f}{calibrated}"),
        ("because", trace.reason),
        ("label", f"{trace.label}, language {trace.language or 'unknown'}"),
        ("tokens", _tokens(trace)),
        ("cost", _how(terminal.dollars(trace.cost), trace.cost)),
        ("energy", _how(terminal.watt_hours(trace.energy), trace.energy)),
        ("carbon", _how(terminal.grams(trace.carbon), trace.carbon)),
        ("time", ", ".join([f"{trace.latency_ms:.0f} ms", *(f"{k} {v:.0f}" for k, v in trace.timings.items())])),
        ("evidence", ", ".join(trace.evidence) or "none"),
    ]
    if trace.error:
        rows.append(("error", trace.error))
    if trace.parameters:
        rows.append(("parameters", msgspec.json.encode(trace.parameters).decode()))
    for name, value in rows:
        out.print(terminal.styled((f"{name:<11} ", "bold"), value), soft_wrap=True)
    for step in trace.steps:
        words = "; ".join((step.outcome, step.reason, *_kept_back(step), f"{step.latency_ms:.0f} ms"))
        model = f"{step.model}, simulated" if step.simulated else step.model
        out.print(terminal.styled((f"  {step.tier} ({model}) ", "cyan"), words), soft_wrap=True)
    for guarded in trace.guards:
        out.print(terminal.styled(("  guard ", "cyan"), guard_line(guarded)), soft_wrap=True)
    _words(trace)


def _model(trace: Trace) -> str:
    made_up = any(step.simulated for step in trace.steps if step.tier == trace.tier)
    return f"{trace.model}, simulated" if made_up else trace.model


def _how(words: str, quantity: Quantity) -> str:
    """A figure with its method, or why there is none."""
    return f"{words}: {quantity.method}" if quantity.method else words


def _kept_back(step: Step) -> list[str]:
    """What a tier did not receive as it was."""
    kept = [(step.withheld, "passage", "withheld"), (step.redacted, "value", "replaced")]
    return [f"{n} {what}{'s' if n > 1 else ''} {how}" for n, what, how in kept if n]


def _feedback(said: list[Feedback]) -> None:
    out = terminal.out()
    for feedback in said:
        rating = feedback.rating or f"{feedback.score:g}"
        comment = f": {feedback.comment}" if feedback.comment else ""
        corrected = f"\n  should be: {feedback.correction}" if feedback.correction else ""
        words = terminal.styled((f"feedback of {feedback.principal}: ", "bold"), f"{rating}{comment}{corrected}")
        out.print()
        out.print(words, soft_wrap=True)


def _tokens(trace: Trace) -> str:
    if trace.usage is None:
        return "none counted"
    return f"{trace.usage.prompt} in, {trace.usage.completion} out, {trace.usage.cached} cached"


def _words(trace: Trace) -> None:
    out = terminal.out()
    if trace.content is None:
        why = "were forgotten" if trace.forgotten else "are not kept (any more): see [store] retention_days"
        terminal.note(f"its words {why}")
        return
    turns: list[tuple[str, str]] = [(message.role, message.content) for message in trace.content.messages]
    if trace.content.text is not None:
        turns.append(("prompt", trace.content.text))
    drafts = [(f"draft of {tier}", draft) for tier, draft in trace.content.drafts.items() if tier != trace.tier]
    errors = [(f"{tier} said", words) for tier, words in trace.content.errors.items()]
    for role, text in (*turns, *drafts, *errors, ("answer", trace.content.answer)):
        out.print()
        out.print(terminal.styled((f"{role}:", "bold")))
        out.print(terminal.styled(text), soft_wrap=True)
