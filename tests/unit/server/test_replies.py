"""Answers and chunks: what a client reads is what the pipeline said."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from palier.server.reply_chat import ChatChunks, chat_completion
from palier.server.reply_completions import TextChunks, text_completion, text_logprobs
from palier.server.wire import encode
from palier.types import (
    Choice,
    Completed,
    Decision,
    Delta,
    Draft,
    Event,
    Finish,
    Metered,
    Result,
    Step,
    TokenLogprob,
    ToolCall,
    ToolDelta,
    Usage,
)

SURE = TokenLogprob(token="né", logprob=-0.25, top=(("né", -0.25), ("ne", -math.inf)))


def result(*choices: Choice, usage: Usage | None = None) -> Result:
    return Result(
        id="chatcmpl-1",
        route="support",
        status="answered",
        draft=Draft(choices=choices, usage=usage),
        tier="tier-1",
        model="fake",
        confidence=0.9,
        decision=Decision(action="stay", reason="0.90 is at least 0.50", confidence=0.9, threshold=0.5),
        steps=(Step(tier="tier-1", model="fake", outcome="answered", reason=""),),
    )


def frames(chunks: ChatChunks | TextChunks, events: Sequence[Event | Completed]) -> list[Any]:
    sent = b"".join(chunks.encode(event) for event in events)
    assert sent.endswith(b"\n\n")
    lines = sent.decode().removesuffix("\n\n").split("\n\n")
    assert all(line.startswith("data: ") for line in lines)
    return [line if line == "data: [DONE]" else json.loads(line.removeprefix("data: ")) for line in lines]


def whole(value: Any) -> Any:
    return json.loads(encode(value))


def test_a_whole_answer_says_where_it_comes_from() -> None:
    sent = whole(
        chat_completion(result(Choice(text="yes"), usage=Usage(prompt=3, completion=1, cached=2)), "support", 7)
    )
    assert sent["object"] == "chat.completion"
    assert (sent["id"], sent["model"], sent["created"]) == ("chatcmpl-1", "support", 7)
    assert sent["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "yes", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert sent["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 1,
        "total_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 2},
    }
    assert sent["palier"]["tier"] == "tier-1"
    assert sent["palier"]["decision"]["calibrated"] is False
    assert [step["outcome"] for step in sent["palier"]["steps"]] == ["answered"]
    assert sent["palier"]["cost"] == {"value": None, "low": None, "high": None, "basis": "unknown", "method": ""}


def test_usage_that_nobody_counted_is_left_out() -> None:
    assert "usage" not in whole(chat_completion(result(Choice(text="yes")), "support", 7))


def test_a_tool_call_has_no_content() -> None:
    choice = Choice(tool_calls=(ToolCall(id="c", name="f", arguments="{}"),), finish="tool_calls")
    message = whole(chat_completion(result(choice), "m", 1))["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"] == [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


def test_chat_logprobs_are_json_with_bytes() -> None:
    sent = whole(chat_completion(result(Choice(text="né", logprobs=(SURE,))), "m", 1))["choices"][0]["logprobs"]
    assert sent["content"][0] == {
        "token": "né",
        "logprob": -0.25,
        "bytes": [110, 195, 169],
        "top_logprobs": [
            {"token": "né", "logprob": -0.25, "bytes": [110, 195, 169]},
            {"token": "ne", "logprob": -9999.0, "bytes": [110, 101]},
        ],
    }


def test_a_stream_opens_each_choice_once_and_ends_with_the_report() -> None:
    done = result(Choice(text="ab"), Choice(text="c", finish="length"))
    events: list[Event | Completed] = [
        Delta(text="a"),
        Delta(text="b"),
        Delta(text="c", choice=1),
        Finish(reason="stop"),
        Finish(reason="length", choice=1),
        Metered(usage=Usage()),
        Completed(result=done),
    ]
    *chunks, last = frames(ChatChunks("chatcmpl-1", "m", 1, include_usage=False), events)
    assert last == "data: [DONE]"
    deltas = [(c["choices"][0]["index"], c["choices"][0]["delta"]) for c in chunks]
    opening = {"role": "assistant", "content": "", "refusal": None}
    assert deltas == [
        (0, opening),
        (0, {"content": "a"}),
        (0, {"content": "b"}),
        (1, opening),
        (1, {"content": "c"}),
        (0, {}),
        (1, {}),
    ]
    assert [c["choices"][0]["finish_reason"] for c in chunks] == [None] * 5 + ["stop", "length"]
    assert [("palier" in c) for c in chunks] == [False] * 6 + [True]
    assert not any("usage" in c for c in chunks)


def test_usage_comes_in_a_chunk_of_its_own_when_asked_for() -> None:
    done = result(Choice(text="a"), usage=Usage(prompt=1, completion=2))
    *chunks, usage, _ = frames(
        ChatChunks("i", "m", 1, include_usage=True), [Delta(text="a"), Finish(reason="stop"), Completed(result=done)]
    )
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] == 3
    assert all(chunk["usage"] is None for chunk in chunks)


def test_tool_calls_stream_as_fragments() -> None:
    done = result(Choice(tool_calls=(ToolCall(id="c", name="f", arguments="{}"),), finish="tool_calls"))
    events: list[Event | Completed] = [
        ToolDelta(index=0, id="c", name="f"),
        ToolDelta(index=0, arguments="{}"),
        Completed(result=done),
    ]
    chunks = frames(ChatChunks("i", "m", 1, include_usage=False), events)
    assert [chunk["choices"][0]["delta"].get("tool_calls") for chunk in chunks[:-1]] == [
        None,
        [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": "{}"}}],
        None,
    ]


def test_an_empty_answer_is_still_a_stream() -> None:
    chunks = frames(ChatChunks("i", "m", 1, include_usage=False), [Completed(result=result(Choice()))])
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, "stop"]


def test_legacy_logprobs_are_parallel_lists_whose_first_is_null_after_an_echo() -> None:
    tokens = (
        TokenLogprob(token="Once", logprob=math.nan),
        TokenLogprob(token=" upon", logprob=-1.0, top=((" upon", -1.0),)),
    )
    assert whole(text_logprobs(tokens)) == {
        "tokens": ["Once", " upon"],
        "token_logprobs": [None, -1.0],
        "top_logprobs": [None, {" upon": -1.0}],
        "text_offset": [0, 4],
    }


def test_offsets_go_on_from_chunk_to_chunk() -> None:
    events: list[Event | Completed] = [
        Delta(text="ab", logprobs=(TokenLogprob(token="ab", logprob=-1),)),
        Delta(text="c", logprobs=(TokenLogprob(token="c", logprob=-1),)),
        Completed(result=result(Choice(text="abc"))),
    ]
    chunks = frames(TextChunks("i", "m", 1, include_usage=False), events)
    assert [chunk["choices"][0]["logprobs"]["text_offset"] for chunk in chunks[:2]] == [[0], [2]]
    assert chunks[2]["palier"]["tier"] == "tier-1"


def test_the_choices_of_several_prompts_are_numbered_through() -> None:
    counted = result(Choice(text="a"), Choice(text="b"), usage=Usage(prompt=1, completion=1))
    sent = whole(text_completion("cmpl-1", [counted, counted], "m", 1))
    assert [(choice["index"], choice["text"]) for choice in sent["choices"]] == [(0, "a"), (1, "b"), (2, "a"), (3, "b")]
    assert sent["usage"]["total_tokens"] == 4
    assert len(sent["palier"]["others"]) == 1
    uncounted = whole(text_completion("cmpl-1", [counted, result(Choice())], "m", 1))
    assert "usage" not in uncounted
