"""The command line: parse, call `palier.app` or the running gateway, print.

Data goes to standard output, progress and logs to standard error. Exit statuses: 0 done; 1 some lines failed; 2 wrong
usage or configuration, or a file that cannot be read or written; 3 not certifiable, or a gate that did not pass or
could not judge; 4 an upstream or engine out of reach; 5 a budget that is spent.
"""

from __future__ import annotations

from typing import Annotated

import typer

from palier import __version__
from palier.cli import (
    ask,
    audit,
    backup,
    bench,
    calibrate,
    distill,
    drift,
    feedback,
    forget,
    groups,
    guard,
    ingest,
    keys,
    label,
    learn,
    lessons,
    models,
    redact,
    report,
    sample,
    search,
    serve,
    setup,
    status,
    students,
    synthesise,
    traces,
    vault,
    versions,
)

app = typer.Typer(
    name="palier",
    help="Small models next to your documents answer what they can; a large one is asked only when it must be.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _palier(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command()(setup.init)
app.command()(serve.serve)
app.command()(ask.ask)
app.command()(ingest.ingest)
app.command()(search.search)
app.command()(search.collections)
app.command()(groups.access)
app.add_typer(groups.app, name="groups")
app.add_typer(keys.app, name="keys")
app.command()(redact.redact)
app.command()(redact.restore)
app.add_typer(traces.app, name="traces")
app.command()(feedback.feedback)
app.add_typer(audit.app, name="audit")
app.add_typer(vault.app, name="vault")
app.command()(sample.sample)
app.command()(label.label)
lessons.app.command()(synthesise.synthesise)
app.add_typer(lessons.app, name="lessons")
app.command()(forget.forget)
app.add_typer(models.app, name="models")
app.command()(calibrate.calibrate)
app.command()(calibrate.replay)
app.command()(distill.distill)
app.command()(distill.predict)
app.command()(learn.learn)
app.command()(versions.versions)
app.command()(students.promote)
app.command()(students.rollback)
app.add_typer(guard.app, name="guard")
app.add_typer(bench.app, name="bench")
app.command()(status.status)
app.command()(report.report)
app.command()(backup.backup)
app.command(name="restore-backup")(backup.restore_backup)
app.command()(drift.drift)
app.command()(setup.doctor)
app.command()(setup.version)


def run() -> None:
    """The `palier` command."""
    app()
