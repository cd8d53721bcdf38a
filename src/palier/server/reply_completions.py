"""`/v1/completions` sent: the whole answer, or its chunks as server-sent events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, UnsetType

from palier.server.sse import DONE, Head
from palier.server.wire import Sent, TokenUsage, encode, finite
from palier.server.wire_report import Report, report, token_usage
from palier.types import Completed, Delta, Event, Result, TokenLogprob, Usage


class TextLogprobs(Sent, frozen=True, kw_only=True):
    """The legacy format: parallel lists. `text_offset` counts characters from the start of the choice's text."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None
    text_offset: list[int]


class TextChoice(Sent, frozen=True, kw_only=True):
    text: str
    index: int
    logprobs: TextLogprobs | None
    finish_reason: str


class TextCompletion(Sent, frozen=True, kw_only=True):
    """The answer of `/v1/completions`. `usage` is left out where a tier did not count."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    palier: Report
    usage: TokenUsage | UnsetType = UNSET


def text_completion(id: str, results: Sequence[Result], model: str, created: int) -> TextCompletion:
    """The answers to one prompt or several, whose choices are numbered through."""
    choices = [choice for result in results for choice in result.draft.choices]
    return TextCompletion(
        id=id,
        created=created,
        model=model,
        choices=[
            TextChoice(
                text=choice.text, index=index, logprobs=text_logprobs(choice.logprobs), finish_reason=choice.finish
            )
            for index, choice in enumerate(choices)
        ],
        usage=token_usage(_total([result.draft.usage for result in results])) or UNSET,
        palier=report(*results),
    )


def _total(usages: Sequence[Usage | None]) -> Usage | None:
    known = [usage for usage in usages if usage is not None]
    if len(known) < len(usages):
        return None
    return Usage(
        prompt=sum(usage.prompt for usage in known),
        completion=sum(usage.completion for usage in known),
        cached=sum(usage.cached for usage in known),
    )


def text_logprobs(tokens: Sequence[TokenLogprob], start: int = 0) -> TextLogprobs | None:
    """Token log-probabilities in the legacy format; `start` is the offset of the first token.

    The first token of an echoed prompt follows nothing: its log-probability is null (the tier gives NaN).
    """
    if not tokens:
        return None
    offsets = []
    for token in tokens:
        offsets.append(token.offset if token.offset is not None else start)
        start = offsets[-1] + len(token.token)
    return TextLogprobs(
        tokens=[token.token for token in tokens],
        token_logprobs=[None if token.logprob != token.logprob else finite(token.logprob) for token in tokens],
        top_logprobs=[{text: finite(value) for text, value in token.top} or None for token in tokens],
        text_offset=offsets,
    )


class TextChunks:
    """Events to chunks of one streamed completion; the last carries the `palier` object, as in chat."""

    def __init__(self, id: str, model: str, created: int, *, include_usage: bool) -> None:
        self._head = Head(id, "text_completion", model, created, include_usage=include_usage)
        self._include_usage = include_usage
        self._written: dict[int, int] = {}

    def encode(self, event: Event | Completed) -> bytes:
        """The chunks of one event; b"" for those that the client does not see."""
        match event:
            case Delta(choice=choice, text=text, logprobs=logprobs) if text or logprobs:
                start = self._written.get(choice, 0)
                self._written[choice] = start + len(text)
                return self._chunk(choice, text, text_logprobs(logprobs, start))
            case Completed(result=result):
                return self._finish(result)
        return b""

    def _chunk(self, choice: int, text: str, logprobs: TextLogprobs | None) -> bytes:
        shown = encode(logprobs) if logprobs else b"null"
        return self._head.chunk(
            b'{"text":%b,"index":%d,"logprobs":%b,"finish_reason":null}' % (encode(text), choice, shown)
        )

    def _finish(self, result: Result) -> bytes:
        chunks = []
        last = len(result.draft.choices) - 1
        for index, choice in enumerate(result.draft.choices):
            end = b'{"text":"","index":%d,"logprobs":null,"finish_reason":%b}' % (index, encode(choice.finish))
            told = encode(report(result)) if index == last and not self._include_usage else b""
            chunks.append(self._head.chunk(end, palier=told))
        if self._include_usage:
            usage = encode(token_usage(result.draft.usage))
            chunks.append(self._head.chunk(b"", usage=usage, palier=encode(report(result))))
        chunks.append(DONE)
        return b"".join(chunks)
