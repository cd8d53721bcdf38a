"""What `palier bench SUITE` does, step by step: plan, ask, judge, report."""

from __future__ import annotations

import asyncio
import os
import platform
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from palier.cli import terminal
from palier.cli.bench import planning, shown
from palier.cli.bench.files import write_all
from palier.cli.bench.planning import Plan, Wanted
from palier.cli.bench.progress import Bar
from palier.cli.session import principal
from palier.errors import Unavailable
from palier.evals.figures import Judged, Report, Run, Throughput
from palier.evals.runs import kept, running
from palier.evals.runs.running import Entrant, Options

if TYPE_CHECKING:
    from palier.app.bench import Bench
    from palier.evals.judging.people import Scores
    from palier.interfaces.measuring import Metric

GATE = 3


async def bench(wanted: Wanted) -> int:
    """The exit status."""
    from palier.app.bench import open_bench

    plan = await planning.plan(wanted)
    _say(plan.notes)
    further = {} if plan.judge is None else {_judge_route(): plan.judge}
    async with open_bench(
        plan.settings, plan.planned, principal=principal(wanted.user, wanted.groups), further=further, live=plan.live
    ) as opened:
        opened.folder.clean(kept.UNUSED_DAYS * kept.DAY_S)
        run = await _ask(wanted, plan, opened)
        if running.unreachable(run):
            _raise_unreachable(run)
        run, metrics, judged = await _judge(wanted, plan, opened, run)
        run = opened.without_forgotten(run)
        report = _assembled(wanted, plan, run, metrics, judged)
        written = write_all(wanted, opened.folder, run, metrics, report)
    if wanted.as_json:
        terminal.json_line(report)
    else:
        shown.show(report)
    _say(f"written: {path}" for path in written)
    return _gate(wanted, report)


def _say(words: Iterable[str]) -> None:
    """On standard error, each on a line of its own however long it is: it may hold a path."""
    for word in words:
        terminal.err().print(terminal.styled((word, "dim")), soft_wrap=True)


# --- asking ----------------------------------------------------------------------------------------------------------


async def _ask(wanted: Wanted, plan: Plan, opened: Bench) -> Run:
    from palier.metrics.meters import open_meters

    options = Options(
        concurrency=wanted.concurrency,
        retry=wanted.retry_failed,
        again=wanted.again,
        timeout_s=plan.settings.server.request_timeout_s,
    )
    entrants = [replace(entrant, given=plan.given.get(entrant.described.name)) for entrant in await opened.entrants()]
    meters = open_meters()
    try:
        with Bar(len(entrants)) as bar:
            run = await opened.run(
                plan.suite,
                plan.cases,
                entrants,
                options,
                progress=bar,
                meters=meters,
                machine=machine(),
                command=shlex.join(["palier", *sys.argv[1:]]),
                created=time.time(),
                notes=plan.notes,
                versions=plan.versions,
            )
    except asyncio.CancelledError:
        terminal.note("stopped: what was answered is kept, and the same command goes on from there")
        raise
    finally:
        meters.close()
    run = msgspec.structs.replace(run, notes=(*run.notes, *_silent(run), *_absent(run, opened.corpus.labels)))
    if plan.latency_ms is None:
        return run
    return msgspec.structs.replace(run, throughputs=await _throughputs(plan, opened, run, entrants, options))


def _silent(run: Run) -> list[str]:
    """Why a candidate answered nothing, in its commonest words: that is seldom meant."""
    notes = []
    for name, found in run.outcomes.items():
        why = Counter(outcome.decision for outcome in found.values() if outcome.status == "abstained")
        if why and sum(why.values()) == len(found):
            reason, count = why.most_common(1)[0]
            notes.append(f"`{name}` answered nothing; in {count} of {len(found)} cases because: {reason}")
    return notes


def _absent(run: Run, documents: Iterable[str]) -> list[str]:
    """Which documents `relevant` names that whoever asks does not find, of `COLLECTION/ID`s: figures suffer from it."""
    known = {part for name in documents for part in (name, name.partition("/")[2])}
    named = dict.fromkeys(name for case in run.cases for name in case.relevant)
    absent = [name for name in named if name not in known]
    if not absent or not known:
        return []
    return [
        f"{len(absent)} of the {len(named)} documents that `relevant` names are not in the collections, such as"
        f" {', '.join(absent[:3])}: figures of retrieval and citations are too low; ingest them under these ids"
        " (palier ingest --root), or correct the cases"
    ]


async def _throughputs(
    plan: Plan, opened: Bench, run: Run, entrants: Sequence[Entrant], options: Options
) -> dict[str, Throughput]:
    """Of each candidate that is asked here, one after the other, over the cases that it did not fail on."""
    assert plan.latency_ms is not None
    found = {}
    for entrant in entrants:
        if entrant.planned.route is None:
            continue
        name = entrant.described.name
        cases = [case for case in run.cases if run.outcomes[name][case.id].status != "failed"]
        if not cases:
            continue
        terminal.note(f"throughput of {name} within {terminal.milliseconds(plan.latency_ms)}")
        found[name] = await opened.throughput(
            plan.suite, cases, entrant, plan.latency_ms, timeout_s=options.timeout_s, told=_told
        )
    return found


def _told(clients: int, rate: float, latency: float) -> None:
    slow = terminal.milliseconds(latency) if latency < float("inf") else "too many failed"
    terminal.note(f"  {clients} at once: {rate:.3g} a second, p95 {slow}")


def _raise_unreachable(run: Run) -> None:
    errors = [outcome.error for found in run.outcomes.values() for outcome in found.values()]
    first = next((error for error in errors if not error.startswith(running.NOT_ASKED)), errors[0])
    raise Unavailable(
        f"nothing could be reached: {first}", hint="palier doctor says what is wrong; the same command tries again"
    )


def machine() -> dict[str, str | int | None]:
    """Processor, cores, memory, system and Python; no name of it."""
    model = platform.processor()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


# --- judging ---------------------------------------------------------------------------------------------------------


def _judge_route() -> str:
    from palier.evals.judging.judge import ROUTE

    return ROUTE


async def _judge(wanted: Wanted, plan: Plan, opened: Bench, run: Run) -> tuple[Run, tuple[Metric, ...], Judged | None]:
    """The run with grades, the metrics with that of the judge, and what its word is worth."""
    scores = _scores(wanted, plan, run)
    if plan.judge is None:
        if scores is not None:
            terminal.note("--human says how far a judge agrees with people: without --judge there is none")
        return run, plan.metrics, None
    from palier.evals.judging.judge import ROUTE, judge, judge_of
    from palier.evals.judging.judged import JudgeMetric, judged, told

    keys = await opened.keys()
    grader = judge_of(wanted.judge, plan.judge, opened.palier.cards(ROUTE)[0], keys[ROUTE])
    with Bar(1) as bar:
        verdicts = await judge(
            grader,
            plan.suite,
            run.cases,
            run.outcomes,
            opened,
            opened.results,
            labels=opened.corpus.labels,
            concurrency=wanted.concurrency,
            timeout_s=plan.settings.server.request_timeout_s,
            progress=bar.counts(f"judge {wanted.judge}"),
        )
    figures = judged(
        verdicts, run.cases, run.outcomes, candidates=run.candidates, settings=plan.settings, people=scores
    )
    for line in told(figures):
        terminal.note(line)
    graded = msgspec.structs.replace(run, outcomes=verdicts.scored(run.outcomes))
    metrics = {metric.name: metric for metric in plan.metrics}
    metrics[JudgeMetric.name] = JudgeMetric(verdicts.scores())  # in its place: quality is first
    return graded, tuple(metrics.values()), figures


def _scores(wanted: Wanted, plan: Plan, run: Run) -> Scores | None:
    if wanted.human is None:
        return None
    from palier.evals.judging.people import read_scores

    ids = [case.id for case in plan.suite.cases]
    return read_scores(wanted.human, ids, run.outcomes, known=list(plan.suite.candidates))


# --- after -----------------------------------------------------------------------------------------------------------


def _assembled(wanted: Wanted, plan: Plan, run: Run, metrics: tuple[Metric, ...], judged: Judged | None) -> Report:
    from palier.evals.reports.report import assemble
    from palier.metrics import zones

    report = assemble(
        run,
        metrics,
        baseline=wanted.baseline or None,
        constraints=plan.constraints,
        judged=judged,
        texts=not wanted.without_texts,
        compared=wanted.names(wanted.compare),
        zone=zones.of_site(plan.settings),
    )
    return report if wanted.corrections is None else _corrected(wanted.corrections, plan, run, report)


def _corrected(path: Path, plan: Plan, run: Run, report: Report) -> Report:
    """With what people had to change."""
    from palier.evals.judging.corrections import edits, read_corrections

    ids = [case.id for case in plan.suite.cases]
    read = read_corrections(path, ids, run.outcomes, known=list(plan.suite.candidates))
    _say((*read.notes, *read.refused))
    efforts = edits(read, run.cases, run.outcomes)
    return msgspec.structs.replace(
        report,
        candidates=tuple(
            msgspec.structs.replace(one, edits=efforts[one.name].effort, untouched=efforts[one.name].untouched)
            if one.name in efforts
            else one
            for one in report.candidates
        ),
        notes=(*report.notes, *read.notes, *read.refused),
    )


def _gate(wanted: Wanted, report: Report) -> int:
    from palier.evals.reports import conditions

    reasons = conditions.failing(report, wanted.fail_if or ())
    for reason in reasons:
        terminal.err().print(terminal.styled(("failed: ", "bold red"), reason), soft_wrap=True)
    return GATE if reasons else 0
