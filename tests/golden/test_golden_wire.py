"""The bytes of the wire, kept in files: a change to what clients read is seen in a review.

`PALIER_WRITE_GOLDEN=1 python -m pytest tests/golden` writes them again.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from palier.errors import Busy, InvalidRequest, UpstreamGarbage
from palier.server.replies import error_object
from palier.server.reply_chat import ChatChunks, chat_completion
from palier.server.reply_completions import TextChunks, text_completion
from palier.server.sse import failure
from palier.server.wire import encode
from palier.types import (
    Choice,
    Completed,
    Decision,
    Delta,
    Draft,
    Event,
    Finish,
    Label,
    Metered,
    Quantity,
    Result,
    Source,
    Step,
    TokenLogprob,
    ToolCall,
    ToolDelta,
    Usage,
)

FILES = Path(__file__).parent / "wire"

FEATURES = {"coverage": 0.75, "margin": 0.5}
CARBON = Quantity(value=0.0112, low=0.0, high=0.0112, basis="estimated", method="declared power, FRA 56.0 g/kWh")
COST = Quantity(value=0.00025, low=0.0002, high=0.0003, basis="estimated", method="list price")
TOKENS = (
    TokenLogprob(token="Mar", logprob=-0.25, top=(("Mar", -0.25), ("Lun", -1.5))),
    TokenLogprob(token="di é", logprob=-math.inf),
)


def result(*choices: Choice, usage: Usage | None = None) -> Result:
    decision = Decision(action="stay", reason="0.90 is at least 0.50", confidence=0.9, threshold=0.5)
    return Result(
        id="chatcmpl-0123456789abcdef",
        route="support",
        status="answered",
        draft=Draft(choices=choices, usage=usage),
        tier="tier-2",
        model="small",
        confidence=0.9,
        decision=decision,
        sources=(
            Source(
                n=1,
                document="incidents/crozon.md",
                title="Crozon",
                url="",
                passage="notes/incidents/crozon.md#0",
                score=0.75,
                label=Label.INTERNAL,
                text="La fibre sera réparée mardi.",
                cited=True,
            ),
        ),
        steps=(
            Step(
                tier="tier-1",
                model="extract",
                outcome="climbed",
                reason="0.20 is below 0.50",
                confidence=0.2,
                features=FEATURES,
            ),
            Step(
                tier="tier-2",
                model="small",
                outcome="answered",
                reason=decision.reason,
                confidence=0.9,
                cost=COST,
                carbon=CARBON,
            ),
        ),
        cost=COST,
        carbon=CARBON,
        timings={"retrieve_ms": 4.5, "total_ms": 120.0},
    )


def chat_stream() -> bytes:
    done = result(Choice(text="Mardi é", logprobs=TOKENS), usage=Usage(prompt=30, completion=2, cached=16))
    events: list[Event | Completed] = [
        Delta(text="Mar", logprobs=TOKENS[:1]),
        Delta(text="di é", logprobs=TOKENS[1:]),
        Finish(reason="stop"),
        Metered(usage=Usage(prompt=30, completion=2, cached=16)),
        Completed(result=done),
    ]
    chunks = ChatChunks(done.id, "support", 1_790_000_000, include_usage=True)
    return b"".join(map(chunks.encode, events))


def chat_stream_of_tools() -> bytes:
    call = ToolCall(id="call_1", name="weather", arguments='{"city":"Brest"}')
    done = result(Choice(tool_calls=(call,), finish="tool_calls"))
    events: list[Event | Completed] = [
        ToolDelta(index=0, id="call_1", name="weather"),
        ToolDelta(index=0, arguments='{"city":'),
        ToolDelta(index=0, arguments='"Brest"}'),
        Finish(reason="tool_calls"),
        Completed(result=done),
    ]
    chunks = ChatChunks(done.id, "support", 1_790_000_000, include_usage=False)
    return b"".join(map(chunks.encode, events))


def chat_stream_that_fails() -> bytes:
    chunks = ChatChunks("chatcmpl-0123456789abcdef", "support", 1_790_000_000, include_usage=False)
    error = UpstreamGarbage("cloud.example cut its answer in the middle")
    return chunks.encode(Delta(text="Mar")) + failure(encode(error_object(error)))


def completion_stream() -> bytes:
    done = result(Choice(text="Mardi é", logprobs=TOKENS, finish="length"))
    chunks = TextChunks(done.id, "support", 1_790_000_000, include_usage=False)
    events: list[Event | Completed] = [
        Delta(text="Mar", logprobs=TOKENS[:1]),
        Delta(text="di é", logprobs=TOKENS[1:]),
        Completed(result=done),
    ]
    return b"".join(map(chunks.encode, events))


def chat() -> bytes:
    call = ToolCall(id="call_1", name="weather", arguments='{"city":"Brest"}')
    done = result(
        Choice(text="Mardi é", logprobs=TOKENS),
        Choice(tool_calls=(call,), finish="tool_calls"),
        usage=Usage(prompt=30, completion=2),
    )
    return _indented(chat_completion(done, "support", 1_790_000_000))


def completion() -> bytes:
    done = result(Choice(text="Mardi é", logprobs=TOKENS))
    return _indented(text_completion("cmpl-0123456789abcdef", [done], "support", 1_790_000_000))


def errors() -> bytes:
    found = [
        InvalidRequest("`temperature`: expected `float` <= 2.0, got 3", param="temperature"),
        Busy("320 requests are waiting", hint="try again", retry_after=1.0),
    ]
    return _indented([error_object(error) for error in found])


def _indented(value: object) -> bytes:
    return json.dumps(json.loads(encode(value)), ensure_ascii=False, indent=1).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("chat.json", chat),
        ("chat_stream.sse", chat_stream),
        ("chat_stream_of_tools.sse", chat_stream_of_tools),
        ("chat_stream_that_fails.sse", chat_stream_that_fails),
        ("completion.json", completion),
        ("completion_stream.sse", completion_stream),
        ("errors.json", errors),
    ],
)
def test_the_wire_is_as_it_was(name: str, made: Callable[[], bytes]) -> None:
    file = FILES / name
    if os.environ.get("PALIER_WRITE_GOLDEN"):
        file.write_bytes(made())
    assert made().decode() == file.read_text(encoding="utf-8")
