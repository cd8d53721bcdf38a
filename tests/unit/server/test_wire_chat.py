"""Chat requests: what is understood, what is refused, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from palier.errors import InvalidRequest
from palier.server.wire_chat import REFUSED, ChatRequest, decode_chat, messages, parameters
from palier.types import Message, ToolCall

HELLO = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def chat(turns: Any = None, **fields: Any) -> ChatRequest:
    return decode_chat(
        json.dumps({"model": "support", "messages": HELLO if turns is None else turns, **fields}).encode()
    )


def refusal(turns: Any = None, **fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        understand(turns, **fields)
    return caught.value


def understand(turns: Any, **fields: Any) -> None:
    wire = chat(turns, **fields)
    messages(wire)
    parameters(wire)


def test_roles_and_parts_become_messages() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    turns = [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None, "annotations": [], "audio": None},
        {"role": "tool", "content": "sunny", "tool_call_id": "call_1"},
        {"role": "assistant", "refusal": "I will not"},
    ]
    assert messages(chat(turns)) == (
        Message(role="system", content="be brief"),
        Message(role="user", content="a\nb", name="ann"),
        Message(role="assistant", tool_calls=(ToolCall(id="call_1", name="weather", arguments="{}"),)),
        Message(role="tool", content="sunny", tool_call_id="call_1"),
        Message(role="assistant", content="I will not"),
    )


def test_every_parameter_reaches_the_request() -> None:
    wire = chat(
        temperature=0.5,
        top_p=0.9,
        n=2,
        stop=["a", "b"],
        seed=-7,
        presence_penalty=1,
        frequency_penalty=-1,
        logit_bias={"50256": -100},
        max_completion_tokens=12,
        logprobs=True,
        top_logprobs=3,
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "weather"}},
        parallel_tool_calls=False,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": True},
        },
        palier={"adapter": "billing"},
    )
    made = parameters(wire)
    assert (made.temperature, made.top_p, made.n, made.stop, made.seed) == (0.5, 0.9, 2, ("a", "b"), -7)
    assert (made.presence_penalty, made.frequency_penalty, made.logit_bias) == (1, -1, {"50256": -100})
    assert (made.max_tokens, made.logprobs, made.top_logprobs, made.adapter) == (12, True, 3, "billing")
    assert made.tools == (TOOL,)
    assert made.tool_choice == {"type": "function", "function": {"name": "weather"}}
    assert made.parallel_tool_calls is False
    assert made.response_format == {
        "type": "json_schema",
        "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": True},
    }


def test_null_means_not_given_for_every_field() -> None:
    fields = [name for name in ChatRequest.__struct_fields__ if name not in ("model", "messages")]
    assert parameters(chat(**dict.fromkeys(fields))) == parameters(chat())


def test_what_is_harmless_is_taken() -> None:
    wire = chat(
        user="u",
        metadata={"a": "b"},
        store=False,
        service_tier="auto",
        modalities=["text"],
        safety_identifier="s",
        prompt_cache_key="k",
        response_format={"type": "text"},
        tool_choice="none",
        tools=[],
    )
    assert parameters(wire) == parameters(chat())


@pytest.mark.parametrize("part", ["image_url", "input_audio", "file", "refusal", "made_up"])
def test_parts_that_are_not_text_are_refused_by_name(part: str) -> None:
    for written in ({"type": part, part: {}}, {part: {}, "type": part}):
        error = refusal([{"role": "system", "content": "x"}, {"role": "user", "content": [written]}])
        assert error.param == "messages[1].content[0].type"
        assert "only text parts are supported" in str(error)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_supported_is_refused_with_a_reason(name: str) -> None:
    value = {"store": True, "service_tier": "flex", "modalities": ["audio"]}.get(name, "something")
    error = refusal(**{name: value})
    assert error.param is not None
    assert error.param.startswith(name)
    assert REFUSED[name] in str(error)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 9}, "n"),
        ({"n": 1.5}, "n"),
        ({"seed": 2**63}, "seed"),
        ({"stop": list("abcde")}, "stop"),
        ({"stop": 5}, "stop"),
        ({"stop": [""]}, "stop[0]"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"frequency_penalty": -3}, "frequency_penalty"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"logit_bias": {"1": 101}}, "logit_bias"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
        ({"stream": "yes"}, "stream"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "with space"}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": "always", "tools": [TOOL]}, "tool_choice"),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f"}}, "tools": [TOOL]},
            "tool_choice.function.name",
        ),
        ({"parallel_tool_calls": True}, "parallel_tool_calls"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
            "response_format.json_schema.name",
        ),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"temprature": 1}, "temprature"),
    ],
)
def test_a_bad_value_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    assert refusal(**fields).param == param


@pytest.mark.parametrize(
    ("turns", "param"),
    [
        ([], "messages"),
        ("hello", "messages"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": None}], "messages[0].content"),
        ([{"role": "user", "content": []}], "messages[0].content"),
        ([{"content": "x"}], "messages[0].role"),
        ([{"role": "wizard", "content": "x"}], "messages[0].role"),
        ([{"role": "assistant"}], "messages[0].content"),
        ([{"role": "tool", "content": "x", "tool_call_id": "none"}], "messages[0].tool_call_id"),
        ([{"role": "user", "content": "x", "mood": "good"}], "messages[0].mood"),
    ],
)
def test_a_bad_conversation_is_refused_by_name(turns: Any, param: str) -> None:
    assert refusal(turns).param == param


def test_a_schema_nested_too_deep_is_refused() -> None:
    schema: Any = {}
    for _ in range(70):
        schema = {"items": schema}
    error = refusal(response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}})
    assert error.param == "response_format.json_schema.schema"
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    assert refusal(tools=[TOOL, tool]).param == "tools[1].function.parameters"
