"""Nouns to the OpenAI wire, and what real providers answer back to nouns."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.errors import InvalidRequest, PalierError, UpstreamGarbage, UpstreamRefused
from palier.models import wire
from palier.types import (
    Delta,
    Event,
    Finish,
    Message,
    Metered,
    Parameters,
    Prompt,
    TokenLogprob,
    ToolCall,
    ToolDelta,
    Usage,
)

SSE, JSON = "text/event-stream", "application/json"


class Reply:
    """A reply whose body comes in given chunks."""

    status = 200

    def __init__(self, *chunks: bytes, kind: str = SSE) -> None:
        self.headers = {"content-type": kind}
        self._chunks = chunks

    async def read(self, limit: int) -> bytes:
        return b"".join(self._chunks)

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk

    async def finish(self) -> None:
        self.finished = True


async def read(*chunks: bytes, kind: str = SSE, top: int = 0) -> list[Event]:
    return [event async for event in wire.read(Reply(*chunks, kind=kind), "host", top=top)]


def data(*payloads: Any, done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(payload, ensure_ascii=False)}\n\n" for payload in payloads]
    return ("".join(lines) + ("data: [DONE]\n\n" if done else "")).encode()


def chunk(index: int = 0, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


# --- what is sent ------------------------------------------------------------------------------------------------


def test_a_chat() -> None:
    prompt = Prompt(
        id="1",
        messages=(
            Message(role="system", content="Be brief."),
            Message(role="user", content="Météo à Brest ?", name="anne"),
            Message(role="assistant", tool_calls=(ToolCall(id="c1", name="weather", arguments='{"city":"Brest"}'),)),
            Message(role="tool", content="pluie", tool_call_id="c1"),
        ),
        parameters=Parameters(temperature=0.0, max_tokens=0, stop=("\n",), n=2, logprobs=True, top_logprobs=3),
    )
    assert wire.path(prompt) == "/chat/completions"
    assert wire.body(prompt, stream=True, model="m") == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Météo à Brest ?", "name": "anne"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Brest"}'}}
                ],
            },
            {"role": "tool", "content": "pluie", "tool_call_id": "c1"},
        ],
        "temperature": 0.0,
        "max_tokens": 0,
        "stop": ["\n"],
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_completion() -> None:
    parameters = Parameters(max_tokens=5, logprobs=True, top_logprobs=0, echo=True, suffix="!", tools=({"a": 1},))
    prompt = Prompt(id="1", text="Once", parameters=parameters)
    assert wire.path(prompt) == "/completions"
    assert wire.body(prompt, stream=False, limit_field="max_completion_tokens") == {
        "prompt": "Once",
        "max_tokens": 5,
        "logprobs": 0,
        "echo": True,
        "suffix": "!",
    }


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    prompt = Prompt(id="1", messages=(Message(role="user", content="hi"),))
    assert wire.body(prompt, stream=False) == {"messages": [{"role": "user", "content": "hi"}]}


# --- what comes back ---------------------------------------------------------------------------------------------


async def test_a_stream_as_openai_sends_it() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    events = await read(
        data(
            chunk(role="assistant", content=""),
            chunk(content="Bon"),
            chunk(content="jour"),
            chunk(finish="stop"),
            {"choices": [], "usage": usage},
        )
    )
    assert events == [
        Delta(text="Bon"),
        Delta(text="jour"),
        Finish(reason="stop"),
        Metered(usage=Usage(prompt=9, completion=2, cached=4)),
    ]


@pytest.mark.parametrize(
    ("payloads", "expected"),
    [
        ([chunk(content=None, role="assistant"), chunk(content="a", finish="stop")], ["a"]),
        ([chunk(reasoning_content="hm"), chunk(content="a", finish="stop")], ["a"]),
        ([chunk(content=[{"type": "text", "text": "a"}, {"type": "image"}], finish="stop")], ["a"]),
        ([chunk(refusal="No."), chunk(finish="stop")], ["No."]),
        ([{"choices": None}, {"id": "x"}, chunk(content="a", finish="length")], ["a"]),
        ([chunk(content="a", finish="stop"), chunk(finish="stop")], ["a"]),
        ([{"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}], ["a"]),
        ([chunk(content="a")], ["a"]),
        ([chunk(content="a", finish="stop"), {"choices": [], "usage": None}], ["a"]),
        ([chunk(content="a", finish="stop") | {"usage": {"prompt_tokens": None}}], ["a"]),
    ],
)
async def test_what_providers_do_differently(payloads: list[Any], expected: list[str]) -> None:
    events = await read(data(*payloads))
    assert [event.text for event in events if isinstance(event, Delta)] == expected
    assert sum(isinstance(event, Finish) for event in events) == 1
    assert not any(isinstance(event, Metered) for event in events)


async def test_usage_in_every_chunk_counts_once() -> None:
    events = await read(
        data(
            chunk(content="a") | {"usage": {"prompt_tokens": 3, "completion_tokens": 1}},
            chunk(content="b", finish="stop") | {"usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        )
    )
    assert events[-1] == Metered(usage=Usage(prompt=3, completion=2))


@pytest.mark.parametrize("absurd", [-1, 2**31, 2**62, 2**63, 10**30])
async def test_tokens_that_cannot_be_are_not_counted(absurd: int) -> None:
    details = {"cached_tokens": absurd}
    half = {"prompt_tokens": 3, "completion_tokens": absurd, "prompt_tokens_details": details}
    found = await read(data(chunk(content="a", finish="stop") | {"usage": half}))
    assert found[-1] == Metered(usage=Usage(prompt=3, completion=0))
    none = {"prompt_tokens": absurd, "completion_tokens": absurd}
    found = await read(data(chunk(content="a", finish="stop") | {"usage": none}))
    assert not any(isinstance(event, Metered) for event in found)


async def test_comments_crlf_and_no_done() -> None:
    stream = data(chunk(content="a"), chunk(finish="stop"), done=False).replace(b"\n", b"\r\n")
    assert await read(b": waiting\r\n\r\n" + stream) == [Delta(text="a"), Finish(reason="stop")]


async def test_tools_in_fragments() -> None:
    def call(**fields: Any) -> dict[str, Any]:
        return chunk(tool_calls=[fields])

    events = await read(
        data(
            call(index=0, id="c1", type="function", function={"name": "weather", "arguments": ""}),
            call(index=0, function={"arguments": '{"city":'}),
            call(index=0, function={"arguments": '"Brest"}'}),
            call(index=1, id="c2", function={"name": "tide", "arguments": None}),
            chunk(finish="tool_calls"),
        )
    )
    assert events == [
        ToolDelta(index=0, id="c1", name="weather"),
        ToolDelta(index=0, arguments='{"city":'),
        ToolDelta(index=0, arguments='"Brest"}'),
        ToolDelta(index=1, id="c2", name="tide"),
        Finish(reason="tool_calls"),
    ]


async def test_logprobs_of_a_chat_carry_no_more_alternatives_than_asked() -> None:
    token = {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": t, "logprob": -1.0} for t in "abc"]}
    body = data({"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [token]}, "finish_reason": "stop"}]})
    for top in (0, 2):
        event = (await read(body, top=top))[0]
        assert isinstance(event, Delta)
        assert event.logprobs == (TokenLogprob(token="a", logprob=-0.5, top=(("a", -1.0), ("b", -1.0))[:top]),)


async def test_logprobs_of_a_completion_with_echo() -> None:
    logprobs = {
        "tokens": ["Once", " upon"],
        "token_logprobs": [None, -0.25],
        "top_logprobs": [None, {" upon": -0.25}],
        "text_offset": [0, 4],
    }
    reply = {"choices": [{"index": 0, "text": "Once upon", "logprobs": logprobs, "finish_reason": "length"}]}
    event = (await read(json.dumps(reply).encode(), kind=JSON, top=1))[0]
    assert isinstance(event, Delta)
    first, second = event.logprobs
    assert math.isnan(first.logprob)
    assert (first.token, first.offset, first.top) == ("Once", 0, ())
    assert second == TokenLogprob(token=" upon", logprob=-0.25, top=((" upon", -0.25),), offset=4)


async def test_a_reply_that_is_not_streamed() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    reply = {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"},
            {"index": 1, "message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"},
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    assert await read(json.dumps(reply).encode(), kind=JSON) == [
        Delta(text="a"),
        Finish(reason="stop"),
        ToolDelta(index=0, choice=1, id="c1", name="f", arguments="{}"),
        Finish(reason="tool_calls", choice=1),
        Metered(usage=Usage(prompt=1, completion=2)),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"data: [DONE]\n\n",
        b"data: not json\n\n",
        b"data: 12\n\n",
        b'data: {"choices": 3}\n\n',
        b'data: {"choices": [{"delta": {"content": {"a": 1}}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
        data(chunk(content="a"), done=False),
        data(chunk(content="a", finish="stop"), chunk(index=1, content="b"), done=False),
        b"<html>It works!</html>",
    ],
)
async def test_garbage_and_cuts(body: bytes) -> None:
    with pytest.raises(UpstreamGarbage, match="host"):
        await read(body)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"<html>", b'{"choices": []}'])
async def test_garbage_that_is_not_streamed(body: bytes) -> None:
    with pytest.raises(UpstreamGarbage, match="host"):
        await read(body, kind=JSON)


async def test_an_error_inside_a_stream_comes_after_what_was_written() -> None:
    body = data(chunk(content="a"), {"error": {"message": "overloaded", "code": 503}})
    reply = wire.read(Reply(body), "host")
    assert await anext(reply) == Delta(text="a")
    with pytest.raises(UpstreamRefused, match="in the middle of its answer: overloaded"):
        await anext(reply)


async def test_a_prompt_that_is_too_long_says_so_inside_a_stream_too() -> None:
    error = {"code": 400, "message": "...", "type": "exceed_context_size_error", "n_prompt_tokens": 4031, "n_ctx": 2048}
    with pytest.raises(InvalidRequest, match="4031 tokens long and the context holds 2048"):
        await read(data({"error": error}))


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@given(st.lists(WORDS, min_size=1, max_size=6), st.data())
async def test_where_the_bytes_are_cut_does_not_matter(words: list[str], draw: st.DataObject) -> None:
    stream = data(*(chunk(content=word) for word in words), chunk(finish="stop"))
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert await read(*pieces) == [*(Delta(text=word) for word in words), Finish(reason="stop")]


@given(st.lists(st.binary(max_size=60), max_size=4), st.sampled_from([SSE, JSON]))
async def test_no_bytes_raise_anything_but_our_own_errors(chunks: list[bytes], kind: str) -> None:
    with pytest.raises(PalierError):
        await read(*chunks, kind=kind)


# --- what was recorded of real providers --------------------------------------------------------------------------

RECORDED = Path(os.environ.get("PALIER_BENCH_DATA", "/nowhere")) / "openai_wire" / "cassettes"


def recordings() -> list[tuple[str, dict[str, Any]]]:
    """(file, response) of every recorded chat."""
    if not RECORDED.is_dir():
        return []
    yaml = pytest.importorskip("yaml")
    found = []
    for file in sorted(RECORDED.glob("*.yaml.gz")):
        exchanges = yaml.safe_load(gzip.decompress(file.read_bytes()))["interactions"]
        chats = [exchange for exchange in exchanges if exchange["request"]["uri"].endswith("/chat/completions")]
        found += [(file.name, chat["response"]) for chat in chats]
    return found


@pytest.mark.data
async def test_recorded_replies_are_read_or_refused_cleanly() -> None:
    exchanges = recordings()
    if not exchanges:
        pytest.skip("no recorded exchanges: set PALIER_BENCH_DATA")
    answered = 0
    for name, response in exchanges:
        body = response.get("parsed_body")
        raw = json.dumps(body).encode() if body is not None else response["body"]["string"].encode()
        if response["status"]["code"] != 200 or "choices" not in (body or {}):
            with pytest.raises(PalierError):
                await read(raw, kind=JSON)
            continue
        message = body["choices"][0]["message"]
        events = await read(raw, kind=JSON)
        assert "".join(e.text for e in events if isinstance(e, Delta)) == (message.get("content") or ""), name
        assert [e.name for e in events if isinstance(e, ToolDelta)] == [
            call["function"]["name"] for call in message.get("tool_calls") or ()
        ]
        assert (
            Metered(
                usage=Usage(
                    prompt=body["usage"]["prompt_tokens"],
                    completion=body["usage"]["completion_tokens"],
                    cached=(body["usage"].get("prompt_tokens_details") or {}).get("cached_tokens", 0),
                )
            )
            in events
        ), name
        answered += 1
    assert answered >= 15
