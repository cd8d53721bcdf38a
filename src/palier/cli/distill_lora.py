"""`palier distill --student lora`: an adapter for the embedded model, taught by lessons; for both engines."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from palier import __version__
from palier.cli import files, terminal
from palier.config import Model, load
from palier.errors import ConfigurationError

if TYPE_CHECKING:
    from palier.app.weights import Base
    from palier.training.fidelity import Agreement, Fidelity
    from palier.training.lora import Taught
    from palier.training.lora_train import Told

_STOPPED = 130


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says. `plan` are the plan's own options that were given."""

    route: str
    config: Path
    lessons: Path
    output: Path
    base: str
    length: int
    threads: int
    merged: bool
    check: int
    skip_bad: bool
    as_json: bool
    plan: dict[str, Any]


def distill(wanted: Wanted) -> None:
    """Teach, go on, or say that it is done. Exits 130 where it was interrupted and can go on."""

    async def main() -> int:
        from palier.app import weights
        from palier.training import lora, lora_lessons

        base = _base(wanted)
        with files.lines(wanted.lessons) as given:
            lessons = lora_lessons.read(given, system=base.system, skip_bad=wanted.skip_bad)
        _notes(lessons.notes)
        longest = min(wanted.length, base.context) if wanted.length else base.longest
        async with weights.engine_over(base, {}) as tokens:
            rows = await lora.as_tokens(tokens, lessons, longest)
        _notes(rows.notes)
        plan = lora.prepare(wanted.output, rows, base=base.settings.weights, weights=base.file, **wanted.plan)
        progress = Progress(wanted.as_json)
        try:
            with progress:
                taught = await lora.teach(
                    wanted.output,
                    lessons,
                    base.file,
                    route=wanted.route,
                    code=__version__,
                    threads=wanted.threads,
                    tell=progress.told,
                )
        except (lora.Stopped, asyncio.CancelledError):
            terminal.note(f"stopped; the same command goes on from the last checkpoint in {wanted.output}")
            return _STOPPED
        merged = await lora.merge(taught, base.file, threads=wanted.threads) if wanted.merged else None
        fidelity = None
        if wanted.check:
            fidelity = await weights.both_engines(
                *(base, rows, taught.adapter, taught.peft, wanted.check), merged=merged, threads=wanted.threads
            )
        _say(wanted, taught, fidelity, progress, (*lessons.notes, *rows.notes), plan.lessons)
        return 0

    terminal.run(main)


def _base(wanted: Wanted) -> Base:
    """Of the route's lowest tier that the embedded engine serves, or as `--base` says."""
    from palier.app import weights

    if wanted.route:
        return weights.base_of(load(wanted.config), wanted.route, weights=wanted.base)
    if not wanted.base:
        raise ConfigurationError("nothing says which model is taught", hint="palier distill ROUTE, or --base WEIGHTS")
    return weights.given_base(Model(kind="engine"), wanted.base, Path)


class Progress:
    """What the process tells, as a line that changes; the last figures are kept."""

    def __init__(self, quiet: bool) -> None:
        self.last: Told | None = None
        self.held_out: float | None = None
        self._status = terminal.err().status("starting the training process")
        self._around: Any = nullcontext() if quiet else self._status

    def __enter__(self) -> None:
        self._around.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._around.__exit__(*error)

    def told(self, told: Told) -> None:
        """One event of the process."""
        if told.event == "begun":
            where = f", from step {told.step}" if told.step else ""
            terminal.note(f"teaching on {told.device}{where}: {told.words}")
        elif told.event == "estimate" and told.seconds is not None:
            terminal.note(f"{told.steps - told.step} steps, about {_time(told.seconds)}")
        elif told.event == "note":
            terminal.note(told.words)
        elif told.event == "checkpoint" and told.held_out_loss is not None:
            self.held_out = told.held_out_loss
            terminal.note(f"step {told.step} of {told.steps}: loss {told.held_out_loss:.3f} on what is not taught")
        elif told.event == "step":
            self.last = told
            words = f"step {told.step} of {told.steps}, loss {told.loss:.3f}, {_time(told.left_s or 0.0)} left"
            self._status.update(terminal.one_line(words, 100))


def _say(
    wanted: Wanted, taught: Taught, fidelity: Fidelity | None, progress: Progress, notes: tuple[str, ...], count: int
) -> None:
    last = progress.last
    if wanted.as_json:
        terminal.json_line(
            {
                "adapter": str(taught.adapter),
                "peft": str(taught.peft),
                "lineage": taught.lineage,
                "loss": last.loss if last else None,
                "held_out_loss": progress.held_out,
                "seconds": last.seconds if last else None,
                "tokens_per_s": last.tokens_per_s if last else None,
                "fidelity": fidelity,
                "notes": notes,
            }
        )
        return
    out = terminal.out()
    out.print(
        terminal.styled(
            (str(taught.adapter), "bold"), f": {count} lessons, {taught.lineage.label}, for {taught.lineage.base}"
        ),
        soft_wrap=True,
    )
    if fidelity is not None:
        out.print(terminal.styled(f"both engines, on {fidelity.prompts} prompts: {agreement(fidelity.adapter)}"))
        out.print(terminal.styled(f"  without the adapter: {agreement(fidelity.base)}"))
        out.print(terminal.styled(f"  the adapter changes {fidelity.changed:.3f}, and {fidelity.changed_answers:.0%}"))
        if fidelity.merged is not None:
            out.print(terminal.styled(f"  merged: {agreement(fidelity.merged)}"))


def agreement(found: Agreement) -> str:
    """How far two engines agree, in words."""
    return (
        f"log-probabilities {found.mean_difference:.3f} apart, {found.same_token:.1%} of tokens "
        f"and {found.same_answer:.0%} of answers the same"
    )


def _notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        terminal.note(note)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
