"""`palier promote`, `palier rollback`: what a version must show before it answers, and the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from palier.cli import terminal
from palier.cli.records import route_name
from palier.cli.session import CONFIG, Config, Json, session
from palier.config import Settings, label_source, load
from palier.errors import ConfigurationError, NotFound
from palier.ids import SHORT_ID
from palier.versions import Version

if TYPE_CHECKING:
    from palier.cases import Suite
    from palier.cli.session import StudentBook
    from palier.interfaces.versions import Versions
    from palier.lessons import Lesson
    from palier.stores.versions import SqliteVersions
    from palier.training.promote import Ruling
    from palier.versions import Calibration

GATE = 3
"""The exit status of a gate that did not pass."""

Route = Annotated[str, typer.Argument(help="The route.", show_default="the only one")]
Id = Annotated[str, typer.Argument(metavar="VERSION", help="The version, or the last 12 digits of its id.")]
SuitePath = Annotated[
    Path | None,
    typer.Option("--suite", help="The suite whose holdout judges.", show_default="the route's, of lessons.suites"),
]
SuiteOrNone = Annotated[
    Path | None, typer.Option("--suite", help="The suite whose holdout judges; one in shadow has its ruling.")
]
Margin = Annotated[float, typer.Option("--margin", help="How much worse counts as not worse.")]
Uses = Annotated[int, typer.Option("--uses", min=1, help="Times that one holdout may judge; its first use settles it.")]
Shadow = Annotated[bool, typer.Option("--shadow", help="Judge it only; what answers stays.")]
Who = Annotated[str, typer.Option("--as", metavar="USER", help="Who decides.")]
Why = Annotated[str, typer.Option("--why", help="Why, in a few words.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """How a version is to be judged, and what then."""

    suite: Path | None
    margin: float
    uses: int
    shadow: bool
    who: str
    why: str = ""

    @property
    def judge(self) -> Path:
        """The suite, where one was given or found."""
        assert self.suite is not None
        return self.suite


@asynccontextmanager
async def opened_versions(settings: Settings) -> AsyncIterator[tuple[SqliteVersions, Path]]:
    """The registry, also beside a running gateway; and the folder of what was taught."""
    from palier.stores.folder import DataFolder
    from palier.stores.versions import SqliteVersions

    folder = DataFolder(settings.folder).prepared()
    store = SqliteVersions.open(folder.state)
    try:
        yield store, folder.students
    finally:
        await store.close()


def suite_of(settings: Settings, route: str, given: Path | None) -> Path:
    """The suite that judges: the one that is given, else the one of `[lessons] suites` that is of the route.

    Raises `ConfigurationError` where there is none, or more than one.
    """
    from palier.evals.suites import suite as suites

    if given is not None:
        return given
    own = []
    for path in map(settings.path, settings.lessons.suites):
        of = suites.read(path).suite.route
        if of == route or (not of and len(settings.routes) == 1):
            own.append(path)
    if len(own) != 1:
        found = ", ".join(str(path) for path in own) or "none"
        raise ConfigurationError(
            f'which suite judges route `{route}`? Of [lessons] suites that say `route = "{route}"`: {found}',
            hint="--suite SUITE, or one of them in [lessons] suites; palier bench init makes one",
        )
    return own[0]


async def certified(
    settings: Settings, store: Versions, folder: Path, version: Version, suite: Suite, lessons: Sequence[Lesson]
) -> Calibration | None:
    """What came of certifying a threshold for the version, where its route promises something."""
    from palier.app import calibrating
    from palier.cli.bench.progress import Bar

    with Bar(1) as bar:
        return await calibrating.certify(settings, store, folder, version, suite, lessons, progress=bar)


def say_calibration(settings: Settings, version: Version, made: Calibration) -> None:
    if not made.policy:
        terminal.note(f"{version.id} is not certified: {made.why}")
        return
    terminal.note(f"{version.id} has a threshold of its own, certified on {made.labels:,} labels: {made.source}")
    audits = label_source(settings.routes[version.route])
    if made.source != audits:
        terminal.note(f"its promise would not be watched: audits of {version.route} are judged otherwise ({audits})")


async def ruled(settings: Settings, store: SqliteVersions, folder: Path, version: Version, asked: Asked) -> Ruling:
    """What the gate says of a version."""
    from palier.app import gate
    from palier.cli.bench.progress import Bar
    from palier.evals.suites import suite as suites
    from palier.stores.folder import DataFolder
    from palier.stores.lessons import SqliteLessons

    loaded = suites.read(asked.judge).suite
    terms = gate.terms_of(loaded, margin=asked.margin, uses=asked.uses)
    lessons = SqliteLessons.open(DataFolder(settings.folder).prepared().lessons)
    try:
        with Bar(2) as bar:
            return await gate.rule(
                settings, store, folder, version.id, loaded, lessons=lessons, terms=terms, progress=bar, who=asked.who
            )
    finally:
        await lessons.close()


async def put_live(config: Path, version: Version, asked: Asked, *, best: bool) -> None:
    """Let it answer, through the gateway where one runs."""
    async with session(config) as p:
        await p.students.promote(version.id, best=best, who=asked.who, why=asked.why)
    terminal.note(f"{version.id} answers on {version.route} from now on; palier rollback {version.route} takes it back")


def promote(
    version: Id,
    suite: SuiteOrNone = None,
    margin: Margin = 0.02,
    uses: Uses = 8,
    shadow: Shadow = False,
    who: Who = "",
    why: Why = "",
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Hold a version against the best that ever answered; where it passes, it answers from now on.

    Where its route promises something, a threshold of its own is certified before, also of one that passed without: of
    one that answers already, that is all. One that is in shadow has passed, and needs no suite. Exit status 3 where it
    does not pass, or cannot be certified.
    """

    async def main() -> int:
        settings = load(config)
        async with opened_versions(settings) as (store, folder):
            one = await find(store, version)
            asked = Asked(suite, margin, uses, shadow, who, why)
            _check(one, asked)
            made = await _certified(settings, store, folder, one, suite) if suite else None
            if made is not None and not one.policy and (await store.standing(one.route)).live == one.id:
                return await _live_with(config, one, made, as_json=as_json)
            ruling = await (ruled(settings, store, folder, one, asked) if suite else _of_shadow(store, one))
        if as_json:
            terminal.json_line({"version": one.id, **msgspec.to_builtins(ruling)})
        else:
            show(one, ruling)
        if not ruling.passed:
            return GATE
        if not shadow:
            await put_live(config, one, asked, best=ruling.best)
        return 0

    terminal.run(main)


def rollback(route: Route = "", who: Who = "", why: Why = "", config: Config = CONFIG, as_json: Json = False) -> None:
    """Let what answered before answer again."""

    async def main() -> None:
        name = route_name(load(config), route)
        async with session(config) as p:
            before = await p.students.standing(name)
            standing = await p.students.roll_back(name, who=who, why=why)
        if as_json:
            terminal.json_line(standing)
        else:
            now = standing.live or "the route's own"
            terminal.out().print(terminal.styled((now, "bold"), f" answers on {name}, in the place of {before.live}"))

    terminal.run(main)


async def _certified(
    settings: Settings, store: Versions, folder: Path, version: Version, path: Path
) -> Calibration | None:
    """What came of certifying it on fresh cases of the suite: none that its lessons may ask."""
    from palier.app import gate
    from palier.evals.suites import suite as suites
    from palier.stores.folder import DataFolder
    from palier.stores.lessons import SqliteLessons

    lessons = SqliteLessons.open(DataFolder(settings.folder).prepared().lessons)
    try:
        known = await gate.lessons_of(store, lessons, version)
    finally:
        await lessons.close()
    made = await certified(settings, store, folder, version, suites.read(path).suite, known)
    if made is not None:
        say_calibration(settings, version, made)
    return made


async def _live_with(config: Path, version: Version, made: Calibration, *, as_json: bool) -> int:
    """One that answers already does so by its own threshold from now on: what it says is what it was ruled on."""
    if made.policy:
        async with session(config) as p:
            await p.students.promote(version.id)
    if as_json:
        terminal.json_line({"version": version.id, "calibration": msgspec.to_builtins(made)})
    return 0 if made.policy else GATE


def _check(version: Version, asked: Asked) -> None:
    """Before anything is asked of anybody."""
    from palier.app import gate
    from palier.evals.suites import suite as suites
    from palier.training.promote import Terms

    if asked.suite is None:
        Terms(margin=asked.margin, uses=asked.uses)
    else:
        loaded = suites.read(asked.suite).suite
        gate.terms_of(loaded, margin=asked.margin, uses=asked.uses)
        gate.check_suite(loaded, version.route)


async def _of_shadow(store: Versions, version: Version) -> Ruling:
    """The ruling by which a version came into shadow."""
    from palier.training.promote import of_shadow

    return of_shadow((await store.history(version.route, version.id))[-1])


async def find(book: StudentBook, id: str) -> Version:
    """By its id, or its last digits."""
    for version in await book.list(limit=10_000):
        if id in (version.id, version.id[-SHORT_ID:]):
            return version
    raise NotFound(f"there is no version `{id}`", hint="palier versions lists them")


def show(version: Version, ruling: Ruling) -> None:
    """What the gate said, test by test."""
    out = terminal.out()
    words = "passes" if ruling.passed else "does not pass"
    out.print(terminal.styled((f"{version.id} {words}", "bold"), f": {ruling.cases} cases of the holdout"))
    for check in ruling.checks:
        mark = ("yes ", "green") if check.passed else ("no  ", "red")
        out.print(terminal.styled(mark, f"{check.name:<12} {check.reason}"), soft_wrap=True)
    for note in ruling.notes:
        terminal.note(note)
    if ruling.needed is not None and ruling.needed > ruling.cases:
        terminal.note(f"about {ruling.needed:,} cases would tell, for one that is just as good")
