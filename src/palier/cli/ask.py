"""`palier ask`: a question, its answer as it is written, then where it came from and why."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from palier.cli import jsonl, terminal
from palier.cli.session import CONFIG, As, Config, Groups, Json, Service, principal, session
from palier.errors import ConfigurationError, InvalidRequest, Unavailable, unfit
from palier.types import JSON, Completed, Delta, Guarded, Message, Result, Source, Step

Question = Annotated[str, typer.Argument(help="The question; with --jsonl, a file of lines.")]
Route = Annotated[str, typer.Option("--route", "-r", help="The route.", show_default="the only one")]
Tier = Annotated[str, typer.Option("--tier", help="Ask this tier only.")]
Language = Annotated[str, typer.Option("--language", help="fr, en...", show_default="detected")]
MaxTokens = Annotated[int | None, typer.Option("--max-tokens", min=1, help="Longest answer.", show_default=False)]
LocalOnly = Annotated[bool, typer.Option("--local-only", help="Nothing of the question leaves the premises.")]
Lines = Annotated[bool, typer.Option("--jsonl", help="Filter JSON lines: id, question or messages.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="The answer only.")]

FOUND = 3
"""How many passages are shown of those that were found for an answer that cites none."""


def ask(
    question: Question = "",
    config: Config = CONFIG,
    route: Route = "",
    tier: Tier = "",
    language: Language = "",
    max_tokens: MaxTokens = None,
    user: As = "",
    groups: Groups = None,
    local_only: LocalOnly = False,
    lines: Lines = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask a route a question."""
    options: dict[str, Any] = {
        "route": route or None,
        "tier": tier or None,
        "language": language,
        "principal": principal(user, groups),
        "local_only": local_only,
    }
    if max_tokens is not None:
        options["max_tokens"] = max_tokens

    async def main() -> int:
        if not lines and not question.strip():
            raise ConfigurationError("there is no question", hint='palier ask "..."')
        async with session(config) as p:
            if lines:
                return await jsonl.each_line(Path(question) if question else None, lambda item: _line(p, item, options))
            messages = [Message(role="user", content=question)]
            if as_json:
                terminal.json_line(record(await _complete(p, messages, options)))
            else:
                await _show(p, messages, options, quiet=quiet)
        return 0

    terminal.run(main)


async def _complete(p: Service, messages: list[Message], options: dict[str, Any]) -> Result:
    async with contextlib.aclosing(p.stream(p.request(messages, **options))) as events:
        async for event in events:
            if isinstance(event, Completed):
                return event.result
    raise Unavailable("the answer ended before it was complete")


async def _line(p: Service, item: JSON, options: dict[str, Any]) -> JSON:
    return record(await _complete(p, _messages(item), options))


def _messages(item: JSON) -> list[Message]:
    if item.get("messages") is None:
        return [Message(role="user", content=jsonl.text_field(item, "question"))]
    try:
        messages = msgspec.convert(item["messages"], list[Message])
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"`messages`: {unfit(error)}", param="messages") from None
    if not any(message.role == "user" for message in messages):
        raise InvalidRequest("`messages` has no turn of the user", param="messages")
    return messages


def record(result: Result) -> JSON:
    """A result as a line of docs/reference/jsonl.md, without its id."""
    return {
        "answer": result.text,
        "tier": result.tier,
        "confidence": result.confidence,
        "decision": result.decision.action,
        "reason": result.decision.reason,
        "sources": msgspec.to_builtins(result.sources),
        "cost": result.cost.value,
        "energy_wh": result.energy.value,
        "carbon_g": result.carbon.value,
        "latency_ms": result.timings.get("total_ms"),
        "trace": result.id,
    }


# --- for a person --------------------------------------------------------------------------------------------------


async def _show(p: Service, messages: list[Message], options: dict[str, Any], *, quiet: bool) -> None:
    """Print the answer as it comes, then its provenance."""
    out = terminal.out()
    async with contextlib.aclosing(p.stream(p.request(messages, **options))) as events:
        async for event in events:
            if isinstance(event, Delta) and event.choice == 0:
                out.print(terminal.styled(event.text), end="", soft_wrap=True)
            elif isinstance(event, Completed):
                out.print()
                if not quiet:
                    provenance(event.result)


def provenance(result: Result) -> None:
    """Where an answer came from and why, on standard output."""
    out = terminal.out()
    out.print()
    decision = result.decision
    made_up = any(step.simulated for step in result.steps if step.tier == result.tier)
    where = f"{result.tier} ({_model(result.model, made_up)})" if result.tier else "nobody: an honest abstention"
    figures = terminal.confidence(decision.confidence, decision.threshold, calibrated=decision.calibrated)
    out.print(terminal.styled(("answered by ", "dim"), (where, "bold"), (" · " + figures, "dim")), soft_wrap=True)
    for n, reason in enumerate([_step(step) for step in result.steps] or [decision.reason]):
        out.print(terminal.styled(("because     " if n == 0 else " " * 12, "dim"), reason), soft_wrap=True)
    for guarded in result.guards:
        if guarded.action != "pass" or guarded.failed:
            out.print(terminal.styled(("guard       ", "dim"), guard_line(guarded)), soft_wrap=True)
    for source in _shown(result.sources):
        mark = "›" if source.cited else " "
        title = terminal.one_line(source.title or source.document, 60)
        out.print(
            terminal.styled(
                (f"{mark} [{source.n}] ", "cyan"), title, (f"  {source.label} · score {source.score:.2f}", "dim")
            ),
            soft_wrap=True,
        )
    figures = " · ".join(
        (
            f"cost {terminal.dollars(result.cost)}",
            f"energy {terminal.watt_hours(result.energy)}",
            f"carbon {terminal.grams(result.carbon)}",
            terminal.milliseconds(result.timings.get("total_ms", 0.0)),
            f"palier traces show {result.id}",
        )
    )
    out.print(terminal.styled((figures, "dim")), soft_wrap=True)


def _shown(sources: Sequence[Source]) -> list[Source]:
    """What the answer stands on; the first found where it cites nothing."""
    return [source for source in sources if source.cited] or list(sources[:FOUND])


def _model(name: str, simulated: bool) -> str:
    return f"{name}, simulated" if simulated else name


def guard_line(guarded: Guarded) -> str:
    """What a guard said, in a line."""
    where = f"{guarded.place} of {guarded.tier}" if guarded.tier else guarded.place
    score = "" if guarded.score is None else f", score {guarded.score:.3f}"
    return f"{guarded.guard} ({where}): {guarded.action}{score}; {guarded.reason or 'passed'}; {guarded.took_ms:.0f} ms"


def _step(step: Step) -> str:
    withheld = f", {step.withheld} withheld" if step.withheld else ""
    return f"{step.tier} ({_model(step.model, step.simulated)}): {step.outcome}{withheld}; {step.reason}"
