"""A synthesis wired: the teacher behind the door, the guard that judges what it writes, and the desk that takes it.

The teacher is asked beside production (`app.bench`): what may not leave does not leave, and what leaves is in the
ledger. Documents are read from a copy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import blake2b, sha256
from typing import Protocol

import msgspec

from palier.app.bench import Bench, open_bench
from palier.cards import ModelCard
from palier.cases import Outcome, Suite
from palier.config import Guard, Guards, Route, Settings, highest_label
from palier.errors import ConfigurationError, InvalidRequest
from palier.evals.runs import candidates
from palier.evals.runs.asking import ask
from palier.guards import weighing
from palier.guards.grounding import Grounding
from palier.lessons import Brought, Lesson
from palier.stores.folder import DataFolder
from palier.training import synthesis, synthesis_prompts
from palier.training.lesson_sets import PAIR, room_for_synthetic, source_of
from palier.training.stock import PALIER
from palier.training.synthesis import School, Source, Synthesised, Wanted
from palier.training.synthesis_log import Log
from palier.types import Data, Label, Message, Parameters

ROUTE = "(teacher)"
"""The route that a teacher is asked by: one tier, no documents. No candidate can be called so."""
FOLDER = "synthesis"
"""Of the data folder: what was asked, without its words."""
SEED = 1
PAGE = 200
QUOTES = frozenset({"extract", "head"})
"""Kinds that write nothing of their own."""


class Lessons(Protocol):
    """The desk, here or behind a running gateway."""

    async def page(
        self, *, route: str = "", state: str = "", kind: str = "", after: str = "", limit: int = 200
    ) -> list[Lesson]: ...

    async def add(self, lessons: Sequence[Lesson], *, who: str, accept: bool = False) -> Brought: ...


class Asked(Data, frozen=True, kw_only=True):
    """What the command line says: so many `paraphrases` of each lesson, `pairs` of documents in all."""

    route: str
    teacher: str
    paraphrases: int = 0
    pairs: int = 0
    share: float | None = None
    """Of what is taught, that may be synthetic; None: as the settings say."""
    max_calls: int = 500
    max_cost: float | None = None


async def synthesise(
    settings: Settings,
    desk: Lessons,
    asked: Asked,
    told: Callable[[int, int], None] = lambda made, calls: None,
) -> Synthesised:
    """Have the teacher make lessons for a route, and bring them to the `desk`.

    Raises `ConfigurationError` and `InvalidRequest` for what cannot be, before anything is asked; `Unavailable` where
    the teacher is out of reach, `DataFolderBusy` where a benchmark runs.
    """
    home = settings.routes[asked.route]
    share = _share(settings, asked)
    teaching = route_of(settings, asked)
    labelled = any(settings.models[tier.model].kind == "head" for tier in home.tiers)
    if labelled and asked.pairs:
        raise ConfigurationError(
            f"route `{asked.route}` answers with labels: no passage answers a question there", hint="--paraphrases"
        )
    there = [one async for one in _all(desk, asked.route)]
    real = [one for one in there if one.kind != "synthetic" and one.state == "accepted"]
    made = [one for one in there if one.kind == "synthetic" and one.state != "rejected"]
    wanted = Wanted(
        paraphrases=asked.paraphrases,
        pairs=max(asked.pairs - sum(one.origin.name.startswith(PAIR) for one in made), 0),
        room=max(room_for_synthetic(len(real), share) - len(made), 0),
        max_calls=asked.max_calls,
        max_cost=asked.max_cost,
    )
    if not real:
        raise InvalidRequest(
            f"route `{asked.route}` has no accepted lessons, and synthetic ones are at most {share:.0%} of all",
            hint="palier lessons harvest, import, accept",
        )
    async with open_bench(settings, [], further={ROUTE: teaching}) as opened:
        card = opened.palier.cards(ROUTE)[0]
        _check_teacher(card, asked.teacher)
        guard = Grounding(
            "synthesis", Guard(kind="grounding"), weighing.load(), opened.palier.encoder, opened.palier.workers.batch
        )

        async def supports(answer: str, question: str, passages: Sequence[str]) -> bool:
            judged = await guard.judge(answer, question, passages)
            return bool(judged) and all(1 - one.support <= guard.threshold for one in judged)

        school = School(
            route=asked.route,
            teacher=teaching.tiers[0].model,
            licence=card.licence,
            ask=_asking(opened, card, settings.server.request_timeout_s),
            supports=supports,
            keep=lambda lessons: desk.add(lessons, who=PALIER),
            log=_log(settings, asked.route, teaching.tiers[0].model),
            sees=highest_label(settings, teaching.tiers[0]),
            state="queued" if settings.lessons.review == "all" else "accepted",
            system=home.system,
            agreement_at=home.agreement_at,
            labels=tuple(sorted({one.answer for one in real})) if labelled else (),
        )
        sources = _said_otherwise(real, made) if asked.paraphrases else []
        if wanted.pairs:
            sources += await _passages(opened, home)
        return await synthesis.synthesise(school, sources, wanted, told)


def route_of(settings: Settings, asked: Asked) -> Route:
    """The route to ask a teacher by. What may go to it stays as it is: labels, regions, `local_only`, redaction.

    Raises `ConfigurationError` where it writes nothing of its own.
    """
    suite = Suite(name=FOLDER, task="qa", route=asked.route, cases=())
    (alone,) = candidates.resolve(suite, settings, [asked.teacher])
    if alone.route is None or len(alone.route.tiers) != 1:
        raise ConfigurationError(f"--teacher {asked.teacher}: it is a staircase", hint="name one tier, or a model")
    (tier,) = alone.route.tiers
    if (kind := settings.models[tier.model].kind) in QUOTES:
        raise ConfigurationError(
            f"--teacher {asked.teacher}: `{kind}` writes nothing of its own", hint="a tier or a model that generates"
        )
    tier = msgspec.structs.replace(tier, threshold=0.0, system="", passages=None, max_tokens=None)
    return msgspec.structs.replace(
        alone.route,
        tiers=(tier,),
        collections=(),
        system="",
        message_label=Label.PUBLIC,  # a lesson and a passage have their own
        guards=Guards(),
        sticky=False,
        policy="",
        on_failure="stop",
        max_tokens=synthesis_prompts.MAX_TOKENS,
        audit=0.0,
    )


def _share(settings: Settings, asked: Asked) -> float:
    most = settings.lessons.synthetic_share
    if not (asked.paraphrases or asked.pairs):
        raise ConfigurationError("nothing says what is to be made", hint="--paraphrases N, --from-documents N")
    share = most if asked.share is None else asked.share
    if not 0 < share <= most:
        raise ConfigurationError(
            f"--share {share:g}: no more than {most:g} of what is taught may be synthetic",
            hint="`synthetic_share` of [lessons]",
        )
    return share


def _check_teacher(card: ModelCard, name: str) -> None:
    if not card.may_train_on_outputs:
        raise ConfigurationError(
            f"--teacher {name}: its terms do not let its outputs be learnt from",
            hint="may_train_on_outputs of [models.NAME] says otherwise, where yours do; open weights may be",
        )


def _asking(opened: Bench, card: ModelCard, timeout_s: float) -> synthesis.Ask:
    able = card.capabilities
    parameters = Parameters(
        temperature=0.0 if "temperature" in able else None,
        seed=SEED if "seed" in able else None,
        max_tokens=synthesis_prompts.MAX_TOKENS if "max_tokens" in able else None,
    )

    async def asks(messages: Sequence[Message], label: Label, language: str) -> Outcome:
        request = opened.request(messages, route=ROUTE, parameters=parameters, label=label, language=language)
        return await ask(opened, request, timeout_s)

    return asks


def _log(settings: Settings, route: str, teacher: str) -> Log:
    folder = DataFolder(settings.folder)
    named = blake2b(msgspec.json.encode((route, teacher)), digest_size=12).hexdigest()
    return Log(settings.folder / FOLDER / f"{named}.jsonl", folder.fingerprint_key())


def _said_otherwise(real: Sequence[Lesson], made: Sequence[Lesson]) -> list[Source]:
    """Lessons that nothing was made of yet, in a drawn order; what goes on before is no one question."""
    done = {source_of(one) for one in made}
    found = [one for one in real if one.id not in done and not one.messages]
    return [Source(lesson=one) for one in sorted(found, key=lambda one: _drawn(one.id))]


async def _passages(opened: Bench, home: Route) -> list[Source]:
    """Passages of the route's collections that lessons may be made of, in a drawn order."""
    names: list[tuple[str, str]] = []
    for collection in home.collections:
        after = ""
        while page := await opened.palier.list_documents(collection, after=after, limit=PAGE):
            names += [(collection, document.id) for document in page]
            after = page[-1].id
    found = [one for one in await opened.palier.lessons.passages(names) if len(one.text) >= synthesis.SHORTEST]
    return [Source(passage=one) for one in sorted(found, key=lambda one: _drawn(f"{one.document}#{one.digest}"))]


def _drawn(name: str) -> bytes:
    return sha256(name.encode("utf-8", "surrogatepass")).digest()


async def _all(desk: Lessons, route: str) -> AsyncIterator[Lesson]:
    after = ""
    while page := await desk.page(route=route, after=after, limit=PAGE):
        for lesson in page:
            yield lesson
        after = page[-1].id
