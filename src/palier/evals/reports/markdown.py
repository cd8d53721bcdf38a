"""The report in short, as Markdown for a pull request. What users, documents or models wrote is escaped.

No mention is made of anyone, nothing is linked, and no HTML is let through, whoever renders it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from palier.evals.figures import Candidate, Report
from palier.evals.reports import wording
from palier.evals.reports.changes import Changes

MOST = 30
"""Rows of a table, and notes."""

_SIGNS = re.compile(r"([\\`*_\[\]#|~>$]|^[+-])")
_CODE = re.compile(r"\\`(\w(?:[\w .-]{0,62}\w)?)\\`")
_LINKED = re.compile(r"(?i)(https?|ftp|www|mailto)(?=[:.])")


def page(report: Report) -> str:
    """Headline, table of candidates, comparisons and notes."""
    suite = report.suite
    lines = [f"## Benchmark: {text(suite.title or suite.name)}", ""]
    first, *rest = wording.headline(report)
    lines += [f"**{text(first)}** {' '.join(map(text, rest))}".strip(), ""]
    lines += _candidates(report)
    if report.comparisons:
        lines += ["", *_compared(report)]
    if unknown := wording.unknowns(report):
        lines += ["", "Not known:", "", *_list(unknown)]
    if report.notes:
        lines += ["", "To be borne in mind:", "", *_list(report.notes)]
    cases = ", ".join(f"{count:,} {split}" for split, count in suite.cases.items())
    lines += ["", f"Suite {text(suite.name)} {text(suite.version)} ({cases}), label {suite.label.value}."]
    return "\n".join(lines) + "\n"


def changed(changes: Changes) -> str:
    """Two reports compared: what became better, what worse, and what cannot be told."""
    lines = [f"## Benchmark: {text(changes.suite)}, before and after", "", f"**{text(changes.headline)}**", ""]
    head = ["candidate", "metric", "before", "after", "difference", "verdict"]
    rows = [
        (
            row.candidate,
            row.metric,
            wording.estimate(row.before),
            wording.estimate(row.after),
            wording.estimate(row.comparison.difference, sign=True) if row.comparison else wording.NONE,
            wording.verdict(row.comparison) if row.comparison else row.why,
        )
        for row in changes.rows
    ]
    lines += _table(head, rows)
    if changes.notes:
        lines += ["", *_list(changes.notes)]
    return "\n".join(lines) + "\n"


def text(words: str, width: int = 300) -> str:
    """`words` as Markdown that shows them and does nothing else."""
    flat = wording.one_line(words, width).replace("&", "&amp;").replace("<", "&lt;")
    escaped = _CODE.sub(r"`\1`", _SIGNS.sub(r"\\\1", flat)).replace("@", "@\u200b")
    return _LINKED.sub("\\1\u200b", escaped)


def _candidates(report: Report) -> list[str]:
    head = ["candidate", report.quality, "$ / 1,000", "CO2e / 1,000", "p95", "answered", "failed", "parameters"]
    return _table(head, [_row(report, candidate) for candidate in report.candidates])


def _row(report: Report, candidate: Candidate) -> Sequence[str]:
    resources, total = candidate.resources, candidate.latency.total if candidate.latency else None
    ran = candidate.kind != "published"
    return (
        wording.name(candidate),
        wording.estimate(wording.quality(report, candidate)),
        wording.quantity(resources.cost, "$", times=1000),
        wording.quantity(resources.carbon, "g", times=1000),
        wording.quantiles(total)[1],
        f"{candidate.answered:,} of {candidate.asked:,}" if ran else wording.NONE,
        f"{candidate.failed:,}" if ran else wording.NONE,
        wording.parameters(candidate.parameters),
    )


def _compared(report: Report) -> list[str]:
    rows = [
        (
            wording.named(report, c.candidate),
            wording.named(report, c.baseline),
            f"{c.metric} ({c.split})",
            wording.estimate(c.difference, sign=True),
            wording.verdict(c),
        )
        for c in report.comparisons
    ]
    return _table(["candidate", "against", "metric", "difference", "verdict"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(map(text, head))} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(map(text, row))} |" for row in rows[:MOST]]
    if len(rows) > MOST:
        lines += ["", f"{len(rows) - MOST} more rows are in the report."]
    return lines


def _list(items: Iterable[str]) -> list[str]:
    lines = [f"- {text(item, 500)}" for item in items]
    return [*lines[:MOST], f"- {len(lines) - MOST} more are in the report"] if len(lines) > MOST else lines
