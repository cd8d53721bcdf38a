"""A model behind the OpenAI wire, for `Upstream`: what an `Endpoint` reads of it must be what the model said.

async with Upstream(default=plays(Fake(Rule(answer="Noon.")))) as upstream: ...
"""

from __future__ import annotations

import json
import math
from typing import Any

from palier.errors import PalierError
from palier.interfaces import Model
from palier.testing.upstream import SSE_TYPE, Behaviour, Call, Wire
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
)

_SAME = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "suffix")
_CHAT = ("tool_choice", "parallel_tool_calls", "response_format")


def plays(model: Model) -> Behaviour:
    """Answers each call with what `model` says to it, streamed."""

    async def behave(call: Call, wire: Wire) -> None:
        prompt = prompt_of(call)
        begun = False
        try:
            async for event in model.stream(prompt):
                if not begun:
                    await wire.head(200, SSE_TYPE)
                    begun = True
                await wire.chunk(_line(_chunk(event, chat=prompt.text is None)))
        except PalierError as error:
            told = {"error": {"message": error.message, "param": error.param, "code": error.code}}
            if not begun:
                await wire.whole(error.status, json.dumps(told).encode(), {"content-type": "application/json"})
                return
            await wire.chunk(_line(told))
        else:
            await wire.chunk(b"data: [DONE]\n\n")
        await wire.end()

    return behave


def prompt_of(call: Call) -> Prompt:
    """The request as palier's own nouns."""
    body = call.json
    chat = call.path.endswith("/chat/completions")
    logprobs = body.get("logprobs")
    parameters = Parameters(
        **{name: body[name] for name in (*_SAME, *_CHAT) if name in body},
        max_tokens=body.get("max_tokens", body.get("max_completion_tokens")),
        stop=tuple(body.get("stop", ())),
        n=body.get("n", 1),
        logprobs=bool(logprobs) if chat else logprobs is not None,
        top_logprobs=body.get("top_logprobs", 0) if chat else logprobs or 0,
        tools=tuple(body.get("tools", ())),
        echo=body.get("echo", False),
    )
    if not chat:
        return Prompt(id="played", text=body["prompt"], parameters=parameters)
    messages = tuple(Message(role=m["role"], content=m.get("content") or "") for m in body["messages"])
    return Prompt(id="played", messages=messages, parameters=parameters)


def _chunk(event: Event, *, chat: bool) -> JSON:
    match event:
        case Delta(text=text, choice=index, logprobs=tokens) if chat:
            return _choice(index, delta={"content": text}, logprobs={"content": [_token(t) for t in tokens]})
        case Delta(text=text, choice=index, logprobs=tokens):
            return _choice(index, text=text, logprobs=_columns(tokens) if tokens else None)
        case ToolDelta(index=place, choice=index, id=id, name=name, arguments=arguments):
            call: JSON = {"index": place, "function": {"name": name or None, "arguments": arguments}}
            return _choice(index, delta={"tool_calls": [{**call, "id": id} if id else call]})
        case Finish(reason=reason, choice=index):
            nothing: JSON = {"delta": {}} if chat else {"text": ""}
            return _choice(index, finish_reason=reason, **nothing)
        case Metered(usage=usage):
            counts = {"prompt_tokens": usage.prompt, "completion_tokens": usage.completion}
            return {"choices": [], "usage": {**counts, "prompt_tokens_details": {"cached_tokens": usage.cached}}}
        case _:
            return {"choices": []}


def _choice(index: int, **fields: Any) -> JSON:
    return {"choices": [{"index": index, "finish_reason": None, **fields}]}


def _token(token: TokenLogprob) -> JSON:
    top = [{"token": text, "logprob": logprob} for text, logprob in token.top]
    return {"token": token.token, "logprob": _finite(token.logprob), "top_logprobs": top}


def _columns(tokens: tuple[TokenLogprob, ...]) -> JSON:
    return {
        "tokens": [t.token for t in tokens],
        "token_logprobs": [_finite(t.logprob) for t in tokens],
        "top_logprobs": [dict(t.top) for t in tokens],
        "text_offset": [t.offset for t in tokens],
    }


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value


def _line(payload: JSON) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"
