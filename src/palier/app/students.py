"""Students at work: which versions are live on an open palier's routes, and how another takes the place of one.

What answers is what the settings say, with the live version of each route in its tier. A version whose files are gone
or were changed, or that was taught on other weights, is not served: the route's own is, and that is told. The one that
was live before stays loaded, so that a rollback is a change of names; so is an adapter that passed the gate and waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from palier.app.certificates import Certificate, certificate
from palier.config import Model as ModelSettings
from palier.config import Settings
from palier.config.taught import tier_of, with_version
from palier.errors import ConfigurationError, NotFound, PalierError
from palier.interfaces import Adaptable, Model
from palier.interfaces.versions import Labels, LessonLabels, Versions
from palier.lessons import Lesson
from palier.models import adapters, weights
from palier.models.weights import hash_once
from palier.training.promote import of_shadow
from palier.types import Data
from palier.versions import MONITOR, Happened, Relabelled, Standing, State, Version, state_of

log = logging.getLogger("palier.students")


@dataclass(frozen=True, slots=True)
class Taught:
    """Settings with what is live in them; `problems`: why the version of a route is not."""

    settings: Settings
    live: dict[str, Version] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


async def taught(declared: Settings, versions: Versions, folder: Path) -> Taught:
    """`declared` with the live version of every route, as far as its files in `folder` are what they were.

    What was live before, and an adapter that waits, are loaded beside, as far as there is room in an engine.
    """
    settings, live, problems = declared, {}, {}
    beside: list[Version | None] = []
    for route in declared.routes:
        standing = await versions.standing(route)
        beside.append(await versions.get(standing.previous) if standing.previous else None)
        version = await versions.get(standing.live) if standing.live else None
        if version is None:
            continue
        try:
            await asyncio.to_thread(check, version, folder, declared)
            settings, live[route] = _with(settings, version, folder), version
        except ConfigurationError as error:
            problems[route] = error.message
            log.warning("route `%s` is served by its own: %s", route, error.message)
    beside += [await _waiting(versions, route) for route in declared.routes]
    for version in filter(None, beside):
        settings = await asyncio.to_thread(with_beside, settings, version, folder, declared)
    return Taught(settings, live, problems)


@dataclass(frozen=True, slots=True)
class Carrying:
    """Has versions carry what the documents and the lessons that they were taught on carry by now."""

    versions: Versions
    documents: Labels
    lessons: LessonLabels

    async def look(self) -> set[str]:
        """At all that any was taught on; the versions that changed."""
        lowest = await self.versions.lowest()
        lessons = await self.lessons.above(lowest) if lowest is not None else ()
        documents = await self.documents.labels(await self.versions.sources())
        return set(await self.versions.raise_to(documents, lessons))

    async def of_documents(self, documents: Sequence[tuple[str, str]]) -> set[str]:
        """At `documents` (collection, id)."""
        return set(await self.versions.raise_to(await self.documents.labels(documents)))

    async def of_lessons(self, lessons: Sequence[Lesson]) -> set[str]:
        """At `lessons`. One that somebody looked at may have taught whatever does not know by what it was taught."""
        told = [
            Relabelled(
                lesson=one.id,
                label=one.label,
                route=one.route if one.state != "queued" else "",
                created=one.created,
            )
            for one in lessons
        ]
        return set(await self.versions.raise_to(lessons=told))


async def _waiting(versions: Versions, route: str) -> Version | None:
    """The adapter that answers in shadow, if one does: an engine takes seconds to load another."""
    version = await versions.get(await versions.shadowing(route))
    return version if version is not None and version.student == "lora" else None


def made_of(
    make: Callable[[str, ModelSettings], Model], declared: Settings, now: Taught
) -> tuple[dict[str, Model], Taught]:
    """The models of `now`; where a student's cannot be made, those of `declared`, and why in its problems.

    Raises `ConfigurationError` for a model of the settings themselves.
    """
    try:
        return {name: make(name, model) for name, model in now.settings.models.items()}, now
    except ConfigurationError as error:
        if not now.live:
            raise
        log.warning("no student is served: %s", error.message)
        problems = {**now.problems, **dict.fromkeys(now.live, error.message)}
    return {name: make(name, model) for name, model in declared.models.items()}, Taught(declared, {}, problems)


def check(version: Version, folder: Path, declared: Settings) -> None:
    """Raise `ConfigurationError` where a file of the version is not what it was, or it is for other weights."""
    check_files(version, folder)
    _check_base(version, declared)


def check_files(version: Version, folder: Path) -> None:
    """Raise `ConfigurationError` where a file of the version is not what it was."""
    for name, digest in version.files.items():
        path = folder / version.id / name
        if not path.is_file():
            raise ConfigurationError(
                f"version {version.id}: {path} is not there", hint="palier rollback, or teach again"
            )
        if hash_once(path) != digest:
            raise ConfigurationError(
                f"version {version.id}: {path} was changed", hint="palier rollback, or teach again"
            )


def _check_base(version: Version, settings: Settings) -> None:
    """Raise `ConfigurationError` where a version was taught on other weights than its tier has now."""
    if not version.base:
        return
    tier = tier_of(settings, version)
    declared = settings.models[tier.model]
    if declared.kind != "engine":
        return  # which is told by whoever puts it in its place
    file = weights.locate(declared.weights, settings.path, sha256=declared.sha256)
    if (found := hash_once(file)) != version.base:
        raise ConfigurationError(
            f"version {version.id} was taught on other weights, with SHA-256 {version.base[:16]}..., "
            f"and {file.name} of model `{tier.model}` has {found[:16]}...",
            hint="serve it with its own base, or teach it again on this one: palier learn",
        )


def _with(settings: Settings, version: Version, folder: Path, *, route: str = "") -> Settings:
    """See `with_version`; raises `ConfigurationError` also where an engine would hold more adapters than it can."""
    found = with_version(settings, version, folder / version.id, route=route)
    for name, model in found.models.items():
        if len(model.adapters) > adapters.MOST and name in settings.models:
            raise ConfigurationError(
                f"version {version.id}: model `{name}` has {adapters.MOST} adapters already, and holds no more",
                hint="another model of the same weights takes those of other routes",
            )
    return found


def with_beside(settings: Settings, version: Version, folder: Path, declared: Settings) -> Settings:
    """With the models of a version that is not live: where there is room they are loaded, and serve nothing."""
    try:
        check(version, folder, declared)
        models = _with(settings, version, folder, route="beside").models
    except ConfigurationError:
        return settings
    return msgspec.structs.replace(settings, models=models)


async def load(
    models: MutableMapping[str, Model], make: Callable[[str, ModelSettings], Model], settings: Settings
) -> None:
    """Have in `models` all that tiers name. An engine is only replaced where it lacks an adapter that is to answer.

    Raises what keeps a model from being made, or an adapter from being loaded: then it goes on with those it has.
    """
    named = {(tier.model, tier.adapter) for route in settings.routes.values() for tier in route.tiers}
    for name, declared in settings.models.items():
        if name not in models:
            models[name] = make(name, declared)
        elif isinstance(found := models[name], Adaptable):
            wanted = {adapter for model, adapter in named if model == name and adapter}
            if not wanted <= set(found.adapters):
                await found.replace_adapters(declared.adapters)


async def hold(models: MutableMapping[str, Model], settings: Settings) -> None:
    """Have all that `settings` load beside: the next change of names finds it there."""
    for name, declared in settings.models.items():
        if isinstance(found := models.get(name), Adaptable):
            await found.hold_adapters(declared.adapters)


class Lineage(Data, frozen=True, kw_only=True):
    """What was taught for a route."""

    route: str
    standing: Standing
    shadow: str
    """Which answers beside; empty where none does."""
    problem: str
    """Why the version that is live is not served; empty where it is."""
    versions: tuple[Version, ...]
    states: dict[str, State]
    """By version."""


class Students:
    """The versions of an open palier. `served` is told what is to be served from now on, and on which route; `beside`,
    once that is so, what is to be loaded for the change after.

    One change at a time: whoever comes second waits. `carrying`: how confidential versions are.
    """

    def __init__(
        self,
        declared: Settings,
        carrying: Carrying,
        folder: Path,
        served: Callable[[Taught, str], Awaitable[None]],
        beside: Callable[[Settings], Awaitable[None]],
        now: Taught,
    ) -> None:
        self._declared = declared
        self._carrying = carrying
        self._versions = carrying.versions
        self._folder = folder
        self._served = served
        self._beside = beside
        self._loading: asyncio.Task[None] | None = None
        self._now = now
        self._alone = asyncio.Lock()

    @property
    def problems(self) -> dict[str, str]:
        """Routes whose version is not served, and why."""
        return dict(self._now.problems)

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(self._declared.routes)

    @property
    def live(self) -> Mapping[str, Version]:
        """What answers now, by route; where none is, the route's own does."""
        return self._now.live

    async def find(self, id: str) -> Version | None:
        """The version, as it is by now."""
        return await self._versions.get(id)

    async def list(self, route: str = "", limit: int = 100) -> Sequence[Version]:
        """See `interfaces.Versions`."""
        return await self._versions.list(route, limit)

    async def history(self, route: str, version: str = "") -> Sequence[Happened]:
        """See `interfaces.Versions`."""
        return await self._versions.history(route, version)

    async def standing(self, route: str) -> Standing:
        """See `interfaces.Versions`."""
        return await self._versions.standing(route)

    async def lineage(self, route: str, limit: int = 50) -> Lineage:
        """What was taught for `route`, the newest first, and what became of it."""
        standing, happened = await self._versions.standing(route), await self._versions.history(route)
        versions = tuple(await self._versions.list(route, limit))
        return Lineage(
            route=route,
            standing=standing,
            shadow=await self._versions.shadowing(route),
            problem=self._now.problems.get(route, ""),
            versions=versions,
            states={version.id: state_of(version.id, standing, happened) for version in versions},
        )

    async def certificate(self, id: str) -> Certificate:
        """How a version stands to what its route promises. Raises `NotFound`."""
        return await certificate(self._declared, self._versions, self._folder, id)

    async def relabelled(self, documents: Sequence[tuple[str, str]]) -> None:
        """Documents (collection, id) are others now: what was taught on them carries what they carry from now on."""
        await self._serve_changed(await self._carrying.of_documents(documents))

    async def edited(self, lessons: Sequence[Lesson]) -> None:
        """Lessons are more confidential now: so is what was taught by them, from now on."""
        await self._serve_changed(await self._carrying.of_lessons(lessons))

    async def _serve_changed(self, changed: set[str]) -> None:
        for route in [route for route, version in self._now.live.items() if version.id in changed]:
            async with self._alone:
                await self._serve(route)

    async def promote(self, id: str, *, best: bool = True, who: str = "", why: str = "") -> Standing:
        """The version answers from now on. Where it cannot be served nothing changes, and that is raised.

        Raises `NotFound`, `InvalidRequest` for one that did not pass the gate, `ConfigurationError`.
        """
        async with self._alone:
            version = await self._versions.get(id)
            if version is None:
                raise NotFound(f"there is no version `{id}`", hint="palier versions lists them")
            await asyncio.to_thread(check, version, self._folder, self._declared)
            if await self._carrying.look():  # since it was taught
                version = await self._versions.get(id) or version
            before = await self._versions.standing(version.route)
            standing = await self._versions.promote(id, best=best, who=who, why=why)
            if standing == before:
                if self._now.live.get(version.route) not in (None, version):  # it got a policy meanwhile
                    await self._serve(version.route)
                return standing
            try:
                await self._serve(version.route)
                if (self._now.live.get(version.route) or version) != version or version.route in self._now.problems:
                    why_not = self._now.problems.get(version.route, "its route is not there")
                    raise ConfigurationError(f"version {id} cannot be served: {why_not}")
                if version.route not in self._now.live:
                    raise ConfigurationError(f"version {id}: route `{version.route}` is not served here")
            except BaseException as error:
                told = error.message if isinstance(error, PalierError) else type(error).__name__
                await self._versions.roll_back(version.route, who=who, why=f"it cannot be served: {told}")
                if version.route in self._now.problems:  # what answered before gave way already
                    await self._serve(version.route)
                raise
            return standing

    async def promote_shadow(self, id: str, *, who: str = "") -> Standing:
        """One that answers in shadow answers from now on, by the ruling that brought it there.

        Raises what `promote` does, and `InvalidRequest` where it is not in shadow.
        """
        version = await self._versions.get(id)
        if version is None:
            raise NotFound(f"there is no version `{id}`", hint="palier versions lists them")
        ruling = of_shadow((await self._versions.history(version.route, id))[-1])
        return await self.promote(id, best=ruling.best, who=who)

    async def roll_back(self, route: str, *, who: str = "", why: str = "") -> Standing:
        """What was live before answers again. Raises `InvalidRequest` where nothing was promoted."""
        async with self._alone:
            standing = await self._versions.roll_back(route, who=who, why=why)
            await self._serve(route)
            return standing

    async def take_back(self, version: Version, *, why: str) -> Standing | None:
        """What answered before answers again, because this one does not hold: it needs a new ruling.

        None, and nothing is changed, where it is not live any more.
        """
        async with self._alone:
            if (await self._versions.standing(version.route)).live != version.id:
                return None
            standing = await self._versions.roll_back(version.route, who=MONITOR, why=why, returned=True)
            log.error("route `%s`: %s is taken back: %s", version.route, version.id, why)
            await self._serve(version.route)
            return standing

    async def settle(self, route: str) -> None:
        """Serve what is live by the registry, where that is not what is served: a change was cut short, or it has
        another policy by now.

        What the registry does not know stays: the settings brought it.
        """
        async with self._alone:
            live, served = (await self._versions.standing(route)).live, self._now.live.get(route)
            known = await self._versions.get(served.id) if served is not None else None
            if known is not None and (known.id != live or known != served):
                await self._serve(route)

    async def words(self, route: str) -> str:
        """Who answers, who answers beside, and what was last taken back by itself; empty where there is no version."""
        standing, beside = await self._versions.standing(route), await self._versions.shadowing(route)
        last = next((h for h in reversed(await self._versions.history(route)) if h.state == "returned"), None)
        said = [f"{standing.live} answers"] if standing.live else []
        said += [f"{beside} answers in shadow"] if beside else []
        if last is not None:
            day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(last.at))
            said.append(f"{last.version} was taken back by itself on {day} UTC: {last.why}")
        return "; ".join(said)

    async def close(self) -> None:
        """Load nothing more."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])

    async def _serve(self, route: str) -> None:
        await self.close()
        try:
            now = await taught(self._declared, self._versions, self._folder)
            if route in now.problems:
                log.warning("route `%s`: %s", route, now.problems[route])
            await self._served(now, route)
            self._now = now
        finally:
            # An engine takes seconds for it, and nobody is to wait: not even the next change.
            self._loading = asyncio.create_task(self._load(self._now.settings), name="palier-students")

    async def _load(self, settings: Settings) -> None:
        try:
            await self._beside(settings)
        except PalierError as error:
            log.warning("what answered before is not loaded: %s", error.message)
