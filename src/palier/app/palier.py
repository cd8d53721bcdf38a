"""The only assembler: settings to wired parts. The server, the command line and programs hold a `Palier`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from palier import pipeline, text
from palier.app.alerts import overspending_of
from palier.app.bench_erasure import BenchFolder, ErasableBench
from palier.app.door import Door, open_door
from palier.app.drift import Drifts, drifts_of
from palier.app.effect import Effects
from palier.app.given import check_readable, parameters_of
from palier.app.keeping import Keeping
from palier.app.knowing import LOCAL
from palier.app.lessons import desk_of, erasable
from palier.app.returning import Returning, sound
from palier.app.shadow import Cast, Shadow, cast
from palier.app.students import Carrying, Students, Taught, hold, made_of, with_beside
from palier.app.students import load as load_models
from palier.app.tracing import exporter_of
from palier.app.wiring import (
    Shared,
    failing_of,
    forgetting_of,
    guards_of,
    known_again,
    landings_of,
    links_of,
    maker_of,
    parts_of,
    reads_of,
    scorer_of,
    workers_of,
)
from palier.budgets import Budgets, key_words
from palier.cards import ModelCard
from palier.config import Model as ModelSettings
from palier.config import Route, Settings, audit_share, label_source, load
from palier.counting import Counts
from palier.errors import NotFound, PalierError
from palier.fingerprint import fingerprint
from palier.forgetting import Recording
from palier.guards.compared import compare
from palier.ids import new_id
from palier.interfaces import (
    Guard,
    Model,
    Resources,
    Retriever,
    Startable,
)
from palier.jobs.pool import ProcessWorkers
from palier.metrics.energy import prepare
from palier.pipeline.audit import Auditor
from palier.pipeline.journey import Journey
from palier.pipeline.landing import Landing
from palier.pipeline.sample import Sample, stairs_of
from palier.policies import Policies, Ruled, Standing
from palier.privacy.fingerprints import FingerprintMarker, Fingerprints
from palier.privacy.heads import Heads
from palier.privacy.lockdown import closed, lockdown_of
from palier.retrieval.encoder import SentenceEncoder
from palier.retrieval.hybrid import HybridRetriever
from palier.stores.access import SqliteAccess
from palier.stores.audits import SqliteAudits
from palier.stores.erasure import ErasableLedger
from palier.stores.feedback import SqliteFeedback
from palier.stores.folder import DataFolder
from palier.stores.hours import SqliteHours
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.ledger import SqliteLedger
from palier.stores.lessons import SqliteLessons
from palier.stores.shadows import SqliteShadows
from palier.stores.tombstones import Tombstones
from palier.stores.traces import SqliteTraces
from palier.stores.upkeep import expire, index, keep_spent, roll
from palier.stores.versions import SqliteVersions
from palier.training.desk import Desk
from palier.types import Completed, Event, Message, Principal, Request, Result
from palier.versions import Version
from palier.watching import Watch

T = TypeVar("T")

log = logging.getLogger("palier")


class Palier(Keeping):
    """An open palier: it owns its data folder until it is closed.

    async with Palier.open("palier.toml") as p:
        answer = await p.ask("When will the fibre be repaired?", route="support")
        print(answer.text, answer.tier, answer.confidence)
    """

    settings: Settings
    encoder: SentenceEncoder
    returning: Returning
    """Takes back what does not hold."""
    shadow: Shadow
    """Has versions answer beside: `start` it, or `await shadow.finish()`."""
    shadows: SqliteShadows
    """What those said."""
    effects: Effects
    """What versions do, in shadow and live."""
    ledger: SqliteLedger
    """What left."""
    heads: Heads
    workers: ProcessWorkers
    drift: Drifts
    key: str
    warming: bool = False
    """Whether workers are being started, and questions would wait for them."""

    def __init__(
        self,
        settings: Settings,
        *,
        folder: DataFolder,
        access: SqliteAccess,
        knowledge: SqliteKnowledge,
        traces: SqliteTraces,
        encoder: SentenceEncoder,
        retriever: Retriever,
        workers: ProcessWorkers,
        models: dict[str, Model],
        door: Door,
        fingerprints: Fingerprints,
        guards: Mapping[str, Guard],
        lessons: SqliteLessons,
        versions: SqliteVersions,
        declared: Settings,
        now: Taught,
        make: Callable[[str, ModelSettings], Model],
    ) -> None:
        """Use `open`; this only holds what it is given."""
        self.settings = settings
        self._make, self._live = make, now.live
        place, carrying = folder.students, Carrying(versions, knowledge, lessons)
        self.students = Students(declared, carrying, place, self._teach, self._hold, now)
        self.folder, self.access = folder, access
        self.traces = traces
        access.keys.look_among(traces.asked)
        self._fingerprints = fingerprints
        self.encoder, self.models = encoder, models
        self.ledger, self.heads = door.ledger, door.heads
        self._connector = door.connector
        self._redactor = door.redactor
        self.key = folder.access_key()
        self._knowledge, self._retriever = knowledge, retriever
        self.workers = workers
        self.audits = self._drawn = SqliteAudits(traces.database)
        self.feedback, self.hours = SqliteFeedback(traces.database), SqliteHours(traces.database)
        learning = erasable(lessons, versions, folder.fingerprint_key(), place)
        self.budgets = Budgets(settings.routes)
        self.overspending = overspending_of(settings, self.budgets, access, folder, door.connector)
        self._forgetting = forgetting_of(
            declared,
            knowledge,
            traces,
            ErasableLedger(door.ledger),
            ErasableBench(BenchFolder(settings.folder), door.ledger),
            learning,
            access.erasable,
            self.overspending,
            learners=learning.learners,
            remember=Tombstones(folder.erasures, folder.fingerprint_key()).remember,
        )
        self.lessons = self._desk(lessons)
        recording = self._recording = Recording(traces, self._drawn, self._forgetting, failing_of(settings))
        self.exporter = exporter_of(settings, door.connector)
        self.counts = Counts()
        self.listen(self.counts.take)
        self.shadows = SqliteShadows(traces.database)
        share, at_once = settings.learning.shadow, settings.learning.shadow_at_once
        self.shadow = Shadow(share, at_once, folder.audit_key(), self.shadows, self.counts)
        self._versions, self._declared = versions, declared
        self.effects = Effects(settings, versions, self.shadows, traces, self.audits, self.feedback)
        self.returning = Returning(self.students, versions, folder.students, self.counts, self._cast)
        self.auditor = Auditor(recording, settings.routes, lambda route: self._parts.get(route), knowledge.label_of)
        self._shared = self._common(door, traces, guards)
        self._parts = {name: self._wire(name) for name in settings.routes}
        self.routes = {name: [landing.name for landing in parts.landings] for name, parts in self._parts.items()}
        self._promise(settings)

    def _promise(self, settings: Settings) -> None:
        """What policies say of the routes, and the watch over it."""
        self.policies = Policies({name: self._ruled(name) for name in settings.routes}, self._relay)
        self.policies.look()
        judges = {name: label_source(route) for name, route in settings.routes.items() if audit_share(settings, route)}
        self.watch = Watch(self._drawn, self.policies, judges, self.returning.broke)
        self.drift = drifts_of(self, judges, self.traces, self._knowledge, self._connector)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, source: str | Path | Settings = "palier.toml", *, home: Path | None = None
    ) -> AsyncIterator[Palier]:
        """Open the data folder, the stores, the workers and the models that `source` (a file or settings) names.

        `home` is another data folder, whose ledger and keys are used: see `DataFolder`. Raises `ConfigurationError`
        naming the setting, and `DataFolderBusy` naming who holds the folder.
        """
        declared = closed(source if isinstance(source, Settings) else load(source))
        async with AsyncExitStack() as stack:
            stack.enter_context(lockdown_of(declared))
            folder = stack.enter_context(DataFolder.claim(declared.folder, home))
            versions = SqliteVersions.open(folder.state)
            stack.push_async_callback(versions.close)
            workers = workers_of(declared)
            stack.push_async_callback(workers.close)
            marker = FingerprintMarker(folder.fingerprint_key())
            encoder = SentenceEncoder(workers, workers.batch, in_flight=declared.workers.count)
            access = await SqliteAccess.open(folder.access)
            stack.push_async_callback(access.close)
            stack.push_async_callback(_cancel, asyncio.create_task(keep_spent(access.purse), name="palier-spent"))
            knowledge = SqliteKnowledge.open(
                folder.knowledge,
                encoder.name,
                encoder.dimension,
                text.terms,
                workers=workers.batch,
                vector_memory=declared.store.vector_memory_mb * 2**20,
                resolve=access.directory.resolve,
                marker=marker,
            )
            stack.push_async_callback(knowledge.close)
            await knowledge.raise_labels({name: c.label for name, c in declared.collections.items() if c.label})
            lessons = SqliteLessons.open(folder.lessons)
            stack.push_async_callback(lessons.close)
            now = await sound(declared, folder.students, Carrying(versions, knowledge, lessons))
            traces = SqliteTraces.open(folder.traces)
            stack.push_async_callback(traces.close)
            fingerprints = await known_again(marker, knowledge, traces, workers)
            door = await open_door(declared, folder, stack)
            resources = Resources(door.connector, encoder, workers, folder.path, declared.path, workers.strict)
            expiring = asyncio.create_task(expire(traces, door.ledger, lessons), name="palier-expire")
            stack.push_async_callback(_cancel, expiring)
            make = maker_of(resources, stack)
            models, now = made_of(make, declared, now)
            settings = now.settings
            palier = cls(
                settings,
                folder=folder,
                access=access,
                knowledge=knowledge,
                traces=traces,
                encoder=encoder,
                retriever=HybridRetriever(knowledge, encoder),
                workers=workers,
                models=models,
                door=door,
                fingerprints=fingerprints,
                guards=guards_of(settings, replace(resources, scorer=scorer_of(models))),
                lessons=lessons,
                versions=versions,
                declared=declared,
                now=now,
                make=make,
            )
            door.heads.start()
            await palier._begin(stack)
            yield palier

    async def _begin(self, stack: AsyncExitStack) -> None:
        await self.budgets.look(self.hours, self._drawn)
        await self.forget_again()
        if self.exporter is not None:
            self.listen(self.exporter.take)
            self.exporter.start()
            stack.push_async_callback(self.exporter.stop)
        for closing in (self.auditor.stop, self.students.close, self.shadow.stop, self.drift.stop):
            stack.push_async_callback(closing)
        await self.returning.look()
        await self.watch.look(pages=1)  # a breach that was found before is one from the first answer on
        looking = {
            "policies": self.policies.keep_looking(),
            "watch": self.watch.keep_looking(),
            "students": self.returning.keep_looking(),
            "days": roll(SqliteHours(self.traces.database)),
            "endings": index(self.traces),
        }
        for name, work in looking.items():
            stack.push_async_callback(_cancel, asyncio.create_task(work, name=f"palier-{name}"))

    def _common(self, door: Door, traces: SqliteTraces, guards: Mapping[str, Guard]) -> Shared:
        return Shared(
            self._retriever,
            self.encoder,
            door.gate,
            self._recording,
            traces,
            self.access.purse,
            lambda name: key_words(self.access.keys.named(name), self.access.purse),
            self._recording.failing,
            self._fingerprints,
            evidence=self._knowledge.label_of,
            links=links_of(self.settings),
            vault=door.ledger,
            guards=guards,
            reads=reads_of(self._knowledge),
            beside=self._beside,
        )

    def _beside(self, journey: Journey) -> None:
        self.returning.take(journey)
        self.shadow.take(journey)

    async def _cast(self, route: str) -> None:
        """Have whoever is in shadow on `route` answer beside."""

        async def ready(version: Version) -> Cast | None:
            folder = self.folder.students
            await hold(
                self.models, await asyncio.to_thread(with_beside, self.settings, version, folder, self._declared)
            )
            return await cast(self._declared, version, folder, self.models, self._make, self._shared)

        await self.shadow.look(route, self._versions, ready)

    def _desk(self, lessons: SqliteLessons) -> Desk:
        return desk_of(
            self.settings,
            lessons,
            traces=self.traces,
            audits=self.audits,
            ratings=self.feedback,
            sources=self._knowledge,
            encoder=self.encoder,
            workers=self.workers.batch,
            redactor=self._redactor,
            cards=lambda: {name: model.card for name, model in self.models.items()},
            key=self.folder.fingerprint_key(),
            apart=self._forgetting.apart,
            relabelled=self.students.edited,
        )

    def _wire(self, name: str) -> pipeline.Parts:
        route, shared = self.settings.routes[name], self._shared
        landings = landings_of(self.settings, route, self.models, shared.guards, self._live.get(name))
        parts = parts_of(self.settings, route, landings, shared, self._sample(route, landings))
        return replace(parts, budget=self.budgets.of(name))

    async def _teach(self, now: Taught, name: str) -> None:
        """From now on `now` is served on the route `name`; requests on their way go on as they began."""
        await load_models(self.models, self._make, now.settings)
        self.settings, self._live = now.settings, now.live
        self._parts[name] = self._wire(name)
        self.routes[name] = [landing.name for landing in self._parts[name].landings]
        self.policies.rule(name, self._ruled(name))

    def wear(self, live: Mapping[str, Version]) -> None:
        """The settings have these versions in them, by route: who may not be served by one is not, from now on."""
        self._live = {**self._live, **live}
        for name in live:
            self._parts[name] = self._wire(name)
            self.policies.rule(name, self._ruled(name))

    async def _hold(self, settings: Settings) -> None:
        await hold(self.models, settings)

    def _sample(self, route: Route, landings: Sequence[Landing]) -> Sample | None:
        share = audit_share(self.settings, route)
        if not share:
            return None
        return Sample(share, self.folder.audit_key(), self._recording, stairs_of(landings), self.auditor.wake)

    def _ruled(self, name: str) -> Ruled:
        route, landings = self.settings.routes[name], self._parts[name].landings
        return Ruled(
            path=self.settings.path(route.policy) if route.policy else None,
            landings=landings,
            fingerprint=fingerprint(self.settings, route, landings, self.encoder.name),
            otherwise_climbs=route.without_policy == "climb",
        )

    def _relay(self, route: str, standing: Standing, landings: tuple[Landing, ...]) -> None:
        """From now on requests of `route` climb `landings`; those on their way go on as they began."""
        self._parts[route] = replace(self._parts[route], landings=landings, policy=standing.rules)

    # --- asking ----------------------------------------------------------------------------------------------------

    async def ask(
        self,
        question: str | Sequence[Message],
        *,
        route: str | None = None,
        tier: str | None = None,
        language: str = "",
        principal: Principal = LOCAL,
        local_only: bool = False,
        **parameters: Any,
    ) -> Result:
        """Answer a question or a conversation; `parameters` are those of `palier.types.Parameters`.

        `route` may be left out where there is only one; with `local_only` nothing of the question leaves. Raises
        `NotFound`, `InvalidRequest` and the tiers' errors.
        """
        asked: dict[str, Any] = {"route": route, "tier": tier, "language": language, "principal": principal}
        return await self.answer(self.request(question, local_only=local_only, **asked, **parameters))

    def request(
        self,
        question: str | Sequence[Message],
        *,
        route: str | None = None,
        tier: str | None = None,
        language: str = "",
        principal: Principal = LOCAL,
        stream: bool = False,
        local_only: bool = False,
        **parameters: Any,
    ) -> Request:
        """The request of `ask`, to be given to `answer` or `stream`."""
        name = self._route_name(route)
        messages = (Message(role="user", content=question),) if isinstance(question, str) else tuple(question)
        check_readable(messages)
        return Request(
            id=f"ask-{new_id()}",
            route=name,
            tier=tier,
            messages=messages,
            parameters=parameters_of(parameters),
            principal=principal,
            label=self.settings.routes[name].message_label,
            language=language,
            created=time.time(),
            stream=stream,
            local_only=local_only,
        )

    def _route_name(self, route: str | None) -> str:
        if route is not None and route in self._parts:
            return route
        if route is None and len(self._parts) == 1:
            return next(iter(self._parts))
        known = ", ".join(self._parts) or "none: add [routes.NAME] to palier.toml"
        raise NotFound(f"there is no route `{route}`" if route else "say which route", hint=f"routes: {known}")

    async def answer(self, request: Request) -> Result:
        """The outcome of `request`, once it is recorded."""
        return await pipeline.answer(request, self._parts_of(request))

    def stream(self, request: Request) -> AsyncGenerator[Event | Completed, None]:
        """The events of the answer to `request`; the last is `Completed`, after the trace is durable."""
        return pipeline.stream(request, self._parts_of(request))

    def _parts_of(self, request: Request) -> pipeline.Parts:
        parts = self._parts[self._route_name(request.route)]
        if request.tier is not None and request.tier not in {landing.name for landing in parts.landings}:
            known = ", ".join(landing.name for landing in parts.landings)
            raise NotFound(f"route `{request.route}` has no tier `{request.tier}`", hint=f"tiers: {known}")
        return parts

    def cards(self, route: str) -> list[ModelCard]:
        """The cards of a route's tiers, lowest first."""
        return [landing.model.card for landing in self._parts[self._route_name(route)].landings]

    # --- being well ------------------------------------------------------------------------------------------------

    async def warm(self) -> None:
        """Start workers and embedded engines, load stemmers and marks: the first question finds them ready.

        An engine that does not start is logged, shown by `health`, and tried again by the first request that needs it.
        """
        self.warming = True
        try:
            self.workers.start()
            await asyncio.to_thread(text.terms, "warm", text.detect("warm"))
            await asyncio.to_thread(prepare, [model.card for model in self.models.values()])
            await self._fingerprints.warm()
            await self.encoder.encode(["warm"])
            await self.workers.run(compare, "It is warm.", "", ("It is warm.",))
        except PalierError as error:
            log.warning("workers did not start: %s", error)
        finally:
            self.warming = False
        parts = {**self.models, "redaction": self._redactor}
        starting = [(name, part) for name, part in parts.items() if isinstance(part, Startable)]
        outcomes = await asyncio.gather(*(part.start() for _, part in starting), return_exceptions=True)
        for (name, _), outcome in zip(starting, outcomes, strict=True):
            if isinstance(outcome, Exception):
                log.warning("`%s` did not start: %s", name, outcome)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
