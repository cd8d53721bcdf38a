"""`palier report`: what went by, who answered, what it took, and what always climbing would have."""

from __future__ import annotations

import csv
import io
import time
from typing import Annotated, get_args

import msgspec
import typer

from palier.cli import terminal
from palier.cli.audit import since_ms
from palier.cli.session import CONFIG, Config, Json, session
from palier.errors import InvalidRequest
from palier.spending import BudgetStanding, By, Line, Report, Saved, Sum, budget_words
from palier.types import Quantity

Since = Annotated[str, typer.Option("--since", metavar="WHEN", help="From then on: 2026-11-20, 12h, 7d, 30d.")]
Until = Annotated[str, typer.Option("--until", metavar="WHEN", help="Up to then.", show_default="now")]
Grouped = Annotated[str, typer.Option("--by", help="route, tier, key or team (the groups of a key).")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values instead.")]

_HEADER = ("requests", "answered", "climbed", "abstained", "failed", "ms", "tokens in", "out", "cost", "Wh", "g CO2e")


def report(
    since: Since = "30d",
    until: Until = "",
    by: Grouped = "route",
    as_csv: AsCsv = False,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """What routes, tiers, keys or teams took, and what was saved against always climbing.

    Counts whole hours. A sum is of what is known; `+3?` behind it: of three requests it is not known.
    """
    if by not in get_args(By):
        raise typer.BadParameter(f"{by} is none of {', '.join(get_args(By))}", param_hint="--by")

    async def main() -> None:
        from palier.accounting import report as made

        begins, ends = since_ms(since) / 1000, since_ms(until, "--until") / 1000 if until else time.time()
        if begins >= ends:
            raise InvalidRequest(f"{since} is not before {until or 'now'}")
        async with session(config) as p:
            went = await p.hours.went_by(begins, ends)
            teams = {key.name: key.groups for key in await p.access.keys.list()} if by == "team" else {}
            found = made(went, msgspec.convert(by, By), p.routes, teams, await p.budgets_now())
        if as_json:
            terminal.json_line(found)
        elif as_csv:
            terminal.out().file.write(_csv(found))
        else:
            _show(found)

    terminal.run(main)


def _show(found: Report) -> None:
    span = " to ".join(time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) for at in (found.since, found.until))
    terminal.note(span)
    if not found.lines:
        terminal.note("nothing was asked")
        return
    rows = [*found.lines, found.total] if len(found.lines) > 1 else found.lines
    terminal.columns((found.by, *_HEADER), [(line.name, *_row(line)) for line in rows])
    for saved in found.saved:
        _show_saved(saved)
    for budget in found.budgets:
        _show_budget(budget)
    if found.budgets:
        terminal.note("budgets count audits too, and of a request with `?` the part that is known: they may tell more")


def _row(line: Line) -> tuple[str, ...]:
    climbed = "-" if line.climbed is None else f"{line.climbed.value:.1%}"
    return (
        f"{line.requests:,}",
        f"{line.answered:,}",
        climbed,
        f"{line.abstained:,}",
        f"{line.failed:,}",
        f"{line.latency_ms:,.0f}",
        _counted(f"{line.prompt:,}", line.uncounted),
        f"{line.completion:,}",
        _known(line.cost, line.requests, "${:.4g}"),
        _known(line.energy, line.requests, "{:.3g}"),
        _known(line.carbon, line.requests, "{:.3g}"),
    )


def _known(total: Sum, requests: int, form: str) -> str:
    if requests and total.unknown == requests:
        return "unknown"
    words = form.format(total.value)
    if not total.low == total.value == total.high:
        words += f" [{form.format(total.low)}, {form.format(total.high)}]"
    return _counted(words, total.unknown)


def _counted(words: str, unknown: int) -> str:
    return f"{words} +{unknown:,}?" if unknown else words


def _show_saved(saved: Saved) -> None:
    out = terminal.out()
    out.print()
    title = f"{saved.route}, saved against always climbing to {saved.last} (estimated):"
    out.print(terminal.styled((title, "bold")), soft_wrap=True)
    for name, quantity, form in (
        ("cost", saved.cost, "${:.4g}"),
        ("energy", saved.energy, "{:.3g} Wh"),
        ("carbon", saved.carbon, "{:.3g} g CO2e"),
    ):
        out.print(terminal.styled((f"  {name:<7} ", "bold"), _range(quantity, form)), soft_wrap=True)


def _show_budget(budget: BudgetStanding) -> None:
    out = terminal.out()
    out.print()
    out.print(terminal.styled((f"{budget.route}, budget: ", "bold"), budget_words(budget)), soft_wrap=True)


def _range(quantity: Quantity, form: str) -> str:
    if quantity.low is None or quantity.high is None:
        return f"unknown: {quantity.method}"
    low, high = form.format(quantity.low), form.format(quantity.high)
    if quantity.value is None:
        return f"between {low} and {high}: {quantity.method}"
    return f"{form.format(quantity.value)} [{low}, {high}]: {quantity.method}"


def _csv(found: Report) -> str:
    """A line each, figures in full; a spreadsheet takes no name for a formula.

    A sum of which nothing is known is empty: whoever adds up the column is not told that it was 0.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    sums = [f"{name}{end}" for name in ("cost", "energy", "carbon") for end in ("", "_low", "_high", "_unknown")]
    plain = ("requests", "answered", "abstained", "failed", "latency_ms", "prompt", "completion", "uncounted")
    writer.writerow([found.by, *plain, "climbed", *sums])
    for line in found.lines:
        figures = [getattr(line, name) for name in plain]
        parts = [v for s in (line.cost, line.energy, line.carbon) for v in _sum_cells(s, line.requests)]
        climbed = "" if line.climbed is None else line.climbed.value
        writer.writerow([_harmless(line.name), *figures, climbed, *parts])
    return text.getvalue()


def _sum_cells(total: Sum, requests: int) -> tuple[float | str, float | str, float | str, int]:
    if total.unknown >= requests:
        return "", "", "", total.unknown
    return total.value, total.low, total.high, total.unknown


def _harmless(name: str) -> str:
    return f"'{name}" if name[:1] in "=+-@\t\r" else name
