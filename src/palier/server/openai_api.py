"""The OpenAI API: its requests to palier's nouns, palier's events to its answers."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol, runtime_checkable

from palier.app import Palier
from palier.errors import InvalidRequest
from palier.interfaces import Encoder
from palier.pipeline.discretion import discreet
from palier.server import models, wire_chat, wire_completions, wire_embeddings
from palier.server.endpoint import Call
from palier.server.replies import Reply, Stream, json_reply
from palier.server.reply_chat import ChatChunks, chat_completion
from palier.server.reply_completions import TextChunks, text_completion
from palier.types import Completed, Event, Label, Message, Parameters, Request

MAX_CONVERSATION = 200
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, level 1."""


async def chat_completions(call: Call) -> Reply | Stream:
    """`POST /v1/chat/completions`."""
    wire = wire_chat.decode_chat(call.body)
    request = _request(
        call,
        f"chatcmpl-{call.id}",
        wire.model,
        wire_chat.parameters(wire),
        messages=wire_chat.messages(wire),
        stream=bool(wire.stream),
        user=wire.user,
    )
    created = int(request.created)
    if wire.stream:
        chunks = ChatChunks(request.id, wire.model, created, include_usage=wire.include_usage)
        return Stream(_encoded(call.palier, request, chunks), _trace(request.id))
    result = discreet(await call.palier.answer(request), request.principal)
    return json_reply(chat_completion(result, wire.model, created), _trace(request.id))


async def completions(call: Call) -> Reply | Stream:
    """`POST /v1/completions`: one prompt, or several that are answered one after the other.

    Each is a request of its own to rates and budgets: what the ones before spent may end it.
    """
    wire = wire_completions.decode_completion(call.body)
    prompts = wire_completions.prompts(wire)
    parameters = wire_completions.parameters(wire)
    name = f"cmpl-{call.id}"
    requests = [
        _request(
            call,
            name if index == 0 else f"{name}-{index}",
            wire.model,
            parameters,
            text=prompt,
            stream=bool(wire.stream),
            user=wire.user,
        )
        for index, prompt in enumerate(prompts)
    ]
    created = int(requests[0].created)
    if wire.stream:
        chunks = TextChunks(name, wire.model, created, include_usage=wire.include_usage)
        return Stream(_encoded(call.palier, requests[0], chunks), _trace(name))
    call.take(len(requests) - 1)
    results = [discreet(await call.palier.answer(requests[0]), requests[0].principal)]
    for request in requests[1:]:
        call.take(0)
        results.append(discreet(await call.palier.answer(request), request.principal))
    return json_reply(text_completion(name, results, wire.model, created), _trace(name))


class _Chunks(Protocol):
    def encode(self, event: Event | Completed) -> bytes: ...


async def _encoded(palier: Palier, request: Request, chunks: _Chunks) -> AsyncGenerator[bytes, None]:
    async with aclosing(palier.stream(request)) as events:
        async for event in events:
            if isinstance(event, Completed):
                event = Completed(result=discreet(event.result, request.principal))
            if chunk := chunks.encode(event):
                yield chunk


def _trace(id: str) -> list[tuple[bytes, bytes]]:
    return [(b"x-palier-trace", id.encode())]


def _request(
    call: Call,
    id: str,
    model: str,
    parameters: Parameters,
    *,
    messages: tuple[Message, ...] = (),
    text: str | None = None,
    stream: bool,
    user: str | None,
) -> Request:
    route, tier = models.resolve(call, model)
    return Request(
        id=id,
        route=route,
        tier=tier,
        messages=messages,
        text=text,
        parameters=parameters,
        principal=call.caller.asking_for(user),
        label=_label(call, route),
        created=time.time(),
        stream=stream,
        local_only=_local_only(call),
        conversation=_conversation(call),
        parent=_parent(call),
    )


def _label(call: Call, route: str) -> Label:
    """The label of what the client wrote: the route's, which the header may raise and never lowers."""
    usual = call.palier.settings.routes[route].message_label
    given = call.headers.get(b"x-palier-label")
    if given is None:
        return usual
    try:
        labels = [Label(word.strip().lower()) for word in given.decode("latin-1").split(",")]
        return Label.highest(usual, *labels)
    except ValueError:
        raise InvalidRequest(
            f"the header X-Palier-Label is `{given.decode('latin-1')[:40]}`", hint=f"one of {', '.join(Label)}"
        ) from None


def _local_only(call: Call) -> bool:
    """Whether the header says that nothing of this request leaves; without it, the route and the settings say."""
    given = call.headers.get(b"x-palier-local-only")
    if given is None:
        return False
    words = [word.strip() for word in given.decode("latin-1").lower().split(",")]
    if not {"true", "false"}.issuperset(words):
        raise InvalidRequest(f"the header X-Palier-Local-Only is `{', '.join(words)[:40]}`", hint="true or false")
    return "true" in words


def _conversation(call: Call) -> str:
    """The client's name for the conversation, by which a `sticky` route knows it again."""
    given = call.headers.get(b"x-palier-conversation")
    if given is None:
        return ""
    name = given.decode("latin-1").strip()
    if len(name) > MAX_CONVERSATION or not name.isprintable():
        raise InvalidRequest(
            "the header X-Palier-Conversation is no name", hint=f"printable, {MAX_CONVERSATION} characters at most"
        )
    return name


def _parent(call: Call) -> str:
    """The span of who asks; a header that is none begins a trace of its own, as the recommendation has it."""
    given = call.headers.get(b"traceparent", b"").decode("latin-1").strip()
    return given if _TRACEPARENT.fullmatch(given) else ""


async def embeddings(call: Call) -> Reply:
    """`POST /v1/embeddings`, by the encoder that the documents are searched with."""
    wire = wire_embeddings.decode_embedding(call.body)
    encoder = call.palier.encoder
    if wire.model != encoder.name:
        raise models.unknown(wire.model, f"the embedding model is `{encoder.name}`")
    wire_embeddings.check_dimensions(wire.dimensions, encoder.dimension)
    texts, tokens = await _texts(encoder, wire_embeddings.inputs(wire))
    vectors = wire_embeddings.shortened(await encoder.encode(texts), wire.dimensions)
    return json_reply(wire_embeddings.embeddings(vectors, wire.model, tokens, wire.encoding_format))


@runtime_checkable
class _Vocabulary(Protocol):
    """What an encoder with a vocabulary of its own has besides."""

    async def tokenize(self, texts: Sequence[str]) -> list[list[int]]: ...

    async def detokenize(self, ids: Sequence[Sequence[int]]) -> list[str]: ...


async def _texts(encoder: Encoder, inputs: list[str] | list[list[int]]) -> tuple[list[str], int | None]:
    """The inputs as texts, and how many tokens they are (None where the encoder does not say)."""
    texts = [item for item in inputs if isinstance(item, str)]
    arrays = [item for item in inputs if isinstance(item, list)]
    if not isinstance(encoder, _Vocabulary):
        if arrays:
            raise InvalidRequest(f"`input`: {encoder.name} takes no token numbers", hint="send text", param="input")
        return texts, None
    if arrays:
        return await encoder.detokenize(arrays), sum(map(len, arrays))
    return texts, sum(map(len, await encoder.tokenize(texts)))
