"""A route of the settings to the parts its requests pass through."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from palier import pipeline, registry, text
from palier.config import Model as ModelSettings
from palier.config import Route, Settings, Tier, barred, highest_label, leaves, redacts, tier_name
from palier.errors import ConfigurationError, InvalidRequest
from palier.fingerprint import fingerprint
from palier.forgetting import Forgetting, Learners, none_learnt
from palier.guards.schema import Schema
from palier.interfaces import (
    Answers,
    Destination,
    Encoder,
    Erasable,
    Erasure,
    Evidence,
    Gate,
    Guard,
    Links,
    Model,
    Purse,
    Resources,
    Retriever,
    Scorer,
    Traces,
    Vault,
)
from palier.jobs.pool import ProcessWorkers
from palier.metrics import zones
from palier.models import adapters, schemas
from palier.models.engine import Engine
from palier.models.engine_tokens import EngineTokens
from palier.pipeline.journey import Journey
from palier.pipeline.landing import Landing
from palier.pipeline.posts import Post, Posts
from palier.pipeline.sample import Sample
from palier.privacy.fingerprints import FingerprintMarker, Fingerprints
from palier.privacy.links import InertLinks
from palier.retrieval import sentence_model
from palier.routing.cascade import DEFAULT_THRESHOLD, decide
from palier.routing.confidence import FittedConfidence
from palier.routing.policy import digest
from palier.stores.erasure import ErasableKnowledge, ErasableTraces
from palier.stores.failing import Failing
from palier.stores.folder import DataFolder
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.marks import SqliteAnswerMarks
from palier.stores.traces import SqliteTraces
from palier.types import JSON, Principal
from palier.versions import Version

DAY_S = 86_400.0

log = logging.getLogger("palier")


@dataclass(frozen=True, slots=True)
class Shared:
    """What the routes of an installation have in common."""

    retriever: Retriever
    encoder: Encoder
    gate: Gate
    traces: Traces
    answers: Answers
    purse: Purse
    key_words: Callable[[str], str]
    failing: Failing | None = None
    fingerprints: Fingerprints | None = None
    evidence: Evidence | None = None
    links: Links | None = None
    vault: Vault | None = None
    guards: Mapping[str, Guard] = field(default_factory=dict)
    reads: Callable[[Version, Principal], Awaitable[bool]] | None = None
    beside: Callable[[Journey], None] | None = None


def maker_of(resources: Resources, stack: AsyncExitStack) -> Callable[[str, ModelSettings], Model]:
    """What makes models of their settings; the stack closes them."""

    def make(name: str, declared: ModelSettings) -> Model:
        made: Model = registry.find("models", declared.kind)(name, declared, resources)
        stack.push_async_callback(made.close)
        return made

    return make


def guards_of(settings: Settings, resources: Resources) -> dict[str, Guard]:
    """All of `[guards]`. Raises `ConfigurationError` naming the one that cannot be made."""
    return {
        name: registry.find("guards", declared.kind)(name, declared, resources)
        for name, declared in settings.guards.items()
    }


def scorer_of(models: Mapping[str, Model]) -> Callable[[str], Scorer]:
    """What tells guards how likely an embedded model finds a text. Raises `ConfigurationError` for another kind."""

    def scorer(name: str) -> Scorer:
        model = models.get(name)
        if not isinstance(model, Engine):
            raise ConfigurationError(f"`{name}` is no embedded model", hint='a guard\'s `model` has kind = "engine"')
        return EngineTokens(model)

    return scorer


def posts_of(settings: Settings, route: Route, guards: Mapping[str, Guard]) -> Posts:
    """Where the guards of a route stand."""

    def stand(names: Sequence[str]) -> tuple[Post, ...]:
        declared = [settings.guards[name] for name in names]
        return tuple(
            Post(guards[name], one.on_error, one.timeout_s, one.words)
            for name, one in zip(names, declared, strict=True)
        )

    said = route.guards
    return Posts(stand(said.input), stand(said.evidence), stand(said.draft), stand(said.output), said.release)


def reads_of(knowledge: SqliteKnowledge) -> Callable[[Version, Principal], Awaitable[bool]]:
    """Whether a principal may read all that a version was taught on; of a collection that is gone, nobody knows."""

    async def reads(version: Version, principal: Principal) -> bool:
        names = knowledge.names_of(principal)
        if any(names.isdisjoint(readers) for readers in version.readers):
            return False
        known = {one["name"] for one in await knowledge.collections(principal)}
        return known.issuperset(version.collections)

    return reads


def links_of(settings: Settings) -> Links:
    """What makes links in answers inert that neither the evidence nor `[privacy] links` has."""
    return lambda evidence: lambda: InertLinks(settings.privacy.links, evidence)


def failing_of(settings: Settings) -> Failing:
    """What becomes of requests that cannot be recorded."""
    return Failing(goes_on=settings.store.on_store_failure == "go on")


def forgetting_of(
    declared: Settings,
    knowledge: SqliteKnowledge,
    traces: SqliteTraces,
    *others: Erasable,
    remember: Callable[[Erasure], None] = lambda erasure: None,
    learners: Learners = none_learnt,
) -> Forgetting:
    """What forgets users and documents. `others`: every further store that keeps something of them or of requests."""
    named = {name: declared.path(route.policy) for name, route in declared.routes.items() if route.policy}
    students = DataFolder(declared.folder).students
    stores = ErasableKnowledge(knowledge.database), others, ErasableTraces(traces.database)
    return Forgetting(*stores, named, students, remember, learners)


def landings_of(
    settings: Settings,
    route: Route,
    models: Mapping[str, Model],
    guards: Mapping[str, Guard],
    taught: Version | None = None,
) -> tuple[Landing, ...]:
    """The tiers of a route, lowest first. Those that can keep to the schema a guard will hold them to are given it."""
    form = _form(guards[name] for name in (*route.guards.draft, *route.guards.output))
    landings = tuple(_landing(settings, route, index, models) for index in range(len(route.tiers)))
    return tuple(
        replace(
            landing,
            form=form if "json_schema" in landing.model.card.capabilities else None,
            taught=taught if taught is not None and landing.name == taught.tier else None,
        )
        for landing in landings
    )


def parts_of(
    settings: Settings, route: Route, landings: tuple[Landing, ...], shared: Shared, sample: Sample | None
) -> pipeline.Parts:
    """All that the requests of a route pass through."""
    return pipeline.Parts(
        landings=landings,
        collections=route.collections,
        retriever=shared.retriever,
        encoder=shared.encoder,
        gate=shared.gate,
        confidence=FittedConfidence(),
        decide=decide,
        traces=shared.traces,
        answers=shared.answers,
        detect=lambda words: text.detect(words, route.languages[0] if route.languages else ""),
        abstention=route.abstention,
        languages=route.languages,
        passages=route.passages,
        climb_on_failure=route.on_failure == "climb",
        retention_s=settings.store.retention_days * DAY_S,
        keep_content=settings.store.record_content,
        sample=sample,
        fingerprint=digest(fingerprint(settings, route, landings, shared.encoder.name)),
        tool_label=route.tool_label,
        purse=shared.purse,
        key_words=shared.key_words,
        failing=shared.failing,
        fingerprints=shared.fingerprints,
        sticky=route.sticky,
        evidence=shared.evidence,
        reads=shared.reads,
        links=shared.links,
        guards=posts_of(settings, route, shared.guards),
        vault=shared.vault,
        beside=shared.beside,
    )


def _landing(settings: Settings, route: Route, index: int, models: Mapping[str, Model]) -> Landing:
    tier = route.tiers[index]
    last = index == len(route.tiers) - 1
    model = models[tier.model]
    # The last tier serves what it says, unless it quotes: the nearest sentence to nonsense is no answer.
    default = 0.0 if last and model.card.generates else DEFAULT_THRESHOLD
    return Landing(
        name=tier_name(route, index),
        model_name=tier.model,
        model=model,
        to=_destination(settings, route, tier, tier_name(route, index)),
        threshold=default if tier.threshold is None else tier.threshold,
        adapter=tier.adapter,
        taught_in=_taught_in(settings, tier),
        passages=route.passages if tier.passages is None else tier.passages,
        max_tokens=tier.max_tokens or route.max_tokens,
        zone=zones.of_model(settings, tier.model),
    )


def _taught_in(settings: Settings, tier: Tier) -> tuple[str, ...]:
    """The languages that the tier's adapter was taught in; none where it has no lineage, or one that cannot be read."""
    file = settings.models[tier.model].adapters.get(tier.adapter)
    try:
        found = adapters.lineage(settings.path(file)) if file else None
    except ConfigurationError:  # the engine says so when it loads the adapter
        return ()
    return found.languages if found is not None else ()


def _form(guards: Iterable[Guard]) -> JSON | None:
    """The schema that answers are held to, as a `response_format`; None where no grammar enforces all of it."""
    form = next((guard.form for guard in guards if isinstance(guard, Schema) and guard.form), None)
    try:
        if form is not None:
            schemas.check(form["json_schema"]["schema"])
    except InvalidRequest:
        return None
    return form


def _destination(settings: Settings, route: Route, tier: Tier, name: str) -> Destination:
    model = settings.models[tier.model]
    return Destination(
        model=tier.model,
        tier=name,
        highest=highest_label(settings, tier),
        leaves=leaves(model),
        region=model.region,
        barred=barred(settings, route, tier),
        redact=redacts(settings, tier),
        system=tier.system if tier.system is not None else route.system,
    )


async def known_again(
    marker: FingerprintMarker, knowledge: SqliteKnowledge, traces: SqliteTraces, workers: ProcessWorkers
) -> Fingerprints:
    """What labelled text is known again by, with every document marked: those of an earlier version are now."""
    if filled := await knowledge.marks.fill():
        log.info("%d documents are known again from now on", filled)
    answers = SqliteAnswerMarks(traces.database)
    await answers.look()
    return Fingerprints(marker, knowledge.marks, answers, workers)


def workers_of(settings: Settings) -> ProcessWorkers:
    """The processes that embed and parse."""
    return ProcessWorkers(
        settings.workers.count,
        settings.workers.max_queue,
        batch_timeout_s=settings.workers.parse_timeout_s,
        batch_memory_mb=settings.workers.parse_memory_mb,
        warm=(sentence_model.embed, (["warm"],)),
    )
