"""Laws of the wire: whatever comes is understood or refused in words; whatever is streamed can be read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.errors import InvalidRequest
from palier.server.reply_chat import ChatChunks, chat_completion
from palier.server.reply_completions import TextChunks
from palier.server.wire import encode, readable
from palier.server.wire_chat import ChatRequest, decode_chat, messages, parameters
from palier.server.wire_completions import decode_completion, prompts
from palier.server.wire_embeddings import decode_embedding, inputs
from palier.types import Choice, Completed, Decision, Delta, Draft, Finish, Result, TokenLogprob

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.dictionaries(st.sampled_from(ChatRequest.__struct_fields__), JSON, max_size=6)
TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "function", "x"])},
        optional={"content": JSON, "tool_call_id": JSON, "tool_calls": JSON, "name": JSON},
    ),
    max_size=4,
)
ANY_TEXT = st.text(st.characters() | st.sampled_from("\ud83d\ude00\n\u2028"), max_size=20)
"""Lone surrogates too, which a broken tokenizer writes."""


def _understand(body: bytes) -> None:
    wire = decode_chat(body)
    messages(wire)
    parameters(wire)


def _refusal(understand: Callable[[bytes], object], body: bytes) -> InvalidRequest | None:
    try:
        understand(body)
    except InvalidRequest as error:
        return error
    return None


@given(st.binary(max_size=60) | FIELDS.map(lambda fields: json.dumps(fields).encode()))
def test_any_body_is_understood_or_refused_in_words(body: bytes) -> None:
    for understand in (_understand, lambda b: prompts(decode_completion(b)), lambda b: inputs(decode_embedding(b))):
        if error := _refusal(understand, body):
            json.loads(encode({"message": str(error), "param": error.param}))


@given(FIELDS, TURNS)
def test_any_conversation_is_understood_or_refused_in_words(fields: dict[str, Any], turns: list[Any]) -> None:
    body = json.dumps({**fields, "model": "support", "messages": turns}).encode()
    if error := _refusal(_understand, body):
        assert error.param is not None or "JSON" in error.message


@given(st.dictionaries(st.sampled_from(["temperature", "top_p", "n", "seed", "max_tokens"]), st.none()))
def test_null_and_absence_are_the_same(nulls: dict[str, None]) -> None:
    plain = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    assert parameters(decode_chat(json.dumps({**plain, **nulls}).encode())) == parameters(
        decode_chat(json.dumps(plain).encode())
    )


def _result(texts: list[str]) -> Result:
    return Result(
        id="i",
        route="r",
        status="answered",
        draft=Draft(choices=tuple(Choice(text=text) for text in texts)),
        decision=Decision(action="stay", reason=""),
    )


def _frames(sent: bytes) -> list[Any]:
    assert sent.endswith(b"data: [DONE]\n\n")
    blocks = sent.removesuffix(b"data: [DONE]\n\n").split(b"\n\n")[:-1]
    assert all(block.startswith(b"data: ") and b"\n" not in block for block in blocks)
    return [json.loads(block.removeprefix(b"data: ")) for block in blocks]


@pytest.mark.parametrize(("kind", "field"), [(ChatChunks, "delta"), (TextChunks, "text")])
@given(pieces=st.lists(st.tuples(st.integers(0, 2), ANY_TEXT), max_size=12), include_usage=st.booleans())
def test_a_stream_reads_back_as_the_text_of_each_choice(
    kind: Any, field: str, pieces: list[tuple[int, str]], include_usage: bool
) -> None:
    texts = ["".join(text for choice, text in pieces if choice == index) for index in range(3)]
    chunks = kind("i", "m", 1, include_usage=include_usage)
    sent = b"".join(chunks.encode(Delta(text=text, choice=choice)) for choice, text in pieces)
    sent += b"".join(chunks.encode(Finish(reason="stop", choice=index)) for index in range(3))
    frames = _frames(sent + chunks.encode(Completed(result=_result(texts))))
    read = ["", "", ""]
    finished = []
    for frame in frames:
        for choice in frame["choices"]:
            piece = choice["text"] if field == "text" else choice["delta"].get("content") or ""
            read[choice["index"]] += piece
            finished += [choice["index"]] if choice["finish_reason"] else []
    expected = ["".join(readable(text) for choice, text in pieces if choice == index) for index in range(3)]
    assert read == expected
    assert finished == [0, 1, 2]
    assert sum("palier" in frame for frame in frames) == 1
    assert sum(not frame["choices"] for frame in frames) == include_usage


@given(st.lists(st.tuples(ANY_TEXT, st.floats(max_value=0) | st.just(float("nan"))), min_size=1, max_size=6))
def test_logprobs_are_always_numbers(tokens: list[tuple[str, float]]) -> None:
    choice = Choice(text="x", logprobs=tuple(TokenLogprob(token=token, logprob=value) for token, value in tokens))
    result = Result(
        id="i",
        route="r",
        status="answered",
        draft=Draft(choices=(choice,)),
        decision=Decision(action="stay", reason=""),
    )
    sent = json.loads(encode(chat_completion(result, "m", 1)))["choices"][0]["logprobs"]["content"]
    assert all(isinstance(token["logprob"], int | float) and token["logprob"] <= 0 for token in sent)
    assert [bytes(token["bytes"]).decode() for token in sent] == [token["token"] for token in sent]
