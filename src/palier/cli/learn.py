"""`palier learn`: from requests to a student that answers, in one go that may be killed anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from palier.cli import terminal
from palier.cli.records import route_name
from palier.cli.session import CONFIG, Config, Json, session
from palier.cli.students import (
    GATE,
    Asked,
    Margin,
    Route,
    Shadow,
    SuitePath,
    Uses,
    Who,
    certified,
    opened_versions,
    put_live,
    ruled,
    say_calibration,
    show,
    suite_of,
)
from palier.config import Settings, load

if TYPE_CHECKING:
    from palier.interfaces.versions import Versions
    from palier.training.desk import TrainingSet
    from palier.training.harvest import Harvested
    from palier.versions import Version

Kind = Annotated[str, typer.Option("--student", help="auto: the cheapest that a tier can be; or head, lora.")]
Rank = Annotated[int, typer.Option("--rank", min=0, max=256, help="Of an adapter.", show_default="by the lessons")]
Steps = Annotated[int, typer.Option("--steps", min=0, help="Of an adapter.", show_default="by the lessons")]
Rate = Annotated[float, typer.Option("--rate", min=0.0, max=1.0, help="Of an adapter.", show_default="0.001")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of an adapter.")]
Minutes = Annotated[
    float, typer.Option("--minutes", min=0.0, help="Of an adapter: only as many steps as fit.", show_default="no limit")
]
Threads = Annotated[int, typer.Option("--threads", min=0, max=256, help="Of teaching.", show_default="all")]
Watch = Annotated[
    bool, typer.Option("--watch", help="Do so whenever enough new lessons wait, within the budget of [learning].")
]

STOPPED = 130
"""The exit status where it was told to stop, and can go on."""


@dataclass(frozen=True, slots=True)
class Round:
    """One go: of which route, by what student, judged how."""

    config: Path
    route: str
    student: str
    asked: Asked
    plan: dict[str, Any]
    threads: int
    as_json: bool


def learn(
    route: Route = "",
    suite: SuitePath = None,
    student: Kind = "auto",
    margin: Margin = 0.02,
    uses: Uses = 8,
    shadow: Shadow = False,
    who: Who = "",
    rank: Rank = 0,
    steps: Steps = 0,
    rate: Rate = 0.0,
    seed: Seed = 0,
    minutes: Minutes = 0.0,
    threads: Threads = 0,
    watch: Watch = False,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Harvest lessons, teach a student, certify its threshold, hold it against the best that ever answered, and let it
    answer.

    Killed anywhere, the same command goes on, and repeats no step that was finished. Exit status 3 where the gate does
    not let it pass: what answers is untouched. With --watch it stays, until it is interrupted or told to end (SIGTERM).
    """
    plan = {"rank": rank, "steps": steps, "rate": rate, "seed": seed, "minutes": minutes}

    async def main() -> int:
        from palier.cli.learn_watch import watching

        settings = load(config)
        judge = suite_of(settings, route_name(settings, route), suite)
        one = Round(config, route, student, Asked(judge, margin, uses, shadow, who), plan, threads, as_json)
        with stopping():
            try:
                return await (watching(one, lambda: once(one)) if watch else once(one))
            except asyncio.CancelledError:
                terminal.note("stopped; the same command goes on")
                return 0 if watch else STOPPED

    terminal.run(main)


@dataclass(frozen=True, slots=True)
class _Given:
    """What is to be taught, to which tier of a route, and by which suite (a digest) it is judged."""

    route: str
    tier: str
    training: TrainingSet
    suite: str


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Meanwhile SIGTERM cancels the task, as an interrupt does: what is being taught gets its checkpoint."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def once(one: Round) -> int:
    """One go, from what was asked to what answers. The exit status."""
    from palier.app import gate, learning
    from palier.evals.suites import suite as suites

    settings = load(one.config)
    name = route_name(settings, one.route)
    kind, tier = learning.student_of(settings, name, one.student)
    asked = one.asked
    loaded = suites.read(asked.judge).suite
    gate.terms_of(loaded, margin=asked.margin, uses=asked.uses)
    gate.check_suite(loaded, name)
    async with session(one.config) as p:
        harvested = await p.lessons.harvest(name, suites=[str(asked.judge.absolute())])
        training = await p.lessons.to_teach(name)
    _say_lessons(harvested, training)
    async with opened_versions(settings) as (store, folder):
        given = _Given(name, tier, training, loaded.digest)
        if kind == "lora":
            version, new = await _adapter(settings, store, folder, given, one)
        else:
            version, new = await _head(store, folder, given, one.asked.who)
        _say_version(version, new=new)
        state = await store.state(version.id)
        before = await store.standing(name)
        if before.live == version.id:
            terminal.note(f"{version.id} answers already: there is nothing new to learn")
            return 0
        if state in ("retired", "returned"):
            terminal.note(
                f"{version.id} was taken back: new lessons make another; palier promote judges this one again"
            )
            return 0
        made = await certified(settings, store, folder, version, loaded, training.lessons)
        if made is not None:
            say_calibration(settings, version, made)
        ruling = await ruled(settings, store, folder, version, asked)
    if one.as_json:
        terminal.json_line({"version": version.id, **msgspec.to_builtins(ruling)})
    else:
        show(version, ruling)
    if not ruling.passed:
        return GATE
    if not one.asked.shadow:
        await put_live(one.config, version, one.asked, best=ruling.best)
    return 0


async def _head(store: Versions, folder: Path, given: _Given, who: str) -> tuple[Version, bool]:
    from palier.app import learning
    from palier.cli.distill import embed
    from palier.retrieval import sentence_model

    with terminal.err().status("reading the lessons") as status:
        return await learning.teach_head(
            store,
            folder,
            given.route,
            given.tier,
            given.training.lessons,
            given.training.carried,
            embed,
            sentence_model.name(),
            suite=given.suite,
            who=who,
            done=lambda words: status.update(terminal.one_line(words, 100)),
        )


async def _adapter(
    settings: Settings, store: Versions, folder: Path, given: _Given, one: Round
) -> tuple[Version, bool]:
    from palier.app import learning_lora
    from palier.cli.distill_lora import Progress
    from palier.training import lora

    wanted = learning_lora.Wanted(given.route, given.tier, one.plan, one.threads, given.suite, one.asked.who)
    progress = Progress(one.as_json)
    try:
        with progress:
            return await learning_lora.teach_adapter(
                settings, store, folder, wanted, given.training, tell=progress.told, note=terminal.note
            )
    except lora.Stopped:
        raise asyncio.CancelledError from None


def _say_lessons(harvested: Harvested, training: TrainingSet) -> None:
    added = ", ".join(f"{count} {kind}" for kind, count in harvested.added.items() if count) or "none new"
    refused = sum(harvested.refused.values())
    waiting = (
        f"; {harvested.queued} wait for a reviewer (palier lessons list --state queued)" if harvested.queued else ""
    )
    terminal.note(f"lessons: {added}, {refused} refused{waiting}; {len(training.lessons):,} to teach")


def _say_version(version: Version, *, new: bool) -> None:
    how = "taught" if new else "taught before"
    terminal.note(f"{version.id}: {how} by {version.taught:,} lessons, {version.label}")
    if found := version.plan.get("fidelity"):
        from palier.cli.distill_lora import agreement
        from palier.training.fidelity import Fidelity

        both = msgspec.convert(found, Fidelity)
        terminal.note(f"both engines, on {both.prompts} prompts: {agreement(both.adapter)}")
