"""Spans as a collector reads them."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.collectors import check, read, said

from palier.testing.traces import trace_of
from palier.tracing.spans import batch, sampled, spans_of
from palier.types import Guarded, Label, Message, Step, Trace, TraceContent, Usage

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WORDS = TraceContent(
    label=Label.INTERNAL,
    expires=9e9,
    messages=(Message(role="user", content="Où est \x1b[31mla box ?"),),
    answer="Ici.",
)


def whole() -> Trace:
    """A request that was looked at, retrieved for, climbed and answered above."""
    steps = (
        Step(
            tier="small", model="smol", outcome="climbed", reason="", latency_ms=40, began_ms=60, usage=Usage(prompt=9)
        ),
        Step(
            tier="large",
            model="cloud",
            outcome="answered",
            reason="",
            latency_ms=500,
            began_ms=110,
            verdict="redact",
            label=Label.INTERNAL,
            withheld=1,
            redacted=2,
            usage=Usage(prompt=90, completion=20, cached=50),
        ),
        Step(tier="other", model="away", outcome="skipped", reason="no tools"),
    )
    guards = (
        Guarded(guard="scope", place="input", action="pass", took_ms=5),
        Guarded(guard="orders", place="evidence", action="mend", took_ms=4, texts=5),
        Guarded(guard="form", place="draft", action="climb", tier="small", took_ms=1),
        Guarded(guard="grounding", place="output", action="pass", tier="large", took_ms=30, failed=True),
    )
    return msgspec.structs.replace(
        trace_of("r1", 1_700_000_000.25, tier="large"),
        steps=steps,
        guards=guards,
        latency_ms=620.0,
        timings={"retrieve_ms": 20.0, "first_ms": 300.0},
        content=WORDS,
        usage=Usage(prompt=99, completion=20),
    )


def test_a_request_is_one_tree_by_the_conventions() -> None:
    spans = read(batch(spans_of(whole(), {"cloud": "openai"}), "0"))
    check(spans)
    named = {span.name: span for span in spans}
    assert set(named) == {
        "invoke_workflow support",
        "retrieval",
        "chat smol",
        "chat cloud",
        "egress large",
        "guard scope",
        "guard orders",
        "guard form",
        "guard grounding",
        "decision",
    }
    root = named["invoke_workflow support"]
    assert root.start_time_unix_nano == 1_700_000_000_250_000_000
    assert root.end_time_unix_nano - root.start_time_unix_nano == 620_000_000
    assert said(root)["gen_ai.response.time_to_first_chunk"] == 0.3
    cloud = said(named["chat cloud"])
    assert cloud["gen_ai.provider.name"] == "openai"
    assert cloud["gen_ai.usage.input_tokens"] == 90
    assert cloud["gen_ai.usage.cache_read.input_tokens"] == 50
    assert "palier.cost_usd" not in cloud
    assert said(named["chat smol"])["gen_ai.provider.name"] == "palier"
    assert said(named["egress large"])["palier.redacted"] == 2
    assert named["egress large"].parent_span_id == named["chat cloud"].span_id
    assert named["guard grounding"].status.code == 2
    assert "chat away" not in named


def test_words_go_only_where_they_may() -> None:
    trace = whole()
    for content, there in ((None, False), (Label.PUBLIC, False), (Label.INTERNAL, True), (Label.RESTRICTED, True)):
        text = json.dumps(spans_of(trace, {}, content=content))
        assert ("la box" in text) is there
        if there:
            (root, *_) = read(batch(spans_of(trace, {}, content=content), "0"))
            (message,) = json.loads(said(root)["gen_ai.input.messages"])
            assert message == {"role": "user", "parts": [{"type": "text", "content": "Où est \x1b[31mla box ?"}]}
    assert "local" not in json.dumps(spans_of(trace, {}, content=Label.RESTRICTED))  # nobody's name


def test_it_goes_on_where_who_asked_was() -> None:
    spans = read(batch(spans_of(msgspec.structs.replace(whole(), parent=PARENT), {}), "0"))
    check(spans)
    assert spans[0].trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert spans[0].parent_span_id.hex() == "b7ad6b7169203331"


@pytest.mark.parametrize(("parent", "kept"), [("", True), (PARENT, True), (PARENT[:-2] + "00", False)])
def test_what_nobody_keeps_is_not_sampled(parent: str, kept: bool) -> None:
    assert sampled(msgspec.structs.replace(whole(), parent=parent)) is kept


def test_the_same_request_has_the_same_spans() -> None:
    assert spans_of(whole(), {}) == spans_of(whole(), {})
    other = msgspec.structs.replace(whole(), id="r2")
    assert {span["spanId"] for span in spans_of(whole(), {})}.isdisjoint(span["spanId"] for span in spans_of(other, {}))


def test_of_too_many_words_only_how_many_are_told() -> None:
    long = msgspec.structs.replace(WORDS, answer="a" * 200_000)
    text = json.dumps(spans_of(msgspec.structs.replace(whole(), content=long), {}, content=Label.INTERNAL))
    assert len(text) < 20_000
    assert "characters, left out" in text


@given(st.text(), st.text(), st.floats(0, 1e9), st.sampled_from(["answered", "failed"]))
def test_whatever_is_in_it_is_read_back(words: str, error: str, took: float, status: str) -> None:
    content = msgspec.structs.replace(WORDS, answer=words)
    trace = msgspec.structs.replace(whole(), content=content, error=error, latency_ms=took, status=status)
    spans = read(batch(spans_of(trace, {}, content=Label.INTERNAL), "0"))
    (answer,) = json.loads(said(spans[0])["gen_ai.output.messages"])
    assert answer["parts"][0]["content"] == words.encode("utf-8", "replace").decode()
