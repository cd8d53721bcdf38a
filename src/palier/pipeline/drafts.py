"""Events to drafts, and back."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from palier.types import (
    Choice,
    Delta,
    Draft,
    Event,
    Features,
    Finish,
    Metered,
    Prompt,
    TokenLogprob,
    ToolCall,
    ToolDelta,
    Usage,
)


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Choice:
    text: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    calls: dict[int, _Call] = field(default_factory=dict)
    finish: str = "stop"

    def build(self) -> Choice:
        calls = tuple(
            ToolCall(id=call.id, name=call.name, arguments="".join(call.arguments))
            for _, call in sorted(self.calls.items())
        )
        return Choice(text="".join(self.text), tool_calls=calls, finish=self.finish, logprobs=tuple(self.logprobs))


class Collector:
    """Gathers the events of one generation into a `Draft`, and keeps its clock."""

    __slots__ = ("_choices", "_cited", "_features", "_first", "_started", "_usage")

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self._cited: tuple[int, ...] = ()
        self._features: Features = {}
        self._started = time.perf_counter()
        self._first: float | None = None

    def add(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, Delta):
            choice = self._choice(event.choice)
            choice.text.append(event.text)
            choice.logprobs.extend(event.logprobs)
        elif isinstance(event, ToolDelta):
            call = self._choice(event.choice).calls.setdefault(event.index, _Call())
            call.id = event.id or call.id
            call.name = event.name or call.name
            call.arguments.append(event.arguments)
        elif isinstance(event, Finish):
            self._choice(event.choice).finish = event.reason
        elif isinstance(event, Metered):
            self._usage = event.usage
        else:
            self._cited, self._features = event.passages, event.features

    def _choice(self, index: int) -> _Choice:
        if self._first is None:
            self._first = self.elapsed_ms
        return self._choices.setdefault(index, _Choice())

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the tier was asked."""
        return (time.perf_counter() - self._started) * 1000

    def early_logprob(self, tokens: int) -> float | None:
        """Mean log-probability, in nats, of the first `tokens` of the first choice; None before they are there."""
        first = self._choices.get(0)
        if first is None or len(first.logprobs) < tokens:
            return None
        return sum(max(token.logprob, _LEAST_LOGPROB) for token in first.logprobs[:tokens]) / tokens

    def draft(self) -> Draft:
        """What has been gathered so far."""
        return Draft(
            choices=tuple(choice.build() for _, choice in sorted(self._choices.items())),
            usage=self._usage,
            cited=self._cited,
            features=self._features,
            latency_ms=self.elapsed_ms,
            first_ms=self._first,
        )


def replay(draft: Draft) -> Iterator[Event]:
    """The events of a draft that was held until its decision."""
    for index, choice in enumerate(draft.choices):
        if choice.text or not choice.tool_calls:
            yield Delta(text=choice.text, choice=index, logprobs=choice.logprobs, refusal=choice.refusal)
        for position, call in enumerate(choice.tool_calls):
            yield ToolDelta(index=position, choice=index, id=call.id, name=call.name, arguments=call.arguments)
        yield Finish(reason=choice.finish, choice=index)
    if draft.usage is not None:
        yield Metered(usage=draft.usage)


_LEAST_LOGPROB = -20.0
"""What is less likely counts as this: one token of -inf would say nothing of the others."""
_FAR = 6.0
"""Log-odds beyond which a confidence says no more: 0.998 and 0.002."""
EARLY_TOKENS = 16
"""Tokens by which a draft may be cut short."""


def judgeable(prompt: Prompt, draft: Draft) -> bool:
    """Whether a draft has a confidence: it stands on evidence, or its tier brought signals of its own (a head's)."""
    told = bool(prompt.passages or draft.features)
    return told and bool(draft.text) and not draft.choices[0].tool_calls


def with_signals(features: Features, probability: float, early: float | None) -> Features:
    """`features` and what a policy may rest on besides: the packaged confidence as log-odds, and how the draft began.

    `early` is the mean log-probability of its first tokens; a shorter draft began as it ended.
    """
    bounded = min(max(probability, 1e-6), 1 - 1e-6)
    odds = math.log(bounded / (1 - bounded))
    found = {**features, "confidence": min(max(odds, -_FAR), _FAR)}
    if features.get("logprobs"):
        found["early_logprob"] = features["mean_logprob"] if early is None else early
    return found
