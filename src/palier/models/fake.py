"""Kind `fake`: a scripted model, for the tests of those who build on palier. It speaks no network and no chance.

    Fake(Rule(match="What time is it?", answer="Noon."))
    Fake(Rule(pattern="(?i)refund", answer="...", fail="cut", after=3))       # fails after three tokens
    Fake(lambda prompt: prompt.question.upper())

The first rule that matches answers; without any rule, the question is repeated. It has every capability:
log-probabilities, `n`, `stop`, `max_tokens`, `echo` and tools behave as on a real endpoint, tokens being words.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from palier.cards import CAPABILITIES, ModelCard
from palier.config import Model as Settings
from palier.errors import (
    Busy,
    ConfigurationError,
    InvalidRequest,
    PalierError,
    Unavailable,
    UpstreamError,
    UpstreamGarbage,
    UpstreamRefused,
    UpstreamTimeout,
)
from palier.interfaces import Resources
from palier.models import catalogue
from palier.models.refusals import context_exceeded
from palier.models.scripted import cut, tokens
from palier.types import Data, Delta, Event, Finish, Metered, Prompt, TokenLogprob, ToolCall, ToolDelta, Usage

FAILURES: dict[str, type[PalierError]] = {
    "busy": Busy,
    "cut": UpstreamGarbage,
    "garbage": UpstreamGarbage,
    "invalid": InvalidRequest,
    "refused": UpstreamRefused,
    "timeout": UpstreamTimeout,
    "unavailable": Unavailable,
}


class Rule(Data, frozen=True, kw_only=True):
    """What to do with a question. Without `match` (equal) or `pattern` (found anywhere) it takes every question."""

    match: str | None = None
    pattern: str | None = None
    answer: str = ""
    tools: tuple[ToolCall, ...] = ()
    finish: str = ""
    """`stop`, or `tool_calls` where it calls tools, when not given."""
    logprob: float = -0.1
    """Of every token."""
    first_s: float = 0.0
    """Seconds before the first token."""
    delay_s: float = 0.0
    """Seconds before each token."""
    fail: Literal["", "busy", "cut", "garbage", "invalid", "refused", "timeout", "unavailable"] = ""
    after: int = 0
    """Tokens that come before it fails."""

    def takes(self, question: str) -> bool:
        if self.match is not None and question != self.match:
            return False
        return self.pattern is None or re.search(self.pattern, question) is not None


Script = Callable[[Prompt], "str | Rule"]


def build(name: str, settings: Settings, resources: Resources) -> Fake:
    """A `Fake` from `[models.NAME]`: `file` holds a rule a line (JSON), or is left out."""
    rules = _read(resources.resolve(settings.file)) if settings.file else []
    return Fake(*rules, card=catalogue.card(name, settings, _card(name)))


class Fake:
    """`interfaces.Model`. `calls` holds the latest prompts, `abandoned` counts those whose caller left early."""

    def __init__(self, *script: Rule | Script, card: ModelCard | None = None, healthy: bool = True) -> None:
        self.card = card or _card("fake")
        self.calls: deque[Prompt] = deque(maxlen=100)
        self.abandoned = 0
        self.healthy = healthy
        self._script = script

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `interfaces.Model`."""
        self.calls.append(prompt)
        asked = _count(prompt)
        if self.card.context is not None and asked > self.card.context:
            raise context_exceeded(asked, self.card.context)
        rule = self._rule(prompt)
        written = 0
        finished = False
        try:
            await asyncio.sleep(rule.first_s)
            for choice in range(prompt.parameters.n):
                for event in self._choice(rule, prompt, choice):
                    await asyncio.sleep(rule.delay_s)
                    if rule.fail and written == rule.after and not isinstance(event, Finish):
                        break
                    written += isinstance(event, Delta)
                    yield event
                if rule.fail:
                    break
            finished = True
        finally:
            self.abandoned += not finished
        if rule.fail:
            raise FAILURES[rule.fail](f"scripted failure: {rule.fail}", retry_after=1.0)
        yield Metered(usage=Usage(prompt=asked, completion=written))

    async def health(self) -> tuple[bool, str]:
        return self.healthy, "ready" if self.healthy else "scripted as unhealthy"

    async def close(self) -> None:
        """Nothing is held."""

    def _rule(self, prompt: Prompt) -> Rule:
        question = _question(prompt)
        for item in self._script:
            if not isinstance(item, Rule):
                made = item(prompt)
                return Rule(answer=made) if isinstance(made, str) else made
            if item.takes(question):
                return item
        if self._script:
            raise UpstreamError("the script has no rule for this question", hint="end it with a rule without `match`")
        return Rule(answer=question)

    def _choice(self, rule: Rule, prompt: Prompt, choice: int) -> Iterator[Event]:
        wanted = prompt.parameters
        if wanted.echo and prompt.text:
            yield from _deltas(prompt.text, rule, prompt, choice, first=math.nan)
        text, finish = _cut(rule, prompt)
        yield from _deltas(text, rule, prompt, choice, start=len(prompt.text or "") if wanted.echo else 0)
        if wanted.tools and rule.tools:
            for index, call in enumerate(rule.tools):
                yield ToolDelta(index=index, choice=choice, id=call.id, name=call.name)
                yield ToolDelta(index=index, choice=choice, arguments=call.arguments)
        yield Finish(reason=finish, choice=choice)


def _deltas(
    text: str, rule: Rule, prompt: Prompt, choice: int, *, start: int = 0, first: float | None = None
) -> Iterator[Delta]:
    """`first` is the log-probability of the first token where it differs: nothing precedes the first of an echo."""
    wanted = prompt.parameters
    for i, token in enumerate(tokens(text)):
        logprob = first if first is not None and i == 0 else rule.logprob
        top = ((token, rule.logprob), ("<other>", rule.logprob - 1))[: wanted.top_logprobs]
        logprobs = (TokenLogprob(token=token, logprob=logprob, top=top, offset=start),) if wanted.logprobs else ()
        start += len(token)
        yield Delta(text=token, choice=choice, logprobs=logprobs)


def _cut(rule: Rule, prompt: Prompt) -> tuple[str, str]:
    """The answer as `stop` and `max_tokens` leave it, and why it ends."""
    text, finish = cut(rule.answer, prompt.parameters)
    if finish == "length":
        return text, finish
    return text, rule.finish or ("tool_calls" if prompt.parameters.tools and rule.tools else "stop")


def _question(prompt: Prompt) -> str:
    if prompt.text is not None:
        return prompt.text
    return prompt.question or next((m.content for m in reversed(prompt.messages) if m.role == "user"), "")


def _count(prompt: Prompt) -> int:
    texts = [prompt.text] if prompt.text is not None else [message.content for message in prompt.messages]
    return sum(len(tokens(text)) for text in texts)


def _card(name: str) -> ModelCard:
    return ModelCard(name=name, kind="fake", title="scripted answers, for tests", capabilities=CAPABILITIES)


def _read(file: Path) -> list[Rule]:
    decoder = msgspec.json.Decoder(Rule)
    rules: list[Rule] = []
    try:
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            try:
                if line.strip():
                    rules.append(decoder.decode(line))
                    re.compile(rules[-1].pattern or "")
            except (msgspec.DecodeError, UnicodeDecodeError, re.error) as error:
                raise ConfigurationError(f"{file}, line {number}: {error}") from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    return rules
