"""A trace, and a line of JSON, as signals."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from palier.drift.signals import observed, of_line
from palier.errors import InvalidRequest
from palier.testing.traces import content_of, trace_of
from palier.types import Guarded, TraceContent


def test_what_a_trace_says() -> None:
    trace = trace_of("a", content=content_of("Where is my parcel?"))
    step = msgspec.structs.replace(trace.steps[0], features={"score": 0.0, "cosine": 0.4})
    one = observed(msgspec.structs.replace(trace, steps=(step,)))
    assert one.values == {"escalated": 1.0, "refused": 0.0, "confidence": 0.31, "length": 9.0, "retrieval": 0.0}
    assert one.question == "Where is my parcel?"


def test_what_is_not_known_is_left_out() -> None:
    trace = msgspec.structs.replace(trace_of("a", tier=None, status="abstained"), steps=(), evidence=())
    assert observed(trace).values == {"escalated": 0.0, "refused": 1.0}
    assert observed(trace).question == ""
    refused = Guarded(guard="scope", place="input", action="refuse")
    assert observed(msgspec.structs.replace(trace, status="answered", guards=(refused,))).values["refused"] == 1.0


def test_a_plain_completion_is_its_text() -> None:
    said = TraceContent(label=content_of().label, expires=1.0, messages=(), answer="", text="Once upon a time")
    assert observed(trace_of("a", content=said)).question == "Once upon a time"


def test_a_line_is_read_whatever_else_it_holds() -> None:
    line = {"id": "7", "text": "x", "confidence": 1, "escalated": True, "quality": 0.5, "length": None, "more": []}
    one = of_line(line)
    assert one.values == {"confidence": 1.0, "escalated": 1.0, "quality": 0.5}
    assert one.question == "x"
    assert of_line({"vector": [1, 0.5]}).vector == (1.0, 0.5)


@pytest.mark.parametrize(
    ("line", "param"),
    [
        ({"confidence": "high"}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"escalated": 2}, "escalated"),
        ({"text": 3}, "text"),
        ({"vector": ["a"]}, "vector"),
        ({"vector": [True]}, "vector"),
        ({"vector": {"a": 1}}, "vector"),
    ],
)
def test_a_line_that_says_no_number_is_named(line: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        of_line(line)
    assert caught.value.param == param
