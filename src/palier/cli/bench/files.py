"""The files that `palier bench` writes: the report, what is drawn from it, and outcomes as lines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from palier.cases import Case, Outcome
from palier.evals.figures import Report, Run

if TYPE_CHECKING:
    from palier.app.bench_erasure import BenchFolder
    from palier.cli.bench.planning import Wanted
    from palier.interfaces.measuring import Metric


def write_all(wanted: Wanted, folder: BenchFolder, run: Run, metrics: Sequence[Metric], report: Report) -> list[Path]:
    """The report and what is drawn from it, for its owner alone; where they are."""
    from palier.evals.reports import html, markdown
    from palier.evals.reports.report import save, write

    where = wanted.report
    if where is None:
        when = time.strftime("%Y-%m-%d-%H%M%S", time.localtime(run.created))
        where = folder.report(f"{_safe(run.suite.name)}-{when}.json")
    page = wanted.html or where.with_suffix(".html")
    write(report, where)
    save(html.page(report).encode(), page)
    written = [where, page]
    if wanted.markdown is not None:
        save(markdown.page(report).encode(), wanted.markdown)
        written.append(wanted.markdown)
    if wanted.results is not None:
        save(b"".join(_result_lines(run, metrics)), wanted.results)
        written.append(wanted.results)
    return written


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name).lstrip(".")[:80] or "suite"


def _result_lines(run: Run, metrics: Sequence[Metric]) -> list[bytes]:
    """`palier bench` results of docs/reference/jsonl.md, candidate by candidate."""
    cases = {case.id: case for case in run.cases}
    return [
        msgspec.json.encode(_line(cases[case], outcome, metrics)) + b"\n"
        for found in run.outcomes.values()
        for case, outcome in found.items()
    ]


def _line(case: Case, outcome: Outcome, metrics: Sequence[Metric]) -> dict[str, object]:
    import numpy as np

    figures = dict(outcome.metrics)
    for metric in metrics:
        if (sums := metric.statistics(case, outcome)) is not None:
            value = float(metric.combine(np.asarray(sums, dtype=np.float64)))
            if np.isfinite(value):
                figures[metric.name] = value
    return {
        "id": case.id,
        "candidate": outcome.candidate,
        "output": outcome.output,
        "status": outcome.status,
        "label": outcome.label,
        **({"error": outcome.error} if outcome.error else {}),
        "metrics": figures,
        "cost": outcome.cost.value,
        "latency_ms": outcome.latency_ms,
        "energy_wh": outcome.energy.value,
        "carbon_g": outcome.carbon.value,
    }
