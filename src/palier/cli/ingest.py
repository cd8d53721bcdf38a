"""`palier ingest`: files and folders into a collection."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Service, session
from palier.config import Settings, least_label, load
from palier.errors import ConfigurationError
from palier.types import Label

if TYPE_CHECKING:
    from palier.ingest import Options, Outcome, Summary
    from palier.interfaces import Workers

Paths = Annotated[list[Path], typer.Argument(help="Files and folders; `-`: JSON lines on standard input.")]
Into = Annotated[str, typer.Option("--collection", help="The collection.", show_default="the first of the routes")]
Labelled = Annotated[
    Label | None,
    typer.Option("--label", help="How confidential they are, at least.", show_default="their own, else confidential"),
]
Readers = Annotated[list[str] | None, typer.Option("--group", metavar="GROUP", help="Who may read them.")]
Language = Annotated[str, typer.Option("--language", help="fr, en...", show_default="detected")]
Root = Annotated[Path | None, typer.Option("--root", help="Ids are paths below it.", show_default="each PATH")]
Prune = Annotated[bool, typer.Option("--prune", help="Delete what is in PATH no more.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Pass over bad JSON lines, not over their file.")]
JsonLines = Annotated[bool, typer.Option("--json", help="Print a JSON line a document instead of a summary.")]


def ingest(
    paths: Paths,
    config: Config = CONFIG,
    collection: Into = "",
    label: Labelled = None,
    group: Readers = None,
    language: Language = "",
    root: Root = None,
    prune: Prune = False,
    skip_bad: SkipBad = False,
    as_json: JsonLines = False,
) -> None:
    """Bring files and folders into a collection: only what changed since the last time."""

    async def main() -> int:
        from palier.ingest import Options

        settings = load(config)
        into = collection or _collection(settings)
        least = least_label(settings, into, label)
        if least is None:
            terminal.note(
                "what has no label of its own is confidential: will not climb (say how confidential: --label)"
            )
        options = Options(
            collection=into,
            label=least,
            groups=tuple(group or ()),
            language=language,
            prune=prune,
            skip_bad=skip_bad,
            max_file_bytes=settings.workers.max_file_mb * 2**20,
            root=str(root) if root else "",
        )
        summary = await _bring_in(settings, paths, options, each=terminal.json_line if as_json else None)
        _sum_up(summary, as_json)
        if not any(options.collection in route.collections for route in settings.routes.values()):
            terminal.note(f"no route looks in `{options.collection}` yet: add it to the `collections` of one")
        return _status(summary, paths)

    terminal.run(main)


def _collection(settings: Settings) -> str:
    for route in settings.routes.values():
        if route.collections:
            return route.collections[0]
    raise ConfigurationError("no route has a collection", hint="name one: --collection NAME")


async def _bring_in(
    settings: Settings, paths: list[Path], options: Options, *, each: Callable[[Outcome], None] | None
) -> Summary:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from palier.ingest import STDIN
    from palier.ingest import ingest as bring_in

    lines = sys.stdin.buffer.read(options.max_file_bytes + 1) if Path("-") in paths else None
    files = [path for path in paths if path != Path("-")]
    err = terminal.err()
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.fields[file]}"))
    async with session(settings) as p, _parsers(p, settings) as workers:
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
            task = progress.add_task("", total=None, file="")

            def report(outcome: Outcome) -> None:
                name = terminal.one_line(Path(outcome.source).name, 40)
                progress.update(task, completed=outcome.done, total=outcome.total, file=terminal.styled(name).plain)
                if outcome.error:
                    words = ("failed " if outcome.action == "failed" else "beware ", "yellow")
                    err.print(terminal.styled(words, f"{outcome.source}: {outcome.error}"), soft_wrap=True)
                if each:
                    each(outcome)

            summary = await bring_in(p, workers, files, options, lines=lines, report=report)
        roots = [str(path.resolve()) for path in files] + [STDIN] * (lines is not None)
        await p.note_failing(options.collection, roots, summary.failures)
        return summary


@contextlib.asynccontextmanager
async def _parsers(p: Service, settings: Settings) -> AsyncIterator[Workers]:
    """The process that parses: palier's own, or one of this command's where the gateway holds palier."""
    from palier.app import Palier
    from palier.jobs.pool import ProcessWorkers

    if isinstance(p, Palier):
        yield p.workers.batch
        return
    limits = settings.workers
    workers = ProcessWorkers(
        1, limits.max_queue, batch_timeout_s=limits.parse_timeout_s, batch_memory_mb=limits.parse_memory_mb
    )
    try:
        yield workers.batch
    finally:
        await workers.close()


def _sum_up(summary: Summary, as_json: bool) -> None:
    """The summary as an object; to a person, in words."""
    counts = ("added", "changed", "unchanged", "deleted", "failed")
    words = ", ".join(f"{getattr(summary, count)} {count}" for count in counts if getattr(summary, count))
    if summary.skipped:
        kinds = ", ".join(terminal.one_line(kind, 20) for kind in summary.skipped)
        words = f"{words or 'nothing to do'}, {sum(summary.skipped.values())} skipped (of no known kind: {kinds})"
    words = f"{summary.collection}: {words or 'nothing to do'} in {summary.seconds:.1f} s"
    if as_json:
        terminal.note(words)
    elif sys.stdout.isatty():
        terminal.out().print(terminal.styled(words))
    else:
        terminal.json_line(summary)


def _status(summary: Summary, paths: list[Path]) -> int:
    """1 when some files failed; 2 when it was a reducer's input that was bad (docs/reference/jsonl.md)."""
    if not summary.failed:
        return 0
    return 2 if all(path == Path("-") or path.suffix == ".jsonl" for path in paths) else 1
