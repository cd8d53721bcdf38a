"""The scripted model that users test with."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.config import Model as Settings
from palier.errors import ConfigurationError, InvalidRequest, UpstreamError, UpstreamGarbage, UpstreamTimeout
from palier.interfaces import Resources
from palier.models import fake
from palier.models.fake import Fake, Rule
from palier.models.scripted import tokens
from palier.types import Delta, Event, Finish, Message, Metered, Parameters, Prompt, ToolCall, ToolDelta, Usage


def prompt(question: str = "What time is it?", **parameters: Any) -> Prompt:
    messages = (Message(role="user", content=question),)
    return Prompt(id="1", messages=messages, question=question, parameters=Parameters(**parameters))


async def ask(model: Fake, prompt: Prompt) -> list[Event]:
    return [event async for event in model.stream(prompt)]


async def text(model: Fake, prompt: Prompt) -> str:
    return "".join(event.text for event in await ask(model, prompt) if isinstance(event, Delta))


@given(st.text())
def test_tokens_join_to_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text


async def test_answers_by_the_first_rule_that_matches() -> None:
    model = Fake(Rule(match="a", answer="exact"), Rule(pattern="(?i)refund", answer="found"), Rule(answer="else"))
    assert [await text(model, prompt(q)) for q in ("a", "My REFUND?", "b")] == ["exact", "found", "else"]
    assert [call.question for call in model.calls] == ["a", "My REFUND?", "b"]


async def test_answers_by_a_function() -> None:
    assert await text(Fake(lambda p: p.question.upper()), prompt("noon")) == "NOON"
    assert await text(Fake(lambda p: Rule(answer="x")), prompt("noon")) == "x"


async def test_repeats_the_question_without_a_script_and_refuses_what_the_script_lacks() -> None:
    assert await text(Fake(), prompt("noon")) == "noon"
    with pytest.raises(UpstreamError, match="no rule"):
        await ask(Fake(Rule(match="a", answer="b")), prompt("noon"))


async def test_events_and_usage() -> None:
    assert await ask(Fake(Rule(answer="It is noon.")), prompt()) == [
        Delta(text="It"),
        Delta(text=" is"),
        Delta(text=" noon."),
        Finish(reason="stop"),
        Metered(usage=Usage(prompt=4, completion=3)),
    ]


async def test_parameters_are_honoured() -> None:
    model = Fake(Rule(answer="one two three four"))
    assert await ask(model, prompt(max_tokens=1)) == [
        Delta(text="one"),
        Finish(reason="length"),
        Metered(usage=Usage(prompt=4, completion=1)),
    ]
    assert await text(model, prompt(stop=("three", "two"))) == "one "
    finishes = [e.choice for e in await ask(model, prompt(n=3)) if isinstance(e, Finish)]
    assert finishes == [0, 1, 2]


async def test_echo_with_logprobs_as_completions_give_them() -> None:
    asked = Prompt(id="1", text="one two", parameters=Parameters(echo=True, logprobs=True, top_logprobs=1))
    events = await ask(Fake(Rule(answer=" three", logprob=-0.5)), asked)
    logprobs = [token for event in events if isinstance(event, Delta) for token in event.logprobs]
    assert [(t.token, t.offset) for t in logprobs] == [("one", 0), (" two", 3), (" three", 7)]
    assert math.isnan(logprobs[0].logprob)
    assert [t.logprob for t in logprobs[1:]] == [-0.5, -0.5]
    assert logprobs[2].top == ((" three", -0.5),)


async def test_tools_are_called_when_they_are_offered() -> None:
    model = Fake(Rule(tools=(ToolCall(id="c1", name="clock", arguments="{}"),)))
    events = await ask(model, prompt(tools=({"type": "function"},)))
    assert events[:3] == [
        ToolDelta(index=0, id="c1", name="clock"),
        ToolDelta(index=0, arguments="{}"),
        Finish(reason="tool_calls"),
    ]
    assert not any(isinstance(e, ToolDelta) for e in await ask(model, prompt()))


@pytest.mark.parametrize(("after", "expected"), [(0, []), (2, ["one", " two"])])
async def test_fails_where_it_is_told_to(after: int, expected: list[str]) -> None:
    model = Fake(Rule(answer="one two three", fail="cut", after=after))
    events = model.stream(prompt())
    assert [await anext(events) for _ in range(after)] == [Delta(text=token) for token in expected]
    with pytest.raises(UpstreamGarbage, match="scripted failure: cut"):
        await anext(events)


async def test_takes_its_time_and_notices_who_leaves() -> None:
    model = Fake(Rule(answer="one two", first_s=0.05, delay_s=0.05))
    start = time.monotonic()
    events = model.stream(prompt())
    await anext(events)
    assert time.monotonic() - start >= 0.1
    await events.aclose()
    assert model.abandoned == 1


async def test_a_context_that_is_too_small(tmp_path: Path) -> None:
    model = build(tmp_path, context=3)
    with pytest.raises(InvalidRequest, match="4 tokens long and the context holds 3"):
        await ask(model, prompt())


async def test_health_is_scripted_too() -> None:
    assert await Fake().health() == (True, "ready")
    assert (await Fake(healthy=False).health())[0] is False


def build(folder: Path, lines: str = "", **settings: Any) -> Fake:
    if lines:
        (folder / "script.jsonl").write_text(lines, encoding="utf-8")
        settings["file"] = "script.jsonl"
    resources = Resources(None, None, None, folder, lambda name: folder / name)  # type: ignore[arg-type]
    return fake.build("test", Settings(kind="fake", **settings), resources)


async def test_a_script_from_a_file(tmp_path: Path) -> None:
    model = build(tmp_path, '{"match": "a", "answer": "été"}\n\n{"fail": "timeout"}\n')
    assert await text(model, prompt("a")) == "été"
    with pytest.raises(UpstreamTimeout):
        await ask(model, prompt("b"))


@pytest.mark.parametrize(
    ("lines", "words"),
    [("{}\nnot json\n", "line 2"), ('{"fail": "often"}', "line 1.*often"), ('{"pattern": "("}', "line 1")],
)
def test_a_script_with_a_mistake(tmp_path: Path, lines: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        build(tmp_path, lines)


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.jsonl cannot be read"):
        build(tmp_path, file="none.jsonl")
