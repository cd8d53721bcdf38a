"""`palier bench SUITE` and `palier bench clean`: the suite asked of each candidate, and what was kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from palier.cli import terminal
from palier.cli.session import CONFIG, As, Config, Groups, Json
from palier.config import load

SuitePath = Annotated[Path, typer.Argument(help="The suite: its folder, its suite.toml, or a file of cases.")]
Candidates = Annotated[
    str,
    typer.Option(
        "--candidates", metavar="NAME,...", help="Tiers, models, routes, cascade, [candidates] of the suite, NAME=FILE."
    ),
]
Split = Annotated[str, typer.Option("--split", help="dev, holdout or all.")]
Limit = Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Cases at most.", show_default=False)]
Concurrency = Annotated[int, typer.Option("--concurrency", min=1, max=256, help="Cases that are asked at once.")]
Again = Annotated[bool, typer.Option("--again", help="Ask also what was answered before.")]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Ask failures again, whatever they were.")]
ResultsFile = Annotated[
    Path | None, typer.Option("--results", metavar="FILE", help="Outcomes, JSON lines.", show_default=False)
]
ReportFile = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="The report as JSON.", show_default="bench/reports of the data"),
]
Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="The report as a page.", show_default="beside it")
]
Markdown = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="The report in Markdown.", show_default=False)
]
WithoutTexts = Annotated[bool, typer.Option("--without-texts", help="Figures only: no question, answer or passage.")]
Baseline = Annotated[str, typer.Option("--baseline", help="Whom others are compared with.", show_default="last tier")]
Compare = Annotated[
    str, typer.Option("--compare", metavar="METRIC,...", help="Also compare by these metrics, beside quality.")
]
FailIf = Annotated[
    list[str] | None, typer.Option("--fail-if", metavar="CONDITION", help='Exit with 3 where "quality < 0.8".')
]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", min=0, help="US dollars a request, of what is recommended.")
]
MaxLatency = Annotated[str, typer.Option("--max-latency", metavar="2s", help="Of 95 answers in 100.")]
MaxCarbon = Annotated[float | None, typer.Option("--max-carbon", min=0, help="Grams of CO2e a request.")]
Licence = Annotated[str, typer.Option("--licence", metavar="NAME,...", help="Only models under these.")]
OnPremises = Annotated[bool, typer.Option("--on-premises", help="Only what runs on your premises.")]
MinQuality = Annotated[float | None, typer.Option("--min-quality", help="The least quality, by its whole interval.")]
Judge = Annotated[str, typer.Option("--judge", metavar="TIER", help="A tier or model that grades the answers.")]
Human = Annotated[
    Path | None, typer.Option("--human", metavar="FILE", help="Scores of people, JSON lines.", show_default=False)
]
Corrections = Annotated[
    Path | None,
    typer.Option("--corrections", metavar="FILE", help="Answers as people corrected them.", show_default=False),
]
LatencyLimit = Annotated[
    str, typer.Option("--latency-limit", metavar="2s", help="Also find the throughput within it: more requests.")
]
DeclaredOnly = Annotated[
    bool, typer.Option("--declared", help="Measure what the settings say, without the students that are live.")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out lines that are no cases.")]
OlderThan = Annotated[str, typer.Option("--older-than", metavar="90d", help="What no run has used for so long.")]


def run(
    suite: SuitePath,
    candidates: Candidates = "",
    split: Split = "all",
    limit: Limit = None,
    concurrency: Concurrency = 4,
    user: As = "",
    groups: Groups = None,
    again: Again = False,
    retry_failed: Retry = False,
    results: ResultsFile = None,
    report: ReportFile = None,
    html: Html = None,
    markdown: Markdown = None,
    without_texts: WithoutTexts = False,
    baseline: Baseline = "",
    compare: Compare = "",
    fail_if: FailIf = None,
    max_cost: MaxCost = None,
    max_latency: MaxLatency = "",
    max_carbon: MaxCarbon = None,
    licence: Licence = "",
    on_premises: OnPremises = False,
    min_quality: MinQuality = None,
    judge: Judge = "",
    human: Human = None,
    corrections: Corrections = None,
    latency_limit: LatencyLimit = "",
    declared: DeclaredOnly = False,
    skip_bad: SkipBad = False,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Ask every candidate every case, through the production pipeline, and report what each is worth and takes.

    What is answered is kept: killed or stopped, the same command goes on. Exit status 3 where --fail-if holds, 4 where
    nothing could be reached.
    """
    wanted: dict[str, Any] = dict(locals())

    async def main() -> int:
        from palier.cli.bench.planning import Wanted
        from palier.cli.bench.steps import bench

        return await bench(Wanted(**wanted))

    terminal.run(main)


def clean(older_than: OlderThan = "90d", config: Config = CONFIG) -> None:
    """Delete kept results and reports that no run has used for long."""

    def main() -> None:
        from palier.app.bench_erasure import BenchFolder
        from palier.evals.runs import kept

        folder = BenchFolder(load(config).folder)
        files, size = folder.clean(kept.age(older_than))
        terminal.note(f"{files} files of benchmarks are deleted, {size / 1e6:.1f} MB")

    terminal.run(main)
