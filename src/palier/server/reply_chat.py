"""`/v1/chat/completions` sent: the whole answer, or its chunks as server-sent events."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from palier.server.sse import DONE, Head
from palier.server.wire import Sent, TokenUsage, encode, finite, readable
from palier.server.wire_report import Report, report, token_usage
from palier.types import Choice, Completed, Delta, Result, TokenLogprob, ToolDelta
from palier.types import Event as TypedEvent


class TopLogprob(Sent, frozen=True, kw_only=True):
    token: str
    logprob: float
    bytes: list[int] | None


class ChatLogprob(TopLogprob, frozen=True, kw_only=True):
    top_logprobs: list[TopLogprob]


class ChatLogprobs(Sent, frozen=True, kw_only=True):
    content: list[ChatLogprob] | None
    refusal: None = None


class SentFunction(Sent, frozen=True, kw_only=True):
    name: str
    arguments: str


class SentToolCall(Sent, frozen=True, kw_only=True):
    id: str
    type: Literal["function"] = "function"
    function: SentFunction


class SentMessage(Sent, frozen=True, kw_only=True):
    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None = None
    tool_calls: list[SentToolCall] | UnsetType = UNSET


class ChatChoice(Sent, frozen=True, kw_only=True):
    index: int
    message: SentMessage
    logprobs: ChatLogprobs | None
    finish_reason: str


class ChatCompletion(Sent, frozen=True, kw_only=True):
    """The answer of `/v1/chat/completions`. `usage` is left out where the tier did not count."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    palier: Report
    usage: TokenUsage | UnsetType = UNSET


def chat_completion(result: Result, model: str, created: int) -> ChatCompletion:
    """The whole answer; `model` is the name the client asked for."""
    return ChatCompletion(
        id=result.id,
        created=created,
        model=model,
        choices=[_choice(index, choice) for index, choice in enumerate(result.draft.choices)],
        usage=token_usage(result.draft.usage) or UNSET,
        palier=report(result),
    )


def _choice(index: int, choice: Choice) -> ChatChoice:
    calls = [
        SentToolCall(id=call.id, function=SentFunction(name=call.name, arguments=call.arguments))
        for call in choice.tool_calls
    ]
    return ChatChoice(
        index=index,
        message=SentMessage(
            content=choice.text if (choice.text or not calls) and not choice.refusal else None,
            refusal=choice.text if choice.refusal else None,
            tool_calls=calls or UNSET,
        ),
        logprobs=chat_logprobs(choice.logprobs),
        finish_reason=choice.finish,
    )


def chat_logprobs(tokens: tuple[TokenLogprob, ...]) -> ChatLogprobs | None:
    """Token log-probabilities (natural logarithm) in the chat format."""
    if not tokens:
        return None
    return ChatLogprobs(
        content=[
            ChatLogprob(
                token=t.token,
                logprob=finite(t.logprob),
                bytes=_bytes(t.token),
                top_logprobs=[
                    TopLogprob(token=token, logprob=finite(logprob), bytes=_bytes(token)) for token, logprob in t.top
                ],
            )
            for t in tokens
        ]
    )


def _bytes(token: str) -> list[int]:
    return list(readable(token).encode())


class ChatChunks:
    """Events to chunks of one streamed answer, `data: {...}` each.

    What does not change within the answer is encoded once. The chunks that finish the choices, and with them the
    `palier` object in the last one, are sent when the trace is durable: `Completed`.
    """

    def __init__(self, id: str, model: str, created: int, *, include_usage: bool) -> None:
        self._head = Head(id, "chat.completion.chunk", model, created, include_usage=include_usage)
        self._include_usage = include_usage
        self._opened: set[int] = set()

    def encode(self, event: TypedEvent | Completed) -> bytes:
        """The chunks of one event; b"" for those that the client does not see."""
        match event:
            case Delta(choice=choice, text=text, refusal=True):
                return self._open(choice, b"null") + self._chunk(choice, b'{"refusal":%b}' % encode(text))
            case Delta(choice=choice, text=text, logprobs=logprobs):
                if not text and not logprobs:
                    return self._open(choice)
                return self._open(choice) + self._chunk(choice, b'{"content":%b}' % encode(text), logprobs)
            case ToolDelta(choice=choice):
                return self._open(choice, b"null") + self._chunk(choice, _tool_delta(event))
            case Completed(result=result):
                return self._finish(result)
        return b""

    def _open(self, choice: int, content: bytes = b'""') -> bytes:
        if choice in self._opened:
            return b""
        self._opened.add(choice)
        return self._chunk(choice, b'{"role":"assistant","content":%b,"refusal":null}' % content)

    def _chunk(self, choice: int, delta: bytes, logprobs: tuple[TokenLogprob, ...] = ()) -> bytes:
        shown = encode(chat_logprobs(logprobs)) if logprobs else b"null"
        return self._head.chunk(b'{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":null}' % (choice, delta, shown))

    def _finish(self, result: Result) -> bytes:
        chunks = []
        last = len(result.draft.choices) - 1
        for index, choice in enumerate(result.draft.choices):
            chunks.append(self._open(index))
            end = b'{"index":%d,"delta":{},"logprobs":null,"finish_reason":%b}' % (index, encode(choice.finish))
            told = encode(report(result)) if index == last and not self._include_usage else b""
            chunks.append(self._head.chunk(end, palier=told))
        if self._include_usage:
            usage = encode(token_usage(result.draft.usage))
            chunks.append(self._head.chunk(b"", usage=usage, palier=encode(report(result))))
        chunks.append(DONE)
        return b"".join(chunks)


def _tool_delta(delta: ToolDelta) -> bytes:
    call: dict[str, object] = {"index": delta.index}
    if delta.id:
        call |= {"id": delta.id, "type": "function"}
    call["function"] = {**({"name": delta.name} if delta.name else {}), "arguments": delta.arguments}
    return b'{"tool_calls":[%b]}' % encode(call)
