"""A palier opened for a benchmark, beside production: the same documents, models, prompts and gate, and nothing of it
in production's traces, audits and budgets.

It works in a folder of its own (`bench/work` of the data folder) on copies of the documents and the groups as they
stand, also while a gateway runs; the copies go at the end, or, after a kill, before the next. Ledger and keys are
production's: what leaves in a benchmark leaves. The cascade goes by the policy as it was when the benchmark began.
Routes have no budget here: what is compared is what they answer, not what is left of a month.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from palier.app.bench_erasure import BenchFolder, forget_late, without
from palier.app.knowing import LOCAL
from palier.app.palier import Palier
from palier.cases import Case, Suite
from palier.config import Budget, Route, Settings, Telemetry
from palier.errors import ConfigurationError, DataFolderBusy, StoreError
from palier.evals.figures import Run, Throughput
from palier.evals.runs import kept, running
from palier.evals.runs.candidates import Planned, describe
from palier.evals.runs.metering import Meters
from palier.evals.runs.pricing import Rate
from palier.evals.runs.running import Entrant, Options, Progress
from palier.evals.runs.throughput import throughput
from palier.ids import new_id
from palier.metrics import zones
from palier.privacy.keys import KeySource
from palier.privacy.lockdown import closed
from palier.stores.folder import DataFolder
from palier.stores.snapshot import snapshot
from palier.types import JSON, Completed, Event, Label, Message, Parameters, Principal, Request, Trace
from palier.versions import Version

RECORDED = 2 * running.MAX_CONCURRENCY
"""Traces that are held until somebody asks for them: as many as requests may be on their way, and more."""
PAGE = 1_000
"""Documents looked at once."""


@dataclass(slots=True)
class Corpus:
    """What whoever asks may read of the collections: their digests, and the label of each document."""

    collections: dict[str, JSON] = field(default_factory=dict)
    """{documents, digest} of each."""
    labels: dict[str, Label] = field(default_factory=dict)
    """By `COLLECTION/ID`."""


class Bench:
    """Implements `evals.asking.Asker`."""

    def __init__(
        self,
        palier: Palier,
        settings: Settings,
        folder: BenchFolder,
        planned: Sequence[Planned],
        corpus: Corpus,
        principal: Principal,
    ) -> None:
        """Use `open_bench`; `settings` are production's."""
        self.palier = palier
        self.folder = folder
        self.results = kept.Results(folder.results)
        self.corpus = corpus
        self._settings = settings
        self._planned = planned
        self._principal = principal
        self._warm = False
        self._recorded: OrderedDict[str, Trace] = OrderedDict()
        palier.listen(self._keep)

    def request(
        self,
        messages: Sequence[Message],
        *,
        route: str,
        parameters: Parameters,
        label: Label | None = None,
        language: str = "",
    ) -> Request:
        """See `Asker`."""
        made = self.palier.request(messages, route=route, language=language, principal=self._principal, stream=True)
        carried = made.label if label is None else Label.highest(made.label, label)
        return msgspec.structs.replace(made, id=f"bench-{new_id()}", parameters=parameters, label=carried)

    def stream(self, request: Request) -> AsyncGenerator[Event | Completed, None]:
        """See `Asker`."""
        return self.palier.stream(request)

    async def ready(self) -> None:
        """See `Asker`."""
        if not self._warm:
            await self.palier.warm()
            await self.palier.encoder.encode(["warm"])  # answered once the process that embeds is there
            self._warm = True
        self.palier.encoder.forget()

    async def trace(self, request: str) -> Trace | None:
        """See `Asker`. At hand, without reading the file: that would be a good part of the runner's own time."""
        return self._recorded.pop(request, None)

    def _keep(self, trace: Trace) -> None:
        self._recorded[trace.id] = trace
        if len(self._recorded) > RECORDED:
            self._recorded.popitem(last=False)

    def label_of(self, document: str) -> Label:
        """See `Asker`. Of one that is not known, the most restrictive."""
        return self.corpus.labels.get(document, Label.RESTRICTED)

    async def entrants(self) -> tuple[Entrant, ...]:
        """The candidates ready to be asked; imported ones come without their outcomes."""
        keys = await self.keys()
        found = []
        for planned in self._planned:
            if planned.route is None:
                found.append(Entrant(planned, describe(planned, self._settings)))
                continue
            cards = tuple(self.palier.cards(planned.name))
            key = keys[planned.name]
            described = describe(planned, self._settings, cards, key[:16])
            models = [tier.model for tier in planned.route.tiers]
            zones_of = {model: zones.of_model(self._settings, model) for model in models}
            rates = {model: Rate(card, zones_of[model]) for model, card in zip(models, cards, strict=True)}
            found.append(Entrant(planned, described, key, cards, rates))
        return tuple(found)

    async def keys(self) -> dict[str, str]:
        """What all that is answered depends on but the case, by route."""
        routes = self.palier.settings.routes
        return {
            status.route: self._key(routes[status.route], status.fingerprint) for status in await self.palier.status()
        }

    def _key(self, route: Route, fingerprint: dict[str, str]) -> str:
        """Names all that answers of `route` depend on here, but for the case."""
        settings = self.palier.settings
        judged = msgspec.structs.replace(route, policy="", audit=0.0, label_source="agreement", agreement_at=0.6)
        return kept.candidate_key(
            fingerprint=fingerprint,
            route=judged,
            policy=_digest_of(settings.path(route.policy)) if route.policy else "",
            redaction=settings.redaction,
            links=settings.privacy.links,
            local_only=settings.privacy.local_only,
            collections={name: self.corpus.collections.get(name, {}) for name in route.collections},
            principal=self._principal,
        )

    async def run(
        self,
        suite: Suite,
        cases: Sequence[Case],
        entrants: Sequence[Entrant],
        options: Options,
        *,
        progress: Progress | None = None,
        meters: Meters | None = None,
        **said: object,
    ) -> Run:
        """As `evals.running.run`, without what was forgotten meanwhile."""
        done = await running.run(
            suite,
            cases,
            entrants,
            self,
            self.results,
            options,
            progress=progress,
            meters=meters,
            collections=self.corpus.collections,
            **said,
        )
        return self.without_forgotten(done)

    def without_forgotten(self, run: Run) -> Run:
        """`run` without what was forgotten up to now: to be asked once more before anything of it is written."""
        for erasure in forget_late(self.folder):
            run = without(run, erasure)
        return run

    async def throughput(
        self,
        suite: Suite,
        cases: Sequence[Case],
        entrant: Entrant,
        limit_ms: float,
        *,
        timeout_s: float,
        told: Callable[[int, float, float], None] = lambda clients, rate, latency: None,
    ) -> Throughput:
        """See `evals.throughput`."""
        await self.ready()
        posed = [running.pose(suite, entrant, case, self).request for case in cases]
        return await throughput(self, posed, limit_ms, timeout_s=timeout_s, told=told)


@asynccontextmanager
async def open_bench(
    settings: Settings,
    planned: Sequence[Planned],
    *,
    principal: Principal = LOCAL,
    further: Mapping[str, Route] | None = None,
    live: Mapping[str, Version] | None = None,
    words: bool = False,
) -> AsyncIterator[Bench]:
    """Open a palier that serves each of `planned` as a route of its name, and `further` routes, to `principal`.

    `live` are the versions of students that answer in them, by name: whoever may not be served by one is not. With
    `words`, what is said is kept until it is closed, as audits need it.
    Raises `DataFolderBusy` where another benchmark of this data folder runs, `StoreError` where the documents cannot
    be copied, and what `Palier.open` raises.
    """
    settings = closed(settings)
    home = DataFolder(settings.folder).prepared()
    KeySource.of(settings).read(make=not home.ledger.exists())
    home.fingerprint_key()
    folder = BenchFolder(settings.folder)
    with _alone(folder):
        forget_late(folder)  # of a run that was killed
        _clear(folder.work)
        try:
            DataFolder(folder.work).prepared()
            snapshot(home.knowledge, folder.work / home.knowledge.name)
            snapshot(home.access, folder.work / home.access.name)
            routes = {one.name: _frozen(settings, folder, one) for one in planned if one.route is not None}
            routes |= further or {}
            async with Palier.open(_working(settings, folder, routes, words), home=settings.folder) as palier:
                palier.wear(live or {})
                corpus = await _read(palier, routes.values(), principal)
                yield Bench(palier, settings, folder, planned, corpus, principal)
        finally:
            _clear(folder.work)


@contextmanager
def _alone(folder: BenchFolder) -> Iterator[None]:
    try:
        with DataFolder.claim(folder.path):
            yield
    except DataFolderBusy as error:
        if (holder := DataFolder(folder.path).holder()) is None:
            raise
        raise DataFolderBusy(
            f"another benchmark of {folder.path.parent} is running: {error.message}",
            hint=f"wait for it, or stop it (kill -INT {holder.pid}): what it finished is kept",
        ) from None


def _clear(work: Path) -> None:
    try:
        shutil.rmtree(work)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{work} cannot be deleted: {error.strerror}", hint="it holds copies of documents") from None


def _frozen(settings: Settings, folder: BenchFolder, planned: Planned) -> Route:
    """The route with its policy as it is now, which `palier calibrate` may write anew meanwhile."""
    route = planned.route
    assert route is not None
    path = settings.path(route.policy)
    if not route.policy or not path.is_file():
        return route
    copy = folder.work / f"{planned.name}.policy"
    try:
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
    except OSError as error:
        raise StoreError(f"{path} cannot be copied: {error.strerror}") from None
    return msgspec.structs.replace(route, policy=str(copy))


def _working(settings: Settings, folder: BenchFolder, routes: dict[str, Route], words: bool) -> Settings:
    """The settings of the benchmark's own palier: only what it needs; `words`: whether they are kept."""
    used = {tier.model for route in routes.values() for tier in route.tiers}
    privacy = settings.privacy
    if not privacy.key_env and not privacy.key_file:
        privacy = msgspec.structs.replace(privacy, key_file=str(KeySource.of(settings).file))
    return msgspec.structs.replace(
        settings,
        data=str(folder.work),
        privacy=privacy,
        telemetry=Telemetry(),
        store=msgspec.structs.replace(settings.store, record_content=words),
        models={name: model for name, model in settings.models.items() if name in used},
        routes={name: msgspec.structs.replace(route, budget=Budget()) for name, route in routes.items()},
    )


async def _read(palier: Palier, routes: Collection[Route], principal: Principal) -> Corpus:
    """Look at every document of the routes' collections. Raises `ConfigurationError` where a route finds nothing."""
    corpus = Corpus()
    for name in dict.fromkeys(name for route in routes for name in route.collections):
        await _read_collection(palier, name, principal, corpus)
    for route in routes:
        if route.collections and not any(corpus.collections[name]["documents"] for name in route.collections):
            names = ", ".join(route.collections)
            who = "" if principal.admin else f" that {principal.name} may read"
            raise ConfigurationError(
                f"there is no document in {names}{who}: every answer would be an abstention",
                hint=f"palier ingest FOLDER --collection {route.collections[0]}; palier collections says what there is",
            )
    return corpus


async def _read_collection(palier: Palier, name: str, principal: Principal, corpus: Corpus) -> None:
    digest, count, after = hashlib.sha256(), 0, ""
    while page := await palier.list_documents(name, principal, after=after, limit=PAGE):
        for document in page:
            content = document.digest
            if not content and (whole := await palier.get_document(name, document.id, principal)) is not None:
                content = hashlib.sha256(whole.text.encode("utf-8", "surrogatepass")).hexdigest()
            told = (document.id, content, document.title, document.url, document.language, document.label)
            digest.update(msgspec.json.encode(told))
            corpus.labels[f"{name}/{document.id}"] = document.label
        count, after = count + len(page), page[-1].id
    corpus.collections[name] = {"documents": count, "digest": digest.hexdigest()[:16]}


def _digest_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "missing"
