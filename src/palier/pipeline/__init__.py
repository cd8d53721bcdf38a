"""The whole request, as a straight line: retrieve, then for each tier admit, ask, decide; answer or abstain; record.

`stream` is the one implementation. A draft whose tier must reach a threshold is held until the decision; what is served
whatever it says (the last tier, or a tier asked by name) is released as it comes, unless it is a quotation: that comes
all at once, and an empty one is no answer. After the first released event there is no fallback: an error then ends the
stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from palier.budgets import Budget, Tab
from palier.errors import PalierError
from palier.interfaces import (
    Admission,
    Answers,
    Confidence,
    Decide,
    Encoder,
    Evidence,
    Gate,
    Links,
    Purse,
    Retriever,
    Traces,
    Vault,
)
from palier.pipeline import guarding
from palier.pipeline.asked import Asked, ahead, in_vain
from palier.pipeline.drafts import replay
from palier.pipeline.journey import Journey
from palier.pipeline.known import carried, may_carry, remember
from palier.pipeline.landing import Landing
from palier.pipeline.mending import again
from palier.pipeline.paying import affordable
from palier.pipeline.posts import NONE, Posts, Stopped
from palier.pipeline.sample import Sample
from palier.pipeline.titles import told
from palier.privacy.fingerprints import Fingerprints
from palier.stores.failing import Failing
from palier.types import Completed, Delta, Event, Hit, Label, Principal, Request, Result, ToolDelta
from palier.versions import Version

__all__ = ["NOT_FOR_ALL", "Journey", "Landing", "Parts", "answer", "stream"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a route's requests pass through, wired by `app`."""

    landings: tuple[Landing, ...]
    collections: tuple[str, ...]
    retriever: Retriever
    gate: Gate
    confidence: Confidence
    decide: Decide
    traces: Traces
    answers: Answers
    detect: Callable[[str], str]
    abstention: dict[str, str]
    languages: tuple[str, ...]
    passages: int
    climb_on_failure: bool
    retention_s: float
    keep_content: bool = True
    sample: Sample | None = None
    encoder: Encoder | None = None
    """Of questions, for the policies that go by them."""
    fingerprint: str = ""
    """Names what the answers depend on; a trace says it."""
    policy: str = ""
    """Names the policy that decides; empty where none holds."""
    tool_label: Label = Label.CONFIDENTIAL
    """Of the results of tools that clients send back."""
    evidence: Evidence | None = None
    """The label that a passage has now."""
    links: Links | None = None
    """What makes links in answers inert; None: they stay as they are."""
    vault: Vault | None = None
    """Where what was replaced in prompts is kept."""
    purse: Purse | None = None
    """Where what a key's requests cost is counted."""
    key_words: Callable[[str], str] | None = None
    """What is to be said of the budget of the key of that name."""
    budget: Budget | None = None
    """What the route may take; None: as much as it does."""
    failing: Failing | None = None
    """Whether requests are recorded, and what becomes of those that are not."""
    fingerprints: Fingerprints | None = None
    """Knows labelled text again; without, only palier's own answers are known, where they come whole."""
    reads: Callable[[Version, Principal], Awaitable[bool]] | None = None
    """Whether a principal may read all that a student was taught on."""
    guards: Posts = NONE
    """What looks at questions, evidence, drafts and answers."""
    sticky: bool = False
    """Whether a conversation keeps the label of the evidence it saw."""
    beside: Callable[[Journey], None] | None = None
    """Hears of each request after it was recorded; it neither waits nor raises."""


async def answer(request: Request, parts: Parts) -> Result:
    """The outcome of `request`, once it is recorded. Raises what `stream` raises."""
    async with aclosing(stream(request, parts)) as events:
        async for event in events:
            if isinstance(event, Completed):
                return event.result
    raise RuntimeError("a request ended without an outcome")


async def stream(request: Request, parts: Parts) -> AsyncGenerator[Event | Completed, None]:
    """The served answer's events, then `Completed` after the trace is durable.

    Raises `InvalidRequest` when no tier can honour the request, `BudgetExceeded` when the route's budget leaves none,
    `StoreError` when it cannot be recorded, and the last tier's error when every tier that was
    asked failed. A request that is left, cancelled or failed is recorded too.
    """
    if parts.failing is not None:
        parts.failing.check()
    journey = Journey(
        _labelled(request, parts.tool_label), parts.retention_s, parts.keep_content, parts.fingerprint, parts.policy
    )
    place = parts.sample.draw(request) if parts.sample else None  # before anything is known of the request
    tab = parts.budget.open(request.created or None) if parts.budget else Tab()
    try:
        await _prepare(journey, parts)
        for landing in _ways(journey, parts):
            admission = await _admit(journey, parts, landing, tab)
            if admission is None:
                continue
            mending = False
            while admission is not None:
                asked = Asked(journey, landing, admission, parts.links, parts.guards, mending=mending)
                with asked:
                    async with aclosing(landing.model.stream(asked.sent)) as events:
                        async for came in events:
                            for event in asked.take(came):
                                yield _released(journey, event)
                            if asked.watched:
                                for event in await asked.cleared():
                                    yield _released(journey, event)
                            if asked.enough:
                                break
                    for event in (*asked.rest(), *(await asked.cleared(end=True))):
                        yield _released(journey, event)
                held = await asked.settle(parts) if asked.answered else None
                for event in replay(held) if held else ():
                    yield _released(journey, event)
                admission, mending = await _again(asked, journey, parts, landing, admission, tab), True
            if journey.result or journey.refused or (asked.failed and not parts.climb_on_failure):
                break
        if journey.result is None:
            for event in replay(_unanswered(journey, parts, tab).draft):
                yield _released(journey, event)
    except (GeneratorExit, asyncio.CancelledError):
        journey.error = "abandoned"
        raise
    except BaseException as error:
        told = error.message if isinstance(error, PalierError) else "unforeseen"
        journey.error = f"{type(error).__name__}: {told}"
        raise
    finally:
        _pay(journey, parts, tab)
        await _record(journey, parts, place)
    assert journey.result is not None
    of_key = parts.key_words(journey.request.principal.key) if parts.key_words else ""
    yield Completed(result=msgspec.structs.replace(journey.result, budget="; ".join(filter(None, (tab.words, of_key)))))


def _released(journey: Journey, event: Event) -> Event:
    """`event`, on its way out: when the first words went is kept."""
    if "first_ms" not in journey.timings and isinstance(event, Delta | ToolDelta):
        journey.timings["first_ms"] = journey.elapsed_ms
    return event


def _pay(journey: Journey, parts: Parts, tab: Tab) -> None:
    """Count what was spent, by its route and by its key, however it ended: tokens that nobody counted by an estimate.

    A cost that is not known counts as nothing.
    """
    tab.close(journey.steps)
    if parts.purse is not None and (key := journey.request.principal.key):
        cost = sum(step.cost.value or 0.0 for step in journey.steps)
        used = [*(step.usage for step in journey.steps if step.usage is not None), *journey.guessed]
        parts.purse.spend(key, cost, sum(usage.prompt + usage.completion for usage in used))


async def _prepare(journey: Journey, parts: Parts) -> None:
    """Find out what the conversation carries, the language and the passages."""
    unlooked = await guarding.acceptable(journey.request, parts.guards, journey.guards)
    if may_carry(journey.request, parts):
        await carried(journey, parts)
    if unlooked is not None:
        journey.stop(unlooked)
        return
    if parts.guards.input:
        journey.request, stopped = await guarding.question(journey.request, parts.guards, journey.guards)
        if stopped is not None:
            journey.stop(stopped)
            if journey.refused:
                return
    request = journey.request
    language = request.language or (parts.detect(request.question) if _minds_language(request, parts) else "")
    passages: tuple[Hit, ...] = ()
    if parts.collections and request.text is None and request.question.strip():
        started = time.perf_counter()
        passages = tuple(
            await parts.retriever.search(
                request.question, parts.collections, parts.passages, request.principal, context=_before(request)
            )
        )
        journey.timings["retrieve_ms"] = (time.perf_counter() - started) * 1000
    if parts.guards.evidence:
        request, passages = await guarding.evidence(request, passages, parts.guards, journey.guards)
    if parts.encoder and request.tier is None and any(landing.rule and landing.rule.asks for landing in parts.landings):
        journey.vector = await parts.encoder.encode([request.question])
    journey.request = msgspec.structs.replace(request, language=language, passages=passages)
    journey.needed = frozenset(hit.key for hit in passages[:1])


def _labelled(request: Request, tool_label: Label) -> Request:
    """With the most restrictive label of what the client wrote: a message may say its own, tools have theirs."""
    label = request.label
    for message in request.messages:
        if message.label is not None:
            label = Label.highest(label, message.label)
        if message.role == "tool":
            label = Label.highest(label, tool_label)
    return request if label is request.label else msgspec.structs.replace(request, label=label)


def _minds_language(request: Request, parts: Parts) -> bool:
    """Whether anything depends on the language: what is looked up, or who may be asked."""
    return bool(parts.collections) or any(landing.model.card.languages for landing in parts.landings)


async def _record(journey: Journey, parts: Parts, place: float | None) -> None:
    """Keep what happened, whatever becomes of the rest."""
    try:
        if journey.raised:
            await remember(journey, parts)
        if journey.replaced and parts.vault and parts.keep_content:
            kept = parts.vault.keep_map(journey.request.id, journey.expires, journey.replacements())
            await (kept if parts.failing is None else parts.failing.recorded(kept))
    finally:
        if parts.sample and place is not None and journey.auditable:
            await parts.sample.keep(journey, place)
        else:
            await parts.traces.record(journey.trace())
    if parts.beside is not None:
        parts.beside(journey)


def _before(request: Request) -> str:
    """The user turn before the last."""
    turns = [message.content for message in request.messages if message.role == "user"]
    return turns[-2] if len(turns) > 1 else ""


def _ways(journey: Journey, parts: Parts) -> Sequence[Landing]:
    request = journey.request
    if journey.refused:
        return ()
    if request.tier is None:
        return parts.landings
    return [landing.asked_alone() for landing in parts.landings if landing.name == request.tier]


async def _admit(journey: Journey, parts: Parts, landing: Landing, tab: Tab) -> Admission | None:
    """The prompt for this tier, or None when it cannot honour the request, costs too much, or may not receive it."""
    request = journey.request
    if journey.upwards and landing is not parts.landings[-1] and request.tier is None:
        journey.pass_over(landing, in_vain(landing, journey.upwards, ""))
        return None
    if obstacle := landing.obstacle(request):
        journey.skip(landing, obstacle)
        return None
    if landing.taught and not await _may_be_served(request.principal, parts, landing.taught):
        journey.pass_over(landing, in_vain(landing, NOT_FOR_ALL, ""))
        return None
    if (decision := ahead(journey, parts, landing)) is not None and decision.action != "stay":
        journey.pass_over(landing, decision)
        return None
    if why := affordable(tab, journey, landing):
        journey.pass_over(landing, in_vain(landing, why, ""))
        return None
    if landing.to.leaves:
        await _look_again(journey, parts)
    admission = await landing.admit(journey.request, parts.gate, journey.needed, why=journey.why)
    if admission.prompt is None:
        journey.refuse(landing, admission)
        return None
    journey.redact(landing, admission)
    return admission


async def _again(
    asked: Asked, journey: Journey, parts: Parts, landing: Landing, admission: Admission, tab: Tab
) -> Admission | None:
    """What the tier is asked to mend its draft by; None where it has not to, or may not."""
    if not asked.wanted or affordable(tab, journey, landing):
        return None
    return await again(
        journey, parts, landing, admission, asked.wanted, asked.wrote, lambda: _look_again(journey, parts)
    )


async def _may_be_served(principal: Principal, parts: Parts, version: Version) -> bool:
    """Who may not read all that a student was taught on is not told by it what stands there."""
    if principal.admin or not (version.collections or version.readers):
        return True
    return parts.reads is not None and await parts.reads(version, principal)


async def _look_again(journey: Journey, parts: Parts) -> None:
    """Give all that may leave the label it has now: tiers below may have taken their time.

    A passage that is gone by now, or that whoever asked may not read any more, goes nowhere.
    """
    if not journey.steps:
        return
    await carried(journey, parts, again=True)
    if parts.evidence is None:
        return
    hits = []
    for hit in journey.request.passages:
        label = await parts.evidence(hit, journey.request.principal)
        now = Label.RESTRICTED if label is None else Label.highest(hit.label, label)
        hits.append(hit if now is hit.label else msgspec.structs.replace(hit, label=now))
    journey.request = msgspec.structs.replace(journey.request, passages=tuple(hits))


def _unanswered(journey: Journey, parts: Parts, tab: Tab) -> Result:
    """The abstention of a request that nobody answered, or that a guard refused. Raises as `stream` does."""
    if journey.refused and journey.stopped is not None:
        words = _refusal(journey.request, parts, journey.stopped)
        return journey.abstain(words, Label.PUBLIC, why=journey.stopped.why)
    if tab.refused is not None and {step.outcome for step in journey.steps} <= {"skipped", "refused"}:
        raise tab.refused
    _raise_if_hopeless(journey)
    missed = _UNREACHED if journey.failures else _UNPAID if tab.refused is not None else None
    words, label = _abstention(journey.request, parts, missed)
    return journey.abstain(words, label)


def _refusal(request: Request, parts: Parts, stopped: Stopped) -> str:
    """The guard's own words, or the route's for what it cannot answer, in the language of the question."""
    asked = request.language or parts.detect(request.question)
    said = stopped.post.words
    spoken = [asked, *parts.languages, *said]
    if (own := next((said[language] for language in spoken if language in said), "")) or said:
        return own
    fallback = next((language for language in (asked, *parts.languages) if language in _REFUSAL), "en")
    return parts.abstention.get(asked) or _REFUSAL[fallback]


def _raise_if_hopeless(journey: Journey) -> None:
    """An error is honest where no tier wrote anything because of it; else an abstention is.

    A tier that failed might have answered: that another may not see the evidence does not make it unanswerable.
    """
    outcomes = {step.outcome for step in journey.steps}
    if outcomes <= {"skipped"} and journey.obstacles:
        raise journey.obstacles[-1]
    parameters = [obstacle for obstacle in journey.obstacles if obstacle.param != "messages"]
    if outcomes <= {"skipped", "refused"} and parameters:
        refused = next(step for step in journey.steps if step.outcome == "refused")
        parameters[-1].hint = f"{refused.tier} might, and is not asked: {refused.reason}"
        raise parameters[-1]
    if "failed" in outcomes and outcomes <= {"failed", "skipped", "refused"} and not journey.passed_over:
        raise journey.failures[-1]


NOT_FOR_ALL = "it was taught on what not everybody may read"
"""Why a student is not asked by somebody."""
_REFUSAL = {"fr": "Je ne peux pas répondre à cette demande.", "en": "I cannot answer this request."}
_ABSTENTION = {
    "fr": "Je ne sais pas répondre à cette question avec les documents dont je dispose.",
    "en": "I don't know: the documents I have do not answer this question.",
}
_CLOSE = 0.01
"""The least score of a passage worth naming: nine in ten of the sample company's questions find a better one; of those
about something else, one in four."""
_UNREACHED = {
    "fr": "Un modèle qui aurait pu y répondre n'a pas pu être joint.",
    "en": "A model that might have known could not be reached.",
}
_UNPAID = {
    "fr": "Un modèle qui aurait pu y répondre n'a pas été interrogé : le budget ne le permet pas pour l'instant.",
    "en": "A model that might have known was not asked: the budget does not allow it for now.",
}
_FOUND = {"fr": "Ce que j'ai trouvé de plus proche :", "en": "The closest I found:"}


def _abstention(request: Request, parts: Parts, missed: Mapping[str, str] | None) -> tuple[str, Label]:
    """An honest "I don't know", in the language of the question, with what was found; and what its titles carry.

    `missed`: why a model did not write that might have known, by language.
    """
    asked = request.language or parts.detect(request.question)
    fallback = next((spoken for spoken in parts.languages if spoken in _ABSTENTION), "en")
    language = asked if asked in _ABSTENTION else fallback
    words = parts.abstention.get(asked) or parts.abstention.get(language) or _ABSTENTION[language]
    if missed is not None:
        words = f"{words} {missed[language]}"
    titles: dict[str, int] = {}
    for n, hit in enumerate(request.passages, 1):
        if hit.score >= _CLOSE:
            titles.setdefault(hit.title or hit.document, n)
    named = dict(list(titles.items())[:3])
    found = ", ".join(f"{told(title)} [{n}]".lstrip() for title, n in named.items())
    label = Label.highest(*(hit.label for hit in request.passages if (hit.title or hit.document) in named))
    return f"{words} {_FOUND[language]} {found}." if found else words, label
