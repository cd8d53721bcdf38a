"""What a tier says, as the client may read it: values back in the place of placeholders, foreign links inert.

A piece of a stream may end in half a placeholder or half a link: that is held back, and comes with the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import msgspec

from palier.interfaces import Admission, Filtering, Links, Redactions, Restoring
from palier.types import Delta, Event, Finish, Prompt, ToolDelta


def outgoing(admission: Admission, links: Links | None) -> Outgoing:
    """For what a tier says to what was admitted. JSON that was asked for stays JSON, and is not rendered: values are
    escaped in it, and links stay.
    """
    prompt = admission.prompt
    assert prompt is not None
    json = (prompt.parameters.response_format or {}).get("type", "text") != "text"
    inert = links(partial(_evidence, prompt)) if links and not json else None
    return Outgoing(admission.redactions, inert, json=json)


def _evidence(prompt: Prompt) -> list[str]:
    """What an answer may take links from: all that the tier was given, and where its passages come from."""
    said = [message.content for message in prompt.messages]
    return [*said, prompt.text or "", *(hit.url for hit in prompt.passages)]


class Outgoing:
    """The events of one generation, on their way out."""

    def __init__(
        self, redactions: Redactions | None, links: Callable[[], Filtering] | None, *, json: bool = False
    ) -> None:
        self._redactions = redactions
        self._links = links
        self._filters = redactions is not None or links is not None
        self._json = json
        self._texts: dict[int, _Chain | Filtering] = {}
        self._arguments: dict[tuple[int, int], Restoring] = {}
        self.unrestored = 0
        """Placeholders that could not be told, of the texts that have ended."""

    def take(self, event: Event) -> Iterable[Event]:
        """What can be told after `event`."""
        if isinstance(event, Delta):
            return self._text(event) if self._filters else (event,)
        if isinstance(event, ToolDelta):
            return (self._argument(event, self._redactions),) if self._redactions else (event,)
        if isinstance(event, Finish):
            return (*self._ends(event.choice), event)
        return (event,)

    def rest(self) -> Iterator[Event]:
        """What is held back of choices that did not finish."""
        for choice in sorted({*self._texts, *(choice for choice, _ in self._arguments)}):
            yield from self._ends(choice)

    def _text(self, event: Delta) -> tuple[Delta, ...]:
        chain = self._texts.get(event.choice)
        if chain is None:
            chain = self._texts[event.choice] = self._chain()
        told = chain.feed(event.text)
        if told == event.text:
            return (event,)
        return (msgspec.structs.replace(event, text=told),) if told or event.logprobs else ()

    def _chain(self) -> _Chain | Filtering:
        if self._redactions is None and self._links is not None:
            return self._links()
        return _Chain(self._redactions, self._links, json=self._json)

    def _argument(self, event: ToolDelta, redactions: Redactions) -> ToolDelta:
        place = (event.choice, event.index)
        restoring = self._arguments.get(place)
        if restoring is None:
            restoring = self._arguments[place] = redactions.restoring(json=True)
        return msgspec.structs.replace(event, arguments=restoring.feed(event.arguments))

    def _ends(self, choice: int) -> Iterator[Event]:
        chain = self._texts.pop(choice, None)
        if chain is not None:
            text = chain.end()
            if isinstance(chain, _Chain):
                self.unrestored += len(chain.missed)
            if text:
                yield Delta(text=text, choice=choice)
        for place in [place for place in self._arguments if place[0] == choice] if self._arguments else ():
            restoring = self._arguments.pop(place)
            rest = restoring.end()
            self.unrestored += len(restoring.missed)
            if rest:
                yield ToolDelta(index=place[1], choice=choice, arguments=rest)


class _Chain:
    """Restored first, so that a link is judged with its values in it."""

    def __init__(self, redactions: Redactions | None, links: Callable[[], Filtering] | None, *, json: bool) -> None:
        self._restoring = redactions.restoring(json=json) if redactions else None
        self._parts: list[Filtering] = [self._restoring] if self._restoring else []
        if links:
            self._parts.append(links())

    @property
    def missed(self) -> Sequence[str]:
        return self._restoring.missed if self._restoring else ()

    def feed(self, text: str) -> str:
        for part in self._parts:
            text = part.feed(text)
        return text

    def end(self) -> str:
        text = ""
        for part in self._parts:
            text = (part.feed(text) if text else "") + part.end()
        return text
