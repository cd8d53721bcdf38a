"""`palier bench init`, `check` and `perturb`: a suite made, examined, and asked as people type."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from palier.cases import Task
from palier.cli import terminal
from palier.cli.audit import since_ms
from palier.cli.records import route_name
from palier.cli.session import CONFIG, Config, Json, session
from palier.config import load
from palier.errors import ConfigurationError, InvalidRequest

if TYPE_CHECKING:
    from palier.cases import Suite
    from palier.evals.suites.checking import Finding
    from palier.evals.suites.making import Made
    from palier.evals.suites.suite import Loaded

GATE = 3

SuitePath = Annotated[Path, typer.Argument(help="The suite: its folder, its suite.toml, or a file of cases.")]
Folder = Annotated[Path, typer.Argument(help="The folder to write the suite in.")]
Documents = Annotated[str, typer.Option("--from-documents", metavar="COLLECTION", help="Questions from documents.")]
Traces = Annotated[bool, typer.Option("--from-traces", help="Real questions, with answers that somebody stands for.")]
Csv = Annotated[
    Path | None, typer.Option("--from-csv", metavar="FILE", help="Rows: question, answer...", show_default=False)
]
Route = Annotated[str, typer.Option("--route", "-r", help="The route it is for.", show_default="the only one")]
Since = Annotated[str, typer.Option("--since", metavar="WHEN", help="Traces from then on: 2026-11-20, 12h, 30d.")]
TaskName = Annotated[str, typer.Option("--task", help=f"{', '.join(get_args(Task))}.", show_default="guessed")]
Name = Annotated[str, typer.Option("--name", help="What the suite is called.", show_default="as the folder")]
Limit = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=100_000, help="Of documents or traces: how many, at most.")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out rows or lines that are no cases.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
Width = Annotated[float, typer.Option("--width", help="The 95 % interval that is wanted, from end to end.")]
Kinds = Annotated[
    str, typer.Option("--kinds", help="typos, accents, case, punctuation, spacing: of these.", show_default="all")
]
PerCase = Annotated[int, typer.Option("--per-case", min=1, max=5, help="How many of each case, at most.")]
Seed = Annotated[int, typer.Option("--seed", help="Another one makes other slips.")]


def init(
    folder: Folder,
    from_documents: Documents = "",
    from_traces: Traces = False,
    from_csv: Csv = None,
    route: Route = "",
    since: Since = "30d",
    task: TaskName = "",
    name: Name = "",
    limit: Limit = 1000,
    skip_bad: SkipBad = False,
    force: Force = False,
    config: Config = CONFIG,
) -> None:
    """Make a suite from documents, from traces or from a CSV file: a draft for you to read and edit."""

    async def main() -> None:
        from palier.evals.suites import making

        if sum((bool(from_documents), from_traces, from_csv is not None)) != 1:
            raise ConfigurationError(
                "say what to make the suite from",
                hint="one of --from-documents COLLECTION, --from-traces, --from-csv FILE",
            )
        if task and (task not in get_args(Task) or from_csv is None):
            hint = f"one of {', '.join(get_args(Task))}, with --from-csv"
            raise ConfigurationError(f"--task {task} cannot be", hint=hint)
        called = name or folder.resolve().name
        if from_csv is not None:
            chosen: Any = task or None
            made = making.of_csv(from_csv, name=called, route=route, task=chosen, skip_bad=skip_bad)
        elif from_documents:
            made = await _from_documents(config, from_documents, route, called, limit)
        else:
            made = await _from_traces(config, route, since, called, limit)
        written = making.write(made, folder, force=force)
        _tell(made, folder, [file.name for file in written])

    terminal.run(main)


async def _from_documents(config: Path, collection: str, route: str, name: str, limit: int) -> Made:
    from palier.evals.suites import making

    settings = load(config)
    looking = [known for known, its in settings.routes.items() if collection in its.collections]
    chosen = route_name(settings, route) if route else looking[0] if len(looking) == 1 else ""
    async with session(settings) as p:
        return await making.of_documents(p, collection, name=name, route=chosen, limit=limit)


async def _from_traces(config: Path, route: str, since: str, name: str, limit: int) -> Made:
    from palier.evals.suites import making

    settings = load(config)
    chosen = route_name(settings, route)
    async with session(settings) as p:
        start = since_ms(since) / 1000
        return await making.of_traces(p, chosen, p.routes.get(chosen, []), name=name, since=start, limit=limit)


def _tell(made: Made, folder: Path, files: list[str]) -> None:
    from palier.cases import Split

    sides = ", ".join(f"{len(made.suite.split(split))} {split}" for split in get_args(Split))
    families = len({case.group for case in made.suite.cases})
    for words in made.notes:
        terminal.note(words)
    private = ", readable by you alone" if made.private else ""
    terminal.note(f"wrote {' and '.join(files)} in {folder} ({sides}; {families} independent){private}")
    for command, meaning in (
        (f"palier bench check {folder}", "what weakens it"),
        (f"palier bench perturb {folder}", "the same questions as people type them"),
        (f"palier bench {folder}", "run it"),
    ):
        terminal.err().print(terminal.styled("  ", (f"{command:<37}", "bold"), f" {meaning}"), soft_wrap=True)


# --- check -------------------------------------------------------------------------------------------------------


def check(suite: SuitePath, width: Width = 0.1, config: Config = CONFIG, as_json: Json = False) -> None:
    """Find what makes a suite's figures wrong or weak; exit status 3 where something is wrong."""

    async def main() -> int:
        from palier.evals.suites import checking
        from palier.evals.suites.suite import read

        if not 0.001 <= width < 1:
            raise ConfigurationError(f"--width {width:g} must be from 0.001 to below 1")
        loaded = read(suite, skip_bad=True)
        documents = await _known_documents(loaded.suite, config) if config.exists() else None
        findings = checking.check(loaded.suite, faults=loaded.faults, width=width, documents=documents)
        if as_json:
            terminal.json_line({**_summary(loaded), "findings": findings})
        else:
            _show(loaded, findings)
        return GATE if any(finding.severity == "error" for finding in findings) else 0

    terminal.run(main)


async def _known_documents(suite: Suite, config: Path) -> frozenset[str] | None:
    """Ids in the collections of the suite's route; None where there are no settings, or nothing to look for."""
    if not any(case.relevant for case in suite.cases):
        return None
    from palier.stores.folder import DataFolder

    settings = load(config)
    if suite.route not in settings.routes and len(settings.routes) != 1:
        return None
    route = settings.routes[suite.route] if suite.route in settings.routes else next(iter(settings.routes.values()))
    if not DataFolder(settings.folder).knowledge.exists():
        return None
    found: set[str] = set()
    async with session(settings) as p:
        for collection in route.collections:
            after = ""
            while page := await p.list_documents(collection, after=after):
                found.update(document.id for document in page)
                after = page[-1].id
    return frozenset(found)


def _summary(loaded: Loaded) -> dict[str, Any]:
    suite = loaded.suite
    return {
        "name": suite.name,
        "version": suite.version,
        "task": suite.task,
        "digest": suite.digest,
        "cases": {split: len(suite.split(split)) for split in ("dev", "holdout")},
        "families": len({case.group for case in suite.cases}),
    }


_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def _show(loaded: Loaded, findings: list[Finding]) -> None:
    told = _summary(loaded)
    sides = ", ".join(f"{count} {split}" for split, count in told["cases"].items())
    title = f"{told['name']} {told['version']}, {told['task']}: {sides}; {told['families']} independent"
    out = terminal.out()
    out.print(terminal.styled((title, "bold"), f"  {told['digest'][:12]}"), soft_wrap=True)
    for finding in findings:
        style = _STYLES[finding.severity]
        out.print(terminal.styled((f"{finding.severity:<8}", style), finding.message), soft_wrap=True)
        if finding.cases:
            more = f", and {finding.count - len(finding.cases)} more" if finding.count > len(finding.cases) else ""
            listed = ", ".join(terminal.one_line(case, 60) for case in finding.cases)
            out.print(terminal.styled(f"        {listed}{more}"), soft_wrap=True)
        if finding.hint:
            out.print(terminal.styled(("        → ", "yellow"), finding.hint), soft_wrap=True)
    if not findings:
        out.print("nothing to say against it")


# --- perturb -----------------------------------------------------------------------------------------------------


def perturb(suite: SuitePath, kinds: Kinds = "", per_case: PerCase = 1, seed: Seed = 7, force: Force = False) -> None:
    """Add the same questions as people type them: slips, no accents, capitals, no commas, doubled spaces."""
    terminal.run(lambda: _perturb(suite, kinds, per_case, seed, force=force))


def _perturb(path: Path, kinds: str, per_case: int, seed: int, *, force: bool) -> None:
    from palier.evals.suites import making, perturbing
    from palier.evals.suites.case_lines import line_of
    from palier.evals.suites.suite import read
    from palier.evals.suites.suite_toml import read_toml

    folder = path if path.is_dir() else path.parent
    file = folder / perturbing.FILE
    if file.exists() and not force:
        raise ConfigurationError(f"{file} is there already", hint="--force makes it anew")
    loaded = read(path)
    made = perturbing.perturb(
        loaded.suite, kinds=[kind.strip() for kind in kinds.split(",") if kind.strip()], per_case=per_case, seed=seed
    )
    if not made:
        raise InvalidRequest("no case can be perturbed so", hint="other --kinds, or texts with more words")
    private = any(source.stat().st_mode & 0o077 == 0 for source in loaded.files if source.exists())
    making.replace_file(file, b"".join(map(line_of, made)), private=private)
    terminal.note(f"wrote {len(made)} perturbations of {len({case.group for case in made})} families to {file}")
    if loaded.settings is None:
        terminal.note("a bare file of cases has no list to add them to: palier bench takes both from a suite.toml with")
        terminal.note(f'  cases = ["{loaded.files[0].name}", "{perturbing.FILE}"]')
        return
    if perturbing.named_already(loaded.settings):
        return
    text = loaded.settings.read_text(encoding="utf-8-sig")
    tree = read_toml(loaded.settings)
    if (added := perturbing.with_entry(text, tree)) is not None:
        mine = loaded.settings.stat().st_mode & 0o077 == 0
        making.replace_file(loaded.settings, added.encode(), private=mine)
        terminal.note(f"added it to `cases` in {loaded.settings}")
    else:
        terminal.note(f"add it to the list `cases` in {loaded.settings}: {perturbing.entry(tree)}")
