"""palier's nouns <-> the OpenAI wire, as a client speaks it: what is sent to an endpoint and what comes back.

Real providers differ: `usage` missing, null, in every chunk or in a last one without choices; `content` null, absent
or a list of parts; a role-only first chunk; errors in the middle of a stream; no `[DONE]`. All of these are read; what
is not the wire at all raises `UpstreamGarbage`. The reasoning that some models show (`reasoning_content`) is no part of
the answer and is left out.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import msgspec

from palier.errors import UpstreamGarbage
from palier.interfaces import Reply
from palier.models.refusals import refusal
from palier.models.sse import Parser
from palier.types import (
    JSON,
    Delta,
    Event,
    Finish,
    Message,
    Metered,
    Parameters,
    Prompt,
    TokenLogprob,
    ToolDelta,
    Usage,
)

MAX_REPLY_BYTES = 16_000_000


# --- what is sent ------------------------------------------------------------------------------------------------


def path(prompt: Prompt) -> str:
    """Where `prompt` goes, after the base URL."""
    return "/completions" if prompt.text is not None else "/chat/completions"


def body(prompt: Prompt, *, stream: bool, limit_field: str = "max_tokens", **extra: Any) -> JSON:
    """The request of `prompt`. Only what was asked for is sent: the endpoint's own defaults hold for the rest.

    `limit_field` is what the endpoint calls the limit of a chat (`max_completion_tokens` for newer OpenAI models).
    """
    request: JSON = {**extra}
    if prompt.text is not None:
        request["prompt"] = prompt.text
        limit_field = "max_tokens"
    else:
        request["messages"] = [_message(message) for message in prompt.messages]
    request |= _parameters(prompt.parameters, chat=prompt.text is None, limit_field=limit_field)
    if stream:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    return request


def _message(message: Message) -> JSON:
    out: JSON = {"role": message.role, "content": message.content}
    if message.tool_calls:
        out["content"] = message.content or None
        out["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.name is not None:
        out["name"] = message.name
    if message.tool_call_id is not None:
        out["tool_call_id"] = message.tool_call_id
    return out


_PLAIN = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "logit_bias")
_CHAT = ("tool_choice", "parallel_tool_calls", "response_format")


def _parameters(parameters: Parameters, *, chat: bool, limit_field: str) -> JSON:
    names = _PLAIN + _CHAT if chat else (*_PLAIN, "suffix")
    out: JSON = {name: value for name in names if (value := getattr(parameters, name)) is not None}
    if parameters.max_tokens is not None:
        out[limit_field] = parameters.max_tokens
    if parameters.stop:
        out["stop"] = list(parameters.stop)
    if parameters.n != 1:
        out["n"] = parameters.n
    if chat and parameters.tools:
        out["tools"] = list(parameters.tools)
    if parameters.logprobs and chat:
        out["logprobs"] = True
        if parameters.top_logprobs:
            out["top_logprobs"] = parameters.top_logprobs
    elif parameters.logprobs:
        out["logprobs"] = parameters.top_logprobs
    if parameters.echo and not chat:
        out["echo"] = True
    return out


# --- what comes back ---------------------------------------------------------------------------------------------


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Words(msgspec.Struct):
    content: str | list[Any] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Top(msgspec.Struct):
    token: str
    logprob: float | None = None


class _Token(msgspec.Struct):
    token: str
    logprob: float | None = None
    top_logprobs: list[_Top] | None = None


class _Logprobs(msgspec.Struct):
    """Of a chat (`content`) or of a completion (the other four, lists of equal length)."""

    content: list[_Token] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None
    text_offset: list[int] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Words | None = None
    message: _Words | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


MOST_TOKENS = 2**31 - 1
"""Of one reply. What counts more, or less than none, counts wrong: it would make the sums of an hour so."""


def _counted(count: int | None) -> int | None:
    return count if count is not None and 0 <= count <= MOST_TOKENS else None


class _Cached(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Cached | None = None


class _Reply(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Reply)


def read(
    reply: Reply, host: str, *, top: int = 0, usage_of_each: bool = False, secret: str = ""
) -> AsyncIterator[Event]:
    """The events of a successful reply, streamed or whole. `top` bounds the alternatives a token carries.

    The last `usage` counts; with `usage_of_each`, every choice comes with its own and they are added up. `secret` is
    taken out of what an error inside the stream says.

    Raises `UpstreamGarbage` (not the wire, or cut before every choice finished) and what `refusals` makes of an error
    that comes inside the stream.
    """
    streamed = "text/event-stream" in reply.headers.get("content-type", "")
    return _Events(reply, _Reading(host, top, usage_of_each, streamed=streamed, secret=secret))


class _Events:
    """The events of one reply: `_Reading` fed with what comes.

    Not an async generator: one more around each event of every answer costs more than this does, and holds nothing
    that would have to be closed.
    """

    def __init__(self, reply: Reply, reading: _Reading) -> None:
        self._reply = reply
        self._reading = reading
        self._chunks = reply.chunks()
        self._ready: Iterator[Event] = iter(())
        self._ended = False

    def __aiter__(self) -> _Events:
        return self

    async def __anext__(self) -> Event:
        while True:
            for event in self._ready:
                return event
            if self._ended:
                if self._reading.done:
                    await self._reply.finish()
                raise StopAsyncIteration
            chunk = None if self._reading.done else await anext(self._chunks, None)
            self._ended = chunk is None
            self._ready = self._reading.close() if chunk is None else self._reading.feed(chunk)


class _Reading:
    """One reply as it is read, without the reading: bytes in, events out.

    It knows which choices began and which finished, and the last count of tokens. `done` says that nothing more is
    of interest.
    """

    def __init__(self, host: str, top: int, usage_of_each: bool, *, streamed: bool, secret: str) -> None:
        self.done = False
        self._secret = secret
        self._host = host
        self._top = top
        self._began: set[int] = set()
        self._finished: set[int] = set()
        self._usage: _Usage | None = None
        self._usage_of_each = usage_of_each
        self._parser = Parser(host) if streamed else None
        self._whole: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that `chunk` completes; none of a reply that is not streamed, whose end must come first."""
        if self._parser is not None:
            yield from self._take_each(self._parser.feed(chunk))
            return
        self._whole.append(chunk)
        self._size += len(chunk)
        if self._size > MAX_REPLY_BYTES:
            raise UpstreamGarbage(f"{self._host} answered more than {MAX_REPLY_BYTES} bytes")

    def close(self) -> Iterator[Event]:
        """The last events: what was still to be read, and what the end means."""
        if self._parser is None:
            yield from self._take(b"".join(self._whole))
        elif not self.done:
            yield from self._take_each(self._parser.close())
        yield from self._end()

    def _take_each(self, payloads: Iterable[bytes]) -> Iterator[Event]:
        for data in payloads:
            if data == b"[DONE]":
                self.done = True
                return
            yield from self._take(data)

    def _take(self, data: bytes) -> list[Event]:
        """The events of one chunk, or of a whole reply."""
        try:
            reply = _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamGarbage(f"{self._host} answered what is not the OpenAI wire", said=_excerpt(data)) from None
        if reply.error:
            raise refusal(200, data, self._host, secret=self._secret)
        if reply.usage is not None:
            self._count(reply.usage)
        found: list[Event] = []
        for choice in reply.choices or ():
            self._began.add(choice.index)
            self._words(choice, found)
            if choice.finish_reason and choice.index not in self._finished:
                self._finished.add(choice.index)
                found.append(Finish(reason=choice.finish_reason, choice=choice.index))
        return found

    def _end(self) -> Iterator[Event]:
        """What the end means: `[DONE]` finishes every choice; without it, one that did not finish was cut."""
        if not self._began:
            raise UpstreamGarbage(f"{self._host} answered without any choice")
        open_choices = self._began - self._finished
        if open_choices and not self.done:
            raise UpstreamGarbage(f"{self._host} cut its answer in the middle")
        for index in sorted(open_choices):
            yield Finish(reason="stop", choice=index)
        usage = self._usage
        if usage is None:
            return
        prompt, completion = _counted(usage.prompt_tokens), _counted(usage.completion_tokens)
        if prompt is not None or completion is not None:
            cached = _counted(usage.prompt_tokens_details.cached_tokens) if usage.prompt_tokens_details else None
            yield Metered(usage=Usage(prompt=prompt or 0, completion=completion or 0, cached=cached or 0))

    def _count(self, usage: _Usage) -> None:
        if self._usage_of_each and self._usage is not None:
            usage.completion_tokens = (usage.completion_tokens or 0) + (self._usage.completion_tokens or 0)
        self._usage = usage

    def _words(self, choice: _Choice, found: list[Event]) -> None:
        words = choice.delta or choice.message
        text = choice.text or ""
        if words is not None:
            text = _text(words.content) or words.refusal or ""
        tokens = tuple(_tokens(choice.logprobs, self._top)) if choice.logprobs is not None else ()
        if text or tokens:
            found.append(Delta(text=text, choice=choice.index, logprobs=tokens))
        for position, call in enumerate((words.tool_calls if words else None) or ()):
            function = call.function or _Function()
            tool = ToolDelta(
                index=position if call.index is None else call.index,
                choice=choice.index,
                id=call.id or "",
                name=function.name or "",
                arguments=function.arguments or "",
            )
            found.append(tool)


def _text(content: str | list[Any] | None) -> str:
    """`content` as text; of a list of parts, those of type `text`."""
    if not isinstance(content, list):
        return content or ""
    texts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text")
    return "".join(text for text in texts if isinstance(text, str))


def _tokens(logprobs: _Logprobs, top: int) -> Iterator[TokenLogprob]:
    """A log-probability that the provider leaves out (the first token of an echo) is NaN: unknown is never 0."""
    for token in logprobs.content or ():
        best = tuple((other.token, _number(other.logprob)) for other in (token.top_logprobs or ())[:top])
        yield TokenLogprob(token=token.token, logprob=_number(token.logprob), top=best)
    for i, text in enumerate(logprobs.tokens or ()):
        best_of = _at(logprobs.top_logprobs, i) or {}
        yield TokenLogprob(
            token=text,
            logprob=_number(_at(logprobs.token_logprobs, i)),
            top=tuple(best_of.items())[:top],
            offset=_at(logprobs.text_offset, i),
        )


def _at(values: list[Any] | None, i: int) -> Any:
    return values[i] if values is not None and i < len(values) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _excerpt(data: bytes, limit: int = 80) -> str:
    text = data[:limit].decode("utf-8", "replace")
    return repr(text + ("..." if len(data) > limit else ""))
