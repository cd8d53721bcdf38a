"""`palier bench people`: score the answers of a benchmark as a person, without being told whose they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from palier.cli import jsonl, terminal, verdicts
from palier.cli.session import CONFIG, As, Config, Groups, principal
from palier.config import load
from palier.errors import ConfigurationError

if TYPE_CHECKING:
    from palier.cases import Case, Outcome, Suite
    from palier.config import Settings
    from palier.evals.judging.blind import ScoresFile, Sheet
    from palier.types import Principal

ASKED = "1 (wrong) to 5 (right), s(kip), q(uit): "
SCORES = {str(grade): (grade - 1) / 4 for grade in range(1, 6)}

SuitePath = Annotated[Path, typer.Argument(help="The suite: its folder, its suite.toml, or a file of cases.")]
Candidates = Annotated[
    str, typer.Option("--candidates", help="Whose answers, by commas.", show_default="all that were run")
]
To = Annotated[Path, typer.Option("--to", metavar="FILE", help="The scores, which `--human` reads; it is appended to.")]
Sample = Annotated[int, typer.Option("--sample", min=1, max=100_000, help="Cases to score in all.")]
Seed = Annotated[int, typer.Option("--seed", help="Another one draws other cases.")]
Rater = Annotated[str, typer.Option("--rater", metavar="NAME", help="Who scores.")]


def people(
    suite: SuitePath,
    candidates: Candidates = "",
    to: To = Path("human.jsonl"),
    sample: Sample = 50,
    seed: Seed = 0,
    rater: Rater = "local",
    user: As = "",
    groups: Groups = None,
    config: Config = CONFIG,
) -> None:
    """Score answers that were run, from 1 to 5, blind. Goes on where it was left; no model is asked."""

    async def main() -> int:
        from palier.evals.judging.blind import ScoresFile, sheets
        from palier.evals.judging.people import read_scores
        from palier.evals.suites.suite import load as load_suite

        if not rater or not verdicts.nameable(rater):
            raise ConfigurationError(f"--rater is 1 to {verdicts.MAX_NAME} printable characters")
        given = load_suite(suite)
        names = [name for name in candidates.split(",") if name.strip()]
        outcomes = await _kept(given, load(config), names, principal(user, groups))
        done = set()
        if to.exists():
            ids = [case.id for case in given.cases]
            scores = read_scores(to, ids, outcomes, known=_Anybody())
            done = {(one.candidate, one.id) for one in scores.scores if one.rater == rater}
        left = list(sheets(given.cases, outcomes, done, sample=sample, seed=seed))
        if not left:
            terminal.note(f"nothing to score: {len(done)} answers are scored by {rater}")
            return 0
        scored = await _score(left, ScoresFile(to), rater)
        terminal.note(f"{scored} cases scored into {to}, {len(left) - scored} left")
        if scored == len(left):
            terminal.note(f"palier bench {suite} --judge TIER --human {to} tells how far a judge agrees")
        return 0

    terminal.run(main)


class _Anybody:
    """Further candidates that a file may name: it outlives those that are run."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


async def _kept(suite: Suite, settings: Settings, names: list[str], reader: Principal) -> dict[str, dict[str, Outcome]]:
    """What was answered before, by candidate and case. Raises `ConfigurationError` where nothing was."""
    from palier.app.bench import open_bench
    from palier.app.served import live_in, served
    from palier.evals.runs import candidates, kept, running

    now = await served(settings)
    resolved = candidates.resolve(suite, now.settings, names, declared=settings)
    planned = [one for one in resolved if one.route is not None]
    if not planned:
        raise ConfigurationError("none of these candidates has answers that were run here")
    found: dict[str, dict[str, Outcome]] = {}
    async with open_bench(now.settings, planned, principal=reader, live=live_in(planned, now)) as bench:
        for entrant in await bench.entrants():
            name, known = entrant.described.name, bench.results.load(entrant.key)
            posed = [running.pose(suite, entrant, case, bench) for case in suite.cases]
            found[name] = {one.case.id: kept.fresh(one.case, known[one.key], name) for one in posed if one.key in known}
    missing = [name for name, of in found.items() if not of]
    if len(missing) == len(found):
        raise ConfigurationError(
            f"nothing was run: no answer of {', '.join(missing)} is kept", hint=f"palier bench run {suite.name} first"
        )
    for name in missing:
        terminal.note(f"no answer of {name} is kept")
    return {name: of for name, of in found.items() if of}


async def _score(left: list[Sheet], to: ScoresFile, rater: str) -> int:
    scored = 0
    for number, sheet in enumerate(left):
        _show(sheet.case, len(left) - number)
        scores = await _ask(sheet)
        if scores is None:
            terminal.note("the case you left half way is not kept: it comes again")
            break
        if scores:
            to.add(sheet, scores, rater)
            scored += 1
            _reference(sheet.case)
    return scored


def _show(case: Case, left: int) -> None:
    out = terminal.out()
    out.print(terminal.styled((f"\n--- {left} left ---", "dim")))
    for message in case.messages[:-1]:
        out.print(terminal.styled((f"{message.role}: {terminal.one_line(message.content, 200)}", "dim")))
    out.print(terminal.styled(("question: ", "bold"), case.question), soft_wrap=True)
    for text in case.evidence:
        out.print(terminal.styled(("given: ", "bold"), text), soft_wrap=True)


async def _ask(sheet: Sheet) -> list[float] | None:
    """A score for each answer; empty where the case is skipped, None where enough is enough."""
    out = terminal.out()
    scores: list[float] = []
    for number, (text, _) in enumerate(sheet.answers, 1):
        out.print(terminal.styled((f"\nanswer {number}:", "bold")))
        out.print(terminal.styled(text.strip()), soft_wrap=True)
        key = await _key()
        if key == "q":
            return None
        if key == "s":
            return []
        scores.append(SCORES[key])
    return scores


def _reference(case: Case) -> None:
    """Shown once the scores are kept: whoever scores is not to copy it."""
    if not case.answerable:
        terminal.out().print(terminal.styled(("\nthere is no answer to find", "green")))
    for text in case.references:
        terminal.out().print(terminal.styled(("\nreference: ", "green"), text), soft_wrap=True)


async def _key() -> str:
    """A grade, `s` or `q`, from the next line that says one; the end of the input is `q`."""
    out = terminal.out()
    while True:
        out.print(terminal.styled((ASKED, "cyan")), end="")
        line = (await jsonl.read_line(sys.stdin.buffer)).decode(errors="replace")
        if not line:
            out.print()
            return "q"
        key = line.strip().lower()
        if key in SCORES or key[:1] in ("s", "q"):
            return key if key in SCORES else key[:1]
