"""`palier learn`: from requests to a student that answers, in one go that may be killed anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
    is_best,
    opened_versions,
    put_live,
    ruled,
    show,
)
from palier.config import load
from palier.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from palier.interfaces.versions import Versions
    from palier.training.desk import TrainingSet
    from palier.training.harvest import Harvested
    from palier.versions import Version

Kind = Annotated[str, typer.Option("--student", help="auto: the cheapest that a tier can be; or head.")]


def learn(
    suite: SuitePath,
    route: Route = "",
    student: Kind = "auto",
    margin: Margin = 0.02,
    uses: Uses = 8,
    shadow: Shadow = False,
    who: Who = "",
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Harvest lessons, teach a student, hold it against the best that ever answered, and let it answer.

    Killed anywhere, the same command goes on, and repeats no step that was finished. Exit status 3 where the gate does
    not let it pass: what answers is untouched.
    """

    async def main() -> int:
        from palier.app import learning
        from palier.evals.suites import suite as suites

        settings = load(config)
        name = route_name(settings, route)
        kind, tier = learning.student_of(settings, name, student)
        if kind != "head":
            raise ConfigurationError(
                f"route `{name}` teaches an adapter", hint="palier distill --student lora; learn takes heads so far"
            )
        loaded = suites.read(suite).suite
        asked = Asked(suite, margin, uses, shadow, who)
        async with session(config) as p:
            harvested = await p.lessons.harvest(name, suites=[str(suite.absolute())])
            training = await p.lessons.to_teach(name)
        _say_lessons(harvested, training)
        async with opened_versions(settings) as (store, folder):
            version, new = await _taught(store, folder, name, tier, training, loaded.digest, who)
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
            ruling = await ruled(settings, store, folder, version, asked)
        if as_json:
            terminal.json_line({"version": version.id, **msgspec.to_builtins(ruling)})
        else:
            show(version, ruling)
        if not ruling.passed:
            return GATE
        if not shadow:
            await put_live(config, version, asked, best=is_best(ruling))
        return 0

    terminal.run(main, wrong_input=2, missing=2)


async def _taught(
    store: Versions, folder: Path, route: str, tier: str, training: TrainingSet, suite: str, who: str
) -> tuple[Version, bool]:
    from palier.app import learning
    from palier.cli.distill import embed
    from palier.retrieval import sentence_model

    with terminal.err().status("reading the lessons") as status:
        return await learning.teach_head(
            store,
            folder,
            route,
            tier,
            training.lessons,
            training.carried,
            embed,
            sentence_model.name(),
            suite=suite,
            who=who,
            done=lambda words: status.update(terminal.one_line(words, 100)),
        )


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
