"""What a request carries by what it quotes, and by what its answer is to be known again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from palier.interfaces import Answers
from palier.pipeline.journey import Journey, digest
from palier.pipeline.landing import Landing
from palier.privacy.fingerprints import KEPT_S, Fingerprints
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


async def carried(journey: Journey, parts: Knows) -> None:
    """Raise the label of the request to that of what it quotes, and of what its conversation saw."""
    request, prints = journey.request, parts.fingerprints
    said = [digest(message.content) for message in request.messages if message.role == "assistant" and message.content]
    label = await parts.answers.label_of(said) if said else Label.PUBLIC
    if prints and _matters(request, parts, prints.highest):
        journey.seen = await prints.seen(written(request))
        label = Label.highest(label, journey.seen.label)
    if prints and parts.sticky:
        label = Label.highest(label, await prints.label_of_turns(_lookup(request, prints)))
    journey.carry(label)


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
    if journey.told and not journey.abstained:
        marks = await prints.marks_of(journey.told, journey.carries, journey.seen)
        journey.marked = Marked(marks=marks.tobytes(), turns=turns, expires=expires)
        marks = await prints.above_documents(marks, journey.carries)
        journey.marked = Marked(marks=marks.tobytes(), turns=turns, expires=expires)


def written(request: Request) -> list[str]:
    """All that a client wrote and a tier would receive: first what is said, in the order of the conversation."""
    said = [request.text or ""]
    named: list[str] = []
    for message in request.messages:
        said += [message.content, *(call.arguments for call in message.tool_calls)]
        named += [message.name or "", message.tool_call_id or ""]
        named += [name for call in message.tool_calls for name in (call.id, call.name)]
    asked = request.parameters
    given = (asked.tools, asked.tool_choice, asked.response_format)
    texts = [
        *said,
        *dict.fromkeys(named),
        *asked.stop,
        asked.suffix or "",
        *("\n".join(_leaves(part)) for part in given),
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
