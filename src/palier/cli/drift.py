"""`palier drift`: is what goes by still what it was?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from palier.cli import jsonl, terminal
from palier.cli.audit import since_ms
from palier.cli.session import CONFIG, Config, Json, session
from palier.drift.report import DriftReport, Finding, Window, check_comparable
from palier.drift.signals import Observed, of_line
from palier.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from palier.interfaces import Vectors

DRIFTS = 3
"""Also where it cannot be told: a gate that saw nothing has not passed."""
MAX_LINES = 100_000
BATCH = 64

Route = Annotated[str, typer.Argument(metavar="[ROUTE]", help="The route.", show_default="the only one")]
Since = Annotated[str, typer.Option("--since", metavar="WHEN", help="Now: from then on: 2026-11-20, 12h, 7d.")]
Until = Annotated[str, typer.Option("--until", metavar="WHEN", help="Up to then.", show_default="now")]
Against = Annotated[
    str,
    typer.Option(
        "--against", metavar="WHEN..WHEN", help="The reference.", show_default="three times as long, just before"
    ),
]
Level = Annotated[float, typer.Option("--level", help="Probability of saying anything where nothing drifts.")]
ReferenceFile = Annotated[
    Path | None,
    typer.Option(
        "--reference", help="Lines of JSON of before; those of now come on standard input.", show_default=False
    ),
]
Now = Annotated[Path, typer.Option("--now", help="With --reference: a file in the place of standard input.")]
Renew = Annotated[bool, typer.Option("--renew", help="Let the gateway's watch begin anew: now is the reference.")]


def drift(
    route: Route = "",
    since: Since = "7d",
    until: Until = "",
    against: Against = "",
    level: Level = 0.05,
    reference: ReferenceFile = None,
    now: Now = Path("-"),
    renew: Renew = False,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Compare what goes by with a reference: questions, retrieval, confidence, climbing, refusals, lengths, quality.

    Exit status 3 where something drifts, and where nothing could be judged.
    """

    async def main() -> int:
        if reference is not None:
            report = await _of_lines(reference, now, level)
        else:
            windows = _windows(since, until, against)
            check_comparable(*windows, level)
            async with session(config) as p:
                name = _route(route, list(p.routes))
                if renew:
                    terminal.note(f"{name}: {await p.drift.renew(name)}")
                    return 0
                report = await p.drift.compare(name, *windows, level)
        if as_json:
            terminal.json_line(report)
        else:
            _show(report)
        return DRIFTS if report.drifting or not report.judged else 0

    terminal.run(main)


def _route(name: str, routes: Sequence[str]) -> str:
    if name or len(routes) != 1:
        if name not in routes:
            what = f"there is no route `{name}`" if name else "say which route"
            raise NotFound(what, hint=f"routes: {', '.join(routes) or 'none'}")
        return name
    return routes[0]


def _windows(since: str, until: str, against: str) -> tuple[Window, Window]:
    begins, ends = since_ms(since) / 1000, since_ms(until, "--until") / 1000 if until else time.time()
    if not against:
        return Window(since=begins, until=ends), Window(since=begins - 3 * (ends - begins), until=begins)
    first, dots, last = against.partition("..")
    if not dots:
        raise InvalidRequest(f"--against {against} is no window", hint="--against 30d..7d")
    # Two moments in the same words are the same, however long it took to read them.
    until_then = begins if last in ("", since) else since_ms(last, "--against") / 1000
    return Window(since=begins, until=ends), Window(since=since_ms(first, "--against") / 1000, until=until_then)


# --- lines -----------------------------------------------------------------------------------------------------------


async def _of_lines(reference: Path, now: Path, level: float) -> DriftReport:
    from palier.drift.comparing import compare
    from palier.retrieval import sentence_model

    windows = Window(since=0.0, until=1.0), Window(since=1.0, until=2.0)
    check_comparable(windows[1], windows[0], level)
    sides = [await _read(file) for file in (reference, now)]
    sizes = {len(one.vector) for side in sides for one in side if one.vector}
    texts = any(one.question.strip() and not one.vector for side in sides for one in side)
    if len(sizes) > 1 or (sizes and texts):
        raise InvalidRequest("vectors of several encoders cannot be compared", hint="`text` in all lines, or `vector`")
    dimension = next(iter(sizes), sentence_model.DIMENSION)
    made = [_vectors(side, dimension) for side in sides]
    return compare((windows[0], sides[0], made[0]), (windows[1], sides[1], made[1]), level=level)


async def _read(file: Path) -> list[Observed]:
    found = []
    async for number, item in jsonl.objects(file):
        if number > MAX_LINES:
            raise InvalidRequest(f"{file} has more than {MAX_LINES} lines", hint="a sample of some thousand is enough")
        try:
            found.append(of_line(item))
        except InvalidRequest as error:
            raise InvalidRequest(f"line {number} of {file}: {error.message}", param=error.param) from None
    return found


def _vectors(side: Sequence[Observed], dimension: int) -> Vectors | None:
    """Those that were given, at length one, or those of the texts; a row of NaN where there is neither."""
    import numpy as np

    from palier.retrieval import sentence_model

    found = np.full((len(side), dimension), np.nan, np.float32)
    texts = []
    for n, one in enumerate(side):
        if one.vector:
            found[n] = np.array(one.vector) / max(float(np.linalg.norm(one.vector)), 1e-12)
        elif one.question.strip():
            texts.append(n)
    for start in range(0, len(texts), BATCH):
        some = texts[start : start + BATCH]
        found[some] = sentence_model.embed([side[n].question for n in some])
    return None if np.isnan(found).all() else found


# --- for a person ----------------------------------------------------------------------------------------------------


def _show(report: DriftReport) -> None:
    spans = [
        f"{window.n} requests" + (f" from {_day(window.since)} to {_day(window.until)}" if report.route else "")
        for window in (report.now, report.reference)
    ]
    if not report.judged:
        words = "nothing could be judged: too few requests, or too little is known of them"
        terminal.out().print(terminal.styled((words, "yellow")), soft_wrap=True)
    terminal.note(f"{spans[0]}, against {spans[1]}")
    terminal.columns(
        ("signal", "before", "now", "differs by", "95 %", "p, corrected", ""),
        [_row(found) for found in report.findings],
    )
    for one in report.sources:
        words = ", ".join(f"{getattr(one, fault)} {fault}" for fault in one.shares)
        terminal.note(f"collection {one.collection}: {one.documents} documents, {words}")
    if not report.judged:
        return
    drifting = ", ".join(report.drifting)
    style, words = ("yellow", f"drifts: {drifting}") if drifting else ("green", "no drift found")
    terminal.out().print(terminal.styled((words, style)), soft_wrap=True)


def _row(found: Finding) -> tuple[str, ...]:
    if found.effect is None or found.low is None or found.high is None or found.adjusted is None:
        return (found.signal, "", "", "", "", "", f"not told: {found.untold}")
    share = found.kind == "share"
    sides = [
        "" if value is None else f"{value:.1%}" if share else f"{value:.3g}" for value in (found.before, found.now)
    ]
    around = f"[{found.low:+.3f}, {found.high:+.3f}]" if share else f"[{found.low:.3f}, {found.high:.3f}]"
    effect = f"{found.effect:+.3f}" if share else f"{found.effect:.3f}"
    return (found.signal, *sides, effect, around, f"{found.adjusted:.2g}", "drifts" if found.drifts else "")


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
