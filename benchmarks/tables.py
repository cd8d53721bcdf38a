"""`palier bench` on the sample company and on public data: every tier and the staircase, with all columns.

    python -m benchmarks.tables --data FOLDER [--only banking77,piaf_fr] [--cases 200] [--page]

Each table is made by the command itself, in a folder of its own (`benchmarks.table_sets` says of what). Kept are figures
alone, in results/tables/NAME.json, with the machine, commit, date and command; `docs/benchmarks.md` is written from them
(`--page`: only that). Nothing of the data sets is kept.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import results
from benchmarks.results import ROOT, data_folder
from benchmarks.table_sets import SETS, Table
from palier.evals.figures import Candidate, Report
from palier.evals.reports import markdown, wording

FOLDER = results.FOLDER / "tables"
PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """\
# Benchmarks on public data

Made by `python -m benchmarks.tables` with `palier bench` itself: every tier and the staircase, through the production
pipeline, on one machine of two cores. What is *simulated* was made up for the study, to say what a staircase would do below
a tier that is so good; it says nothing of any model. Costs and carbon of this machine's tiers are estimated from a declared
20 W and $0.05 an hour in France ([how](concepts/carbon.md)); [what the figures say](concepts/benchmark.md).
"""


def measure(name: str, data: Path, cases: int) -> None:
    """Build the installation, run the benchmark, keep its figures."""
    with tempfile.TemporaryDirectory(prefix="palier-tables-") as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        table = SETS[name](data, folder, cases)
        report = _bench(table, folder)
    kept = {
        "benchmark": f"tables, {name}",
        "date": time.strftime("%Y-%m-%d"),
        "commit": results.commit(),
        "command": f"python -m benchmarks.tables --only {name} --cases {cases}",
        "machine": results.machine(),
        "what": table.what,
        "report": _figures(report),
    }
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _bench(table: Table, folder: Path) -> Report:
    written = folder / "report.json"
    command = ["bench", str(table.suite), "--config", str(table.config), "--candidates", table.candidates]
    command += ["--report", str(written), "--without-texts", "--concurrency", "2", *table.options]
    done = subprocess.run([sys.executable, "-m", "palier", *command], check=False)
    if done.returncode:
        sys.exit(f"palier bench {table.suite.name}: status {done.returncode}")
    return msgspec.json.decode(written.read_bytes(), type=Report)


def _figures(report: Report) -> dict[str, Any]:
    """What is said of all cases together: nothing of any one, and no folder of this machine."""
    figures = msgspec.to_builtins(msgspec.structs.replace(report, cases=(), outcomes=(), measured=(), command=""))
    return {name: value for name, value in figures.items() if value not in (None, "", [], {})}


def write_page() -> None:
    """docs/benchmarks.md, of all that is kept."""
    parts = [HEAD]
    for name in SETS:
        path = FOLDER / f"{name}.json"
        if path.exists():
            parts.append(_section(json.loads(path.read_text(encoding="utf-8"))))
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def _section(kept: dict[str, Any]) -> str:
    report = msgspec.convert(kept["report"], Report)
    page = markdown.page(report).replace("## Benchmark: ", "## ", 1).rstrip()
    page += f"\n\n<details><summary>Every figure</summary>\n\n{_all_figures(report)}\n\n</details>"
    return f"{page}\n\n{kept['what']} `{kept['command']}`, {kept['date']}, commit {kept['commit']}.\n"


def _all_figures(report: Report) -> str:
    """Every figure of what was asked here, a row each: too many columns would fit no page."""
    asked = [candidate for candidate in report.candidates if candidate.kind != "published"]
    rows: dict[str, list[str]] = {}
    for candidate in asked:
        for label, words in _figures_of(candidate):
            rows.setdefault(label, []).append(words)
    head = ["", *map(wording.name, asked)]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {label} | {' | '.join(words)} |" for label, words in rows.items())])


def _figures_of(candidate: Candidate) -> Iterator[tuple[str, str]]:
    for metric, splits in candidate.metrics.items():
        for split in ("all", "dev", "holdout"):
            yield f"{metric}, {split}", wording.estimate(splits.get(split))
    yield "gap: dev less holdout", wording.estimate(candidate.gap, sign=True)
    yield "stability", wording.estimate(candidate.stability)
    took = candidate.resources
    for label, figure, unit in (("cost", took.cost, "$"), ("energy", took.energy, "Wh"), ("carbon", took.carbon, "g")):
        yield f"{label} of 1,000", wording.quantity(figure, unit, times=1000)
    latency = candidate.latency
    for label, found in (("first words", "first"), ("each token", "per_token"), ("whole answer", "total")):
        quantiles = wording.quantiles(getattr(latency, found) if latency else None)
        yield f"{label}: p50, p95, p99", ", ".join(quantiles)
    counts = (candidate.answered, candidate.abstained, candidate.failed)
    yield "answered, abstained, failed", ", ".join(map(str, counts))
    shares = ", ".join(f"{tier} {share:.0%}" for tier, share in candidate.shares.items())
    yield "answers by tier", shares or wording.NONE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder of public data")
    parser.add_argument("--only", default="", help="names of tables, with commas")
    parser.add_argument("--cases", type=int, default=200, help="of each table at most")
    parser.add_argument("--page", action="store_true", help="only write the page from what is kept")
    arguments = parser.parse_args()
    names = [name for name in arguments.only.split(",") if name] or list(SETS)
    if unknown := [name for name in names if name not in SETS]:
        sys.exit(f"there is no table {unknown[0]}: {', '.join(SETS)}")
    if not arguments.page:
        data = data_folder(arguments.data)
        for name in names:
            print(f"--- {name}", file=sys.stderr)
            measure(name, data, arguments.cases)
    write_page()


if __name__ == "__main__":
    main()
