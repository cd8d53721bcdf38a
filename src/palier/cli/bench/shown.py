"""A report on the terminal: a line a candidate, what tells them apart, and what to use."""

from __future__ import annotations

from collections.abc import Iterator

from palier.cli import terminal
from palier.evals.figures import Candidate, Report
from palier.evals.reports import wording


def show(report: Report) -> None:
    """On standard output."""
    out = terminal.out()
    suite = report.suite
    cases = ", ".join(f"{count} {split}" for split, count in suite.cases.items())
    out.print(terminal.styled((f"{suite.title or suite.name} {suite.version}", "bold"), f": {cases}"), soft_wrap=True)
    out.print()
    terminal.columns(_header(report), [_row(report, candidate) for candidate in report.candidates])
    for candidate in report.candidates:
        _errors(candidate)
    if report.comparisons:
        out.print()
    for comparison in report.comparisons:
        who, than = wording.named(report, comparison.candidate), wording.named(report, comparison.baseline)
        told = f"{who} against {than}, {comparison.metric}: {wording.verdict(comparison)}"
        out.print(terminal.styled(told), soft_wrap=True)
    for line in (*_judged(report), *_edited(report)):
        out.print(terminal.styled(line), soft_wrap=True)
    out.print()
    first, *rest = wording.headline(report)
    out.print(terminal.styled((first, "bold"), " ", " ".join(rest)), soft_wrap=True)
    for note in (*wording.unknowns(report), *report.notes):
        terminal.err().print(terminal.styled((note, "dim")), soft_wrap=True)


def _header(report: Report) -> tuple[str, ...]:
    extra = ("throughput",) if any(candidate.throughput for candidate in report.candidates) else ()
    return (
        *("candidate", report.quality, "$/1,000", "g CO2e/1,000", "first p50", "p50", "p95"),
        *("answered", "abstained", "failed"),
        *extra,
    )


def _row(report: Report, candidate: Candidate) -> tuple[str, ...]:
    resources, latency = candidate.resources, candidate.latency
    first = wording.quantiles(latency.first if latency else None)
    total = wording.quantiles(latency.total if latency else None)
    counts = (candidate.answered, candidate.abstained, candidate.failed)
    asked = candidate.kind != "published"
    row = (
        wording.name(candidate),
        wording.estimate(wording.quality(report, candidate)),
        wording.quantity(resources.cost, "", times=1000),
        wording.quantity(resources.carbon, "", times=1000),
        first[0],
        total[0],
        total[1],
        *(str(count) if asked else wording.NONE for count in counts),
    )
    if not any(one.throughput for one in report.candidates):
        return row
    found = candidate.throughput
    if found is None:
        return (*row, wording.NONE)
    return (*row, f"{found.per_second:.3g}/s at {found.concurrency}" if found.per_second else "none within the limit")


def _errors(candidate: Candidate) -> None:
    """The commonest of its errors."""
    for error, count in list(candidate.errors.items())[:3]:
        out = terminal.out()
        told = f"  {wording.name(candidate)}: {count} failed by {terminal.one_line(error, 200)}"
        out.print(terminal.styled((told, "red")), soft_wrap=True)


def _judged(report: Report) -> Iterator[str]:
    """What the judge's word is worth, and what each candidate got by it."""
    if (judged := report.judged) is None:
        return
    with_people = (
        f"agrees with people on {wording.estimate(judged.agreement)} of {judged.human_pairs}"
        if judged.agreement
        else "agreement with people not measured (--human)"
    )
    name, invalid = terminal.one_line(judged.judge, 60), f"{judged.invalid} answers outside its scale"
    bias = f"position bias {wording.estimate(judged.position_bias, sign=True)}"
    yield f"judge {name}: graded {judged.cases} cases, {invalid}; {with_people}; {bias}"
    for candidate in report.candidates:
        if (found := candidate.metrics.get("judge", {}).get("all")) is not None:
            yield f"  {wording.name(candidate)}: {wording.estimate(found)}"


def _edited(report: Report) -> Iterator[str]:
    for candidate in report.candidates:
        if candidate.edits is not None:
            told = wording.estimate(candidate.edits)
            yield f"{wording.name(candidate)}: people changed {told} characters of each they kept"
