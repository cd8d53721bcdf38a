"""What a request carries by what it quotes, and by what its answer is to be known again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from palier.interfaces import Answers, MarkNumbers
from palier.pipeline.journey import Journey, digest
from palier.pipeline.journey import said as said_in
from palier.pipeline.landing import Landing
from palier.privacy.answers import Said, united
from palier.privacy.egress import DEFAULT_SYSTEM
from palier.privacy.fingerprints import KEPT_S, Fingerprints, Seen
from palier.types import Label, Marked, Request


class Knows(Protocol):
    """By what texts are known again: a part of `Parts`."""

    @property
    def answers(self) -> Answers: ...

    @property
    def landings(self) -> tuple[Landing, ...]: ...

    @property
    def fingerprints(self) -> Fingerprints | None: ...

    @property
    def sticky(self) -> bool: ...


def may_carry(request: Request, parts: Knows) -> bool:
    """Whether a look could raise the label of a request: the most requests of many routes need none."""
    prints = parts.fingerprints
    return (
        parts.sticky
        or any(message.role == "assistant" for message in request.messages)
        or (prints is not None and _matters(request, parts, prints.highest))
    )


async def carried(journey: Journey, parts: Knows, *, again: bool = False) -> None:
    """Raise the label of the request to that of what it quotes, and of what its conversation saw."""
    label, seen = await looked_up(journey.request, parts, again=again)
    journey.seen = seen or journey.seen
    journey.carry(label)


async def looked_up(request: Request, parts: Knows, *, again: bool = False) -> tuple[Label, Seen | None]:
    """The label of what a request quotes and of what its conversation saw, and what was looked up for it.

    `again`: it was looked up before, and counts as no further guess.
    """
    prints, seen = parts.fingerprints, None
    answers = list(_told_before(request))
    label = await parts.answers.label_of(answers) if answers else Label.PUBLIC
    if prints and _matters(request, parts, prints.highest):
        who = request.principal
        guesser = "" if who.admin or again else who.key or who.name
        seen = await prints.seen(written(request), guesser)
        label = Label.highest(label, seen.label)
    if prints and parts.sticky:
        label = Label.highest(label, await prints.label_of_turns(_lookup(request, prints)))
    return label, seen


def _matters(request: Request, parts: Knows, highest: Label) -> bool:
    """Whether a label up to `highest` would be news, and keep anything from any tier."""
    return not request.label.allows(highest) and not all(
        landing.to.highest.allows(highest) for landing in parts.landings
    )


async def remember(journey: Journey, parts: Knows) -> None:
    """By what the answer is known again where it carries more than the client wrote, and the conversation with it.

    Whoever is cancelled meanwhile has more marks than it needs, not fewer. An abstention is made of palier's own words,
    and of titles, which are known by their documents.
    """
    request, prints = journey.request, parts.fingerprints
    if prints is None or not journey.raised:
        return
    expires = (request.created or time.time()) + KEPT_S
    turns = tuple(_turns(request, prints, *journey.told)) if parts.sticky else ()
    journey.marked = Marked(turns=turns, expires=expires)
    texts = [*journey.told, *_called(journey)]
    if texts and not journey.abstained:
        own = await prints.own([*written(request), *_rules(parts)], journey.seen)
        said = await prints.said(texts, journey.carries)
        journey.marked = Marked(marks=_marks(said, own), turns=turns, expires=expires)
        known = united([own, await prints.lower(said, journey.carries)])
        journey.marked = Marked(marks=_marks(said, known), turns=turns, expires=expires)
        journey.answers = tuple(_digests(journey, said, known))


def _called(journey: Journey) -> Iterator[str]:
    """What stands in the arguments of the tools that the answer calls."""
    drafts = [journey.result.draft] if journey.result is not None else list(journey.drafts.values())
    for call in (call for draft in drafts for choice in draft.choices for call in choice.tool_calls):
        try:
            yield from _leaves(msgspec.json.decode(call.arguments))
        except (msgspec.MsgspecError, RecursionError):
            yield call.arguments


def _marks(said: Sequence[Said], known: MarkNumbers) -> bytes:
    return united(one.to_record(known) for one in said).tobytes()


def _rules(parts: Knows) -> Iterator[str]:
    """What the operator tells tiers, which they may repeat."""
    yield DEFAULT_SYSTEM
    yield from (landing.to.system for landing in parts.landings)


def _digests(journey: Journey, said: Sequence[Said], known: MarkNumbers) -> Iterator[str]:
    """By what the answer is known word for word: wherever it stands, if it says what nothing known says.

    One with little new in it ("Yes.") says it as an answer to its question only: anybody may have written it elsewhere.
    One that stands in documents of a lower label, or was written by the client, is not known at all.
    """
    asked = journey.request.messages[-1].content if journey.request.messages else ""
    for text, one in zip(journey.told, said, strict=False):
        if len(one.to_look_up(known)):
            yield digest(text)
        elif not one.is_known(known):
            yield _as_answer(journey.request, asked, text)


def _as_answer(request: Request, asked: str, text: str) -> str:
    """Names an answer together with what it answers, and to whom."""
    return digest(msgspec.json.encode((request.principal.name, asked.split(), text.split())).decode())


def _told_before(request: Request) -> Iterator[str]:
    """The digests by which the answers in a conversation may be known."""
    asked = ""
    for message in request.messages:
        if message.role == "assistant":
            for text in filter(None, said_in(message)):
                yield digest(text)
                yield _as_answer(request, asked, text)
        asked = message.content


def written(request: Request) -> list[str]:
    """All that a client wrote and a tier would receive: first what is said, in the order of the conversation."""
    said = [request.text or ""]
    named: list[str] = []
    for message in request.messages:
        said += [message.content, *(call.arguments for call in message.tool_calls)]
        named += [message.name or "", message.tool_call_id or ""]
        named += [name for call in message.tool_calls for name in (call.id, call.name)]
    asked = request.parameters
    given = (asked.tools, asked.tool_choice, asked.response_format, asked.logit_bias)
    numbers = (asked.seed, asked.temperature, asked.top_p, asked.presence_penalty, asked.frequency_penalty)
    texts = [
        *said,
        *dict.fromkeys(named),
        *asked.stop,
        asked.suffix or "",
        *("\n".join(_leaves(part)) for part in (*given, numbers)),
    ]
    return [text for text in texts if text]


def _leaves(part: object) -> Iterator[str]:
    """The texts and numbers of what goes out as JSON, names of fields too."""
    parts = [part]
    while parts:
        match parts.pop():
            case dict() as fields:
                parts += [*fields, *fields.values()]
            case list() | tuple() as items:
                parts += items
            case None | bool():
                pass
            case leaf:
                yield str(leaf)


def _turns(request: Request, prints: Fingerprints, *told: str) -> list[bytes]:
    """By what the conversation is to be known again."""
    said = [message.content for message in request.messages if message.role in ("user", "assistant")]
    return prints.turns(request.principal.name, [*said, *told], request.conversation)


def _lookup(request: Request, prints: Fingerprints) -> list[bytes]:
    """By what it may be known: of one that has a name not by what people write, which others may write too."""
    roles = ("assistant",) if request.conversation else ("user", "assistant")
    said = [message.content for message in request.messages if message.role in roles]
    return prints.turns(request.principal.name, said, request.conversation)
