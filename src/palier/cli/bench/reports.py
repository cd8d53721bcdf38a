"""`palier bench report` and `palier bench compare`: a report as a page or Markdown, and what changed between two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from palier.cli import terminal
from palier.cli.session import Json
from palier.errors import ConfigurationError

if TYPE_CHECKING:
    from palier.evals.figures import Report
    from palier.evals.reports.changes import Changes

GATE = 3

ReportFile = Annotated[Path, typer.Argument(metavar="REPORT.json", help="A report of `palier bench`.")]
Before = Annotated[Path, typer.Argument(metavar="BEFORE", help="A report, or results with --suite.")]
After = Annotated[Path, typer.Argument(metavar="AFTER", help="The same, of the change.")]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the page.", show_default=False)]
Markdown = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="Write Markdown.", show_default=False)
]
WithoutTexts = Annotated[bool, typer.Option("--without-texts", help="Leave out all texts: figures alone.")]
Copy = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write the report again, as JSON.", show_default=False)
]
FailIf = Annotated[
    list[str] | None, typer.Option("--fail-if", metavar="CONDITION", help='Exit with 3 where "quality < 0.8".')
]
Worse = Annotated[
    list[str] | None,
    typer.Option("--fail-if", metavar="CONDITION", help='Exit with 3 where "worse", or "cascade.cost > 0.001" after.'),
]
Anyway = Annotated[bool, typer.Option("--anyway", help="Compare though the suites differ: the cases of both.")]
As = Annotated[
    list[str] | None, typer.Option("--as", metavar="NEW=OLD", help="A candidate whose name was another before.")
]
SuitePath = Annotated[
    Path | None,
    typer.Option("--suite", metavar="SUITE", help="Of which both files are results.", show_default=False),
]


Compare = Annotated[
    str, typer.Option("--compare", metavar="METRIC,...", help="Also by these, beside quality; `cost` is one.")
]


def report(
    file: ReportFile,
    html: Html = None,
    markdown: Markdown = None,
    copy: Copy = None,
    without_texts: WithoutTexts = False,
    fail_if: FailIf = None,
    as_json: Json = False,
) -> None:
    """Show a report, draw its page or Markdown, or hold it against conditions.

    Exit status 3 where a --fail-if holds, or its figure is unknown.
    """

    def main() -> int:
        from palier.cli.bench import shown
        from palier.evals.reports import conditions
        from palier.evals.reports import report as reports

        found = reports.load(file)
        reasons = conditions.failing(found, fail_if or ())
        found = reports.without_texts(found) if without_texts else found
        _write(found, html=html, markdown=markdown, copy=copy)
        if as_json:
            terminal.json_line(found)
        elif not (html or markdown or copy) or fail_if:
            shown.show(found)
        return _gate(reasons)

    terminal.run(main)


def compare(
    before: Before,
    after: After,
    suite: SuitePath = None,
    renamed: As = None,
    compared: Compare = "",
    anyway: Anyway = False,
    markdown: Markdown = None,
    fail_if: Worse = None,
    as_json: Json = False,
) -> None:
    """Say of each candidate whether it became better, worse, or whether that cannot be told: by quality, and by the
    metrics that --compare names.

    Of two reports of one suite, or of two files of results with --suite. Exit status 2 where they are of different
    suites, 3 where a --fail-if holds: of the later report, or, as "worse", of what changed.
    """

    def main() -> int:
        from palier.evals.reports import markdown as drawing
        from palier.evals.reports.changes import changes
        from palier.evals.reports.report import save

        old, new = _read(before, suite), _read(after, suite)
        names = [name.strip() for name in compared.split(",") if name.strip()]
        found = changes(old, new, renamed=_renamed(renamed or ()), compared=names, anyway=anyway)
        reasons = _failing(new, found, fail_if or ())
        if markdown is not None:
            save(drawing.changed(found).encode(), markdown)
        if as_json:
            terminal.json_line(found)
        else:
            _show(found)
        return _gate(reasons)

    terminal.run(main)


def _write(found: Report, *, html: Path | None, markdown: Path | None, copy: Path | None) -> None:
    from palier.evals.reports import html as pages
    from palier.evals.reports import markdown as drawing
    from palier.evals.reports import report as reports

    if html is not None:
        reports.save(pages.page(found).encode(), html)
    if markdown is not None:
        reports.save(drawing.page(found).encode(), markdown)
    if copy is not None:
        reports.write(found, copy)
    for path in (html, markdown, copy):
        if path is not None and found.texts and path is not markdown:
            terminal.note(f"{path} is {found.suite.label.value}: it holds texts of cases and answers")


def _read(path: Path, suite: Path | None) -> Report:
    """A report; with `suite`, results of it, measured now."""
    from palier.evals.reports import report as reports

    if suite is None:
        return reports.load(path)
    from palier.evals.elsewhere.importing import read_run
    from palier.evals.scoring import metrics_of
    from palier.evals.suites.suite import load

    loaded = load(suite)
    run, notes = read_run(path, loaded)
    for note in notes:
        terminal.note(note)
    return reports.assemble(run, metrics_of(loaded))


def _renamed(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in given:
        new, equals, old = pair.partition("=")
        if not (equals and new and old):
            raise ConfigurationError(f"`--as {pair}` is not NEW=OLD", hint="such as --as cascade-v2=cascade")
        found[new] = old
    return found


def _failing(after: Report, found: Changes, conditions: list[str] | tuple[str, ...]) -> list[str]:
    """Why it fails: by the figures of the later report, and by what changed."""
    import msgspec

    from palier.evals.reports import conditions as gates

    changed = msgspec.structs.replace(after, comparisons=found.comparisons)
    return gates.failing(changed, conditions)


def _show(found: Changes) -> None:
    from palier.evals.reports import wording

    out = terminal.out()
    rows = [
        (
            row.candidate,
            row.metric,
            wording.estimate(row.before),
            wording.estimate(row.after),
            wording.estimate(row.comparison.difference, sign=True) if row.comparison else "",
            wording.verdict(row.comparison) if row.comparison else row.why,
        )
        for row in found.rows
    ]
    terminal.columns(("candidate", "metric", "before", "after", "difference", "verdict"), rows)
    out.print()
    out.print(terminal.styled((found.headline, "bold")), soft_wrap=True)
    for note in found.notes:
        terminal.note(note)


def _gate(reasons: list[str]) -> int:
    for reason in reasons:
        terminal.err().print(terminal.styled(("failed: ", "bold red"), reason), soft_wrap=True)
    return GATE if reasons else 0
