"""`palier distill --student lora`: an adapter for the embedded model, taught by lessons; for both engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from palier import __version__
from palier.cli import files, terminal
from palier.config import Model, Settings, Tier, load
from palier.errors import ConfigurationError

if TYPE_CHECKING:
    from palier.models.engine_tokens import EngineTokens
    from palier.training.fidelity import Agreement, Fidelity
    from palier.training.lora import Rows, Taught
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


@dataclass(frozen=True, slots=True)
class _Base:
    """The weights that are taught on, as they are served."""

    settings: Model
    weights: Path
    system: str
    root: Settings | None

    def resolve(self, path: str) -> Path:
        return self.root.path(path) if self.root else Path(path)


def distill(wanted: Wanted) -> None:
    """Teach, go on, or say that it is done. Exits 130 where it was interrupted and can go on."""

    async def main() -> int:
        from palier.models import engine
        from palier.training import lora, lora_lessons

        base = _base(wanted)
        with files.lines(wanted.lessons) as given:
            lessons = lora_lessons.read(given, system=base.system, skip_bad=wanted.skip_bad)
        _notes(lessons.notes)
        longest = min(wanted.length or lora.LENGTH, base.settings.context or engine.CONTEXT)
        async with _engine(base, {}) as tokens:
            rows = await lora.as_tokens(tokens, lessons, longest)
        _notes(rows.notes)
        plan = lora.prepare(wanted.output, rows, base=base.settings.weights, weights=base.weights, **wanted.plan)
        progress = _Progress(wanted.as_json)
        try:
            with progress:
                taught = await lora.teach(
                    wanted.output,
                    lessons,
                    base.weights,
                    route=wanted.route,
                    code=__version__,
                    threads=wanted.threads,
                    tell=progress.told,
                )
        except (lora.Stopped, asyncio.CancelledError):
            terminal.note(f"stopped; the same command goes on from the last checkpoint in {wanted.output}")
            return _STOPPED
        merged = await lora.merge(taught, base.weights, threads=wanted.threads) if wanted.merged else None
        fidelity = await _checked(wanted, base, rows, taught, merged) if wanted.check else None
        _say(wanted, taught, fidelity, progress, (*lessons.notes, *rows.notes), plan.lessons)
        return 0

    terminal.run(main, wrong_input=2)


def _base(wanted: Wanted) -> _Base:
    """Of the route's lowest tier that the embedded engine serves, or as `--base` says."""
    from palier.models import weights

    root: Settings | None = None
    system, settings = "", Model(kind="engine", weights=wanted.base)
    if wanted.route:
        root = load(wanted.config)
        tier = _tier(root, wanted.route)
        settings = root.models[tier.model]
        system = root.routes[wanted.route].system if tier.system is None else tier.system
        if wanted.base:
            settings = msgspec.structs.replace(settings, weights=wanted.base, sha256="")
    elif not wanted.base:
        raise ConfigurationError("nothing says which model is taught", hint="palier distill ROUTE, or --base WEIGHTS")
    resolve = root.path if root else Path
    return _Base(settings, weights.locate(settings.weights, resolve, sha256=settings.sha256), system, root)


def _tier(settings: Settings, route: str) -> Tier:
    if route not in settings.routes:
        known = ", ".join(settings.routes) or "none"
        raise ConfigurationError(f"there is no route `{route}`", hint=f"routes: {known}")
    for tier in settings.routes[route].tiers:
        if settings.models[tier.model].kind == "engine":
            return tier
    raise ConfigurationError(
        f"no tier of route `{route}` is served by the embedded engine",
        hint="add a model of kind `engine` to it, or name the weights with --base",
    )


@asynccontextmanager
async def _engine(base: _Base, adapters: dict[str, str]) -> AsyncIterator[EngineTokens]:
    """The embedded engine over the base, for its tokens; ended afterwards, for teaching wants the memory."""
    from palier.cli.distill import Here
    from palier.interfaces import Resources
    from palier.models import engine
    from palier.models.engine_tokens import EngineTokens
    from palier.privacy.connector import HttpConnector

    connector = HttpConnector()
    settings = msgspec.structs.replace(base.settings, adapters=adapters, parallel=1, total_timeout_s=3600.0)
    model = engine.build("student", settings, Resources(connector, _NoEncoder(), Here(), Path(), base.resolve))
    try:
        await model.start()
        yield EngineTokens(model)
    finally:
        await model.close()
        await connector.close()


class _NoEncoder:
    """`interfaces.Encoder` that is never asked: an engine embeds nothing."""

    name, dimension = "", 0

    async def encode(self, texts: Sequence[str]) -> Any:
        raise NotImplementedError


async def _checked(wanted: Wanted, base: _Base, rows: Rows, taught: Taught, merged: Path | None) -> Fidelity:
    """Both engines on prompts that were not taught, where some were held out."""
    from palier.training import fidelity

    apart = [row for row in rows.rows if row.held_out] or list(rows.rows)
    prompts = list(dict.fromkeys(row.prompt for row in apart))[: wanted.check]
    async with _engine(base, {"student": str(taught.adapter.absolute())}) as tokens:
        return await fidelity.compare(
            tokens,
            "student",
            prompts,
            weights=base.weights,
            peft=taught.peft,
            merged=merged,
            threads=wanted.threads,
        )


class _Progress:
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
    wanted: Wanted, taught: Taught, fidelity: Fidelity | None, progress: _Progress, notes: tuple[str, ...], count: int
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
        out.print(terminal.styled(f"both engines, on {fidelity.prompts} prompts: {_agreement(fidelity.adapter)}"))
        out.print(terminal.styled(f"  without the adapter: {_agreement(fidelity.base)}"))
        out.print(terminal.styled(f"  the adapter changes {fidelity.changed:.3f}, and {fidelity.changed_answers:.0%}"))
        if fidelity.merged is not None:
            out.print(terminal.styled(f"  merged: {_agreement(fidelity.merged)}"))


def _agreement(found: Agreement) -> str:
    return (
        f"log-probabilities {found.mean_difference:.3f} apart, {found.same_token:.1%} of tokens "
        f"and {found.same_answer:.0%} of answers the same"
    )


def _notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        terminal.note(note)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
