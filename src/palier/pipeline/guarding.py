"""Guards at their posts: at the question, at the evidence, at what a tier wrote, at what is about to be answered.

What a tier says is looked at sentence by sentence, and released so, where every guard can; else when all of it is
there. Where sentences end depends on the text alone, never on the pieces it came in, so that the verdict is the same
streamed or not.
"""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence

import msgspec

from palier.guards.failing import DEFAULTS
from palier.interfaces.guarding import Context, Verdict
from palier.pipeline.drafts import Collector, replay
from palier.pipeline.posts import Ahead, Log, Post, Posts, Stopped, accepted, look, passed
from palier.pipeline.sentences import Sentences
from palier.types import (
    Delta,
    Draft,
    Event,
    Finish,
    GuardPlace,
    Hit,
    Message,
    Prompt,
    Request,
    TokenLogprob,
    ToolDelta,
)

# --- the question and the evidence ---------------------------------------------------------------------------------


async def acceptable(request: Request, posts: Posts, told: Log) -> Stopped | None:
    """Whether guards could look at what is asked for; who stops it. Raises `InvalidRequest` where one could not."""
    stand: list[tuple[Post, GuardPlace]] = [(post, "draft") for post in posts.draft]
    for post, place in [*stand, *((post, "output") for post in posts.output)]:
        if (stopped := await accepted(post, place, request.parameters, told)) is not None:
            return stopped
    return None


async def question(request: Request, posts: Posts, told: Log) -> tuple[Request, Stopped | None]:
    """The request with its last question as the guards let it through; or who stopped it."""
    asked = request.text if request.text is not None else request.question
    if not posts.input or not asked:
        return request, None
    context = Context(
        place="input",
        question=asked,
        language=request.language,
        messages=request.messages,
        parameters=request.parameters,
    )
    text, stopped = await look(posts.input, asked, context, told)
    if stopped is not None or text == asked:
        return request, stopped
    if not text.strip():  # all of it was taken away
        nobody = Verdict(action="refuse", reason="nothing of the question is left")
        return request, Stopped(posts.input[-1], "input", nobody)
    return _asking(request, text), None


def _asking(request: Request, text: str) -> Request:
    if request.text is not None:
        return msgspec.structs.replace(request, text=text)
    last = max(n for n, message in enumerate(request.messages) if message.role == "user")
    messages = list(request.messages)
    messages[last] = msgspec.structs.replace(messages[last], content=text)
    return msgspec.structs.replace(request, messages=tuple(messages))


async def evidence(request: Request, hits: Sequence[Hit], posts: Posts, told: Log) -> tuple[Request, tuple[Hit, ...]]:
    """The passages that the guards let through, and the request with the results of tools as they do.

    A passage that does not pass is left out. A result of a tool must stay where it is: its words go.
    """
    if not posts.evidence:
        return request, tuple(hits)
    context = Context(place="evidence", question=request.question, language=request.language)
    seen = await asyncio.gather(*(look(posts.evidence, hit.text, context, told) for hit in hits))
    kept = [
        hit if text == hit.text else msgspec.structs.replace(hit, text=text)
        for hit, (text, stopped) in zip(hits, seen, strict=True)
        if stopped is None and text.strip()
    ]
    messages = [await _tool(message, context, posts, told) for message in request.messages]
    return msgspec.structs.replace(request, messages=tuple(messages)), tuple(kept)


async def _tool(message: Message, context: Context, posts: Posts, told: Log) -> Message:
    if message.role != "tool" or not message.content:
        return message
    text, stopped = await look(posts.evidence, message.content, context, told)
    if stopped is None and text == message.content:
        return message
    words = text if stopped is None and text.strip() else "[withheld by a guard]"
    return msgspec.structs.replace(message, content=words)


# --- what a tier says ------------------------------------------------------------------------------------------------


_AT_ONCE = 4
"""Sentences of which guards that share their work are asked together."""


def said_of(request: Request, prompt: Prompt) -> Context:
    """What a tier's words are looked at with."""
    return Context(
        question=request.question,
        language=request.language,
        evidence=tuple(hit.text for hit in prompt.passages),
        messages=request.messages,
        parameters=prompt.parameters,
    )


class Watch:
    """What one tier says, on its way to the client or to the decision.

    `take` what it said, and give what is `cleared`. A choice that a guard stops says nothing more, and the others go
    on; once all that were asked for are stopped, it is `over`. JSON is one text, and so are the arguments of each tool
    call; the name of one that the request did not declare is another.

    `early`: words are released before they are looked at. What a guard would mend then stops too.
    """

    def __init__(self, posts: Posts, context: Context, told: Log, tier: str, *, early: bool = False) -> None:
        stand: list[tuple[Post, GuardPlace]] = [(post, "draft") for post in posts.draft]
        stand += [(post, "output") for post in posts.output]
        form = (context.parameters.response_format or {}).get("type", "text")
        self._json = form != "text"
        self._by_sentence = [(post, place) for post, place in stand if post.guard.sentences]
        self._by_whole = [(post, place) for post, place in stand if not post.guard.sentences]
        self._context = context
        self._declared = {tool.get("function", {}).get("name") for tool in context.parameters.tools}
        self._told = told
        self._tier = tier
        self._early = early
        self._choices: dict[int, _Watched] = {}
        self._calls: dict[tuple[int, int], list[ToolDelta]] = {}
        self._waiting: list[Event] = []
        self._open: dict[int, None] = {}
        self._stops: dict[int, Stopped] = {}
        self.mended = False

    @property
    def stopped(self) -> Stopped | None:
        """Who stopped a choice: of several, the first."""
        return next(iter(self._stops.values()), None)

    @property
    def over(self) -> bool:
        """Whether nothing that it may still say could be released."""
        return len(self._stops) >= self._context.parameters.n

    def take(self, event: Event) -> bool:
        """What the tier said next; whether it is released at once."""
        self._waiting.append(event)
        if isinstance(event, Delta | ToolDelta):
            self._open[event.choice] = None
        return self._early and isinstance(event, Delta) and event.choice not in self._stops

    @property
    def unfinished(self) -> list[int]:
        """Choices that began and did not end, or not as they are."""
        return sorted({*self._open, *self._stops})

    async def cleared(self) -> list[Event]:
        """What may be released of what was taken, in order."""
        waiting, self._waiting = self._waiting, []
        free: list[Event] = []
        for event in waiting:
            if not isinstance(event, Delta | ToolDelta | Finish):
                free.append(event)
            elif event.choice in self._stops:
                continue
            elif isinstance(event, Delta):
                watched = self._choice(event.choice)
                watched.take(event)
                free += await self._sentences(watched, watched.sentences.feed(event.text))
            elif isinstance(event, ToolDelta):
                self._calls.setdefault((event.choice, event.index), []).append(event)
            else:
                free += await self._ended(event.choice)
                if event.choice not in self._stops:
                    self._open.pop(event.choice, None)
                    free.append(event)
        return free

    async def end(self) -> list[Event]:
        """The rest of choices that did not finish."""
        free = await self.cleared()
        for choice in sorted({*self._choices, *(choice for choice, _ in self._calls)}):
            if choice not in self._stops:
                free += await self._ended(choice)
        return free

    def _choice(self, choice: int) -> _Watched:
        if choice not in self._choices:
            self._choices[choice] = _Watched(choice, Sentences(whole=self._json))
        return self._choices[choice]

    async def _sentences(self, watched: _Watched, sentences: Iterable[str]) -> list[Event]:
        """Those that pass; held back where some guard wants to see the whole."""
        free: list[Event] = []
        # Where a sentence was cut is known while it is the last that was given.
        waiting = [(sentence, watched.sentences.seam) for sentence in sentences]
        for at in range(0, len(waiting), _AT_ONCE):
            ahead = Ahead()
            try:
                if len(some := waiting[at : at + _AT_ONCE]) > 1:
                    for sentence, _ in some:
                        ahead.ask(self._at(self._by_sentence), sentence)
                for sentence, seam in some:
                    if not await self._sentence(watched, sentence, seam, ahead, free):
                        return free
            finally:
                ahead.leave()
        return free

    async def _sentence(self, watched: _Watched, sentence: str, seam: str, ahead: Ahead, free: list[Event]) -> bool:
        """Whether it passes; what is released of it is `free` then. `seam`: what lies across its end, if it was cut."""
        choice = watched.choice
        text = await self._look(self._by_sentence, sentence, choice, ahead=ahead)
        if choice not in self._stops and seam:
            await self._look(self._by_sentence, seam, choice, unmendable="it does not pass across two parts of it")
        if choice in self._stops:
            return False
        self.mended = self.mended or text != sentence
        watched.passed.append(text)
        event = watched.event(sentence, text)
        if event is not None and not self._by_whole and not self._early:
            free.append(event)
        return True

    async def _ended(self, choice: int) -> list[Event]:
        free: list[Event] = []
        watched = self._choices.pop(choice, None)
        if watched is None and self._by_whole and not self._called(choice):
            watched = _Watched(choice, Sentences())  # nothing was said, and that is a text too
        if watched is not None:
            free += await self._sentences(watched, watched.sentences.end())
            text = whole = "".join(watched.passed)
            if choice not in self._stops and self._by_whole:
                text = await self._look(self._by_whole, whole, choice, empty=True)
                self.mended = self.mended or text != whole
            passed = choice not in self._stops
            if passed and watched.text.strip() and not text.strip() and not self._called(choice):
                post, stands = (self._by_sentence or self._by_whole)[-1]
                left = Verdict(action=DEFAULTS[stands], reason="nothing of it is left")
                self._stops[choice] = Stopped(post, stands, left)
            elif passed and self._by_whole and not self._early:
                logprobs = tuple(watched.logprobs) if text == watched.text else ()
                free.append(Delta(text=text, choice=choice, logprobs=logprobs, refusal=watched.refusal))
        for call in [call for call in self._calls if call[0] == choice]:
            if choice not in self._stops:
                free += await self._call(self._calls.pop(call), choice)
        return free

    def _called(self, choice: int) -> bool:
        return any(place[0] == choice for place in self._calls)

    async def _call(self, deltas: list[ToolDelta], choice: int) -> list[Event]:
        """A tool call that passes. Its arguments are JSON: they pass whole, or not. A name that the request declared is
        the client's own; any other is the tier's words, and is read as such."""
        arguments = "".join(delta.arguments for delta in deltas)
        names = dict.fromkeys(delta.name for delta in deltas if delta.name)
        stand = [*self._by_sentence, *self._by_whole]
        looked: list[tuple[str, Context, str]] = []
        for name in names:
            if name not in self._declared:
                context = msgspec.structs.replace(self._context, part="name")
                looked.append((_spaced(name), context, "the name of a tool call does not pass"))
        context = msgspec.structs.replace(self._context, part="arguments", tool=next(iter(names), ""))
        looked.append((arguments, context, "the arguments of a tool call do not pass"))
        for text, context, why in looked:
            if text and choice not in self._stops:
                await self._look(stand, text, choice, context=context, unmendable=why)
        return [] if choice in self._stops else list(deltas)

    async def _look(
        self,
        stand: Sequence[tuple[Post, GuardPlace]],
        text: str,
        choice: int,
        *,
        context: Context | None = None,
        unmendable: str = "",
        empty: bool = False,
        ahead: Ahead | None = None,
    ) -> str:
        """What passes of it. `unmendable`: why what a guard would mend stops instead; `empty`: also where it is."""
        unmendable = unmendable or ("it was released, and would have been mended" if self._early else "")
        if not text and not empty:
            return text
        at = self._at(stand, context)
        text, stopped = await passed(
            at, text, self._told, tier=self._tier, unmendable=unmendable, empty=empty, ahead=ahead
        )
        if stopped is not None:
            self._stops[choice] = stopped
        return text

    def _at(
        self, stand: Sequence[tuple[Post, GuardPlace]], context: Context | None = None
    ) -> list[tuple[Post, Context]]:
        return [(post, msgspec.structs.replace(context or self._context, place=place)) for post, place in stand]


def _spaced(name: str) -> str:
    """A name as words: `ignoreAll_rules` is "ignore All rules"."""
    return " ".join(_PARTS.sub(" ", name).split())


_PARTS = re.compile(r"[\W_]+|(?<=[a-z\u00df-\u00ff])(?=[A-Z])")


async def held(draft: Draft, watch: Watch) -> tuple[Draft, Stopped | None]:
    """A draft that is complete, as the guards let it through; or as it was, and who stopped it."""
    for event in replay(draft):
        watch.take(event)
    collector = Collector()
    for event in await watch.end():
        collector.add(event)
    if watch.stopped is not None or not watch.mended:
        return draft, watch.stopped
    return msgspec.structs.replace(draft, choices=collector.draft().choices), None


class _Watched:
    """One choice: its sentences on their way, and the tokens that came with them."""

    def __init__(self, choice: int, sentences: Sentences) -> None:
        self.choice = choice
        self.sentences = sentences
        self.text = ""
        self.refusal = False
        self.passed: list[str] = []
        self.logprobs: list[TokenLogprob] = []
        self._places: list[int] = []
        self._exact = True
        """Whether the tokens make up the text, so that it is known in which sentence each stands."""
        self._released = 0

    def take(self, event: Delta) -> None:
        at = len(self.text)
        for token in event.logprobs:
            self._places.append(at)
            at += len(token.token)
        self._exact = self._exact and (not event.logprobs or at == len(self.text) + len(event.text))
        self.logprobs += event.logprobs
        self.refusal = self.refusal or event.refusal
        self.text += event.text

    def event(self, sentence: str, text: str) -> Delta | None:
        """What is released of a sentence, with the tokens that began in it; a mended one has none."""
        start, self._released = self._released, self._released + len(sentence)
        begin, end = bisect_left(self._places, start), bisect_left(self._places, self._released)
        logprobs = tuple(self.logprobs[begin:end]) if text == sentence and self._exact else ()
        if not text and not logprobs:
            return None
        return Delta(text=text, choice=self.choice, logprobs=logprobs, refusal=self.refusal)
