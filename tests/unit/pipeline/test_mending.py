"""A draft that does not follow the schema, given back once to the tier that wrote it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.heads import WordEncoder
from tests.stairs import wired
from tests.unit.pipeline.test_stream import hit, parts, request, tier, traces

from palier.cards import ModelCard
from palier.config import Guard, Redaction
from palier.errors import InvalidRequest
from palier.guards.schema import build
from palier.interfaces import Resources, Vectors
from palier.models.fake import Fake, Rule
from palier.pipeline import answer, stream
from palier.pipeline.landing import Landing
from palier.pipeline.posts import Post, Posts
from palier.privacy.egress import EgressGate
from palier.privacy.prompts import PromptRedactor
from palier.privacy.redaction import Redactor
from palier.stores.traces import SqliteTraces
from palier.types import Delta, Features, Label, Message, Parameters, Prompt, Result

__all__ = ["traces"]
pytest.importorskip("jsonschema_rs")
SCHEMA = {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]}
GOOD = '{"price": 29.99}'


class Here:
    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    async def close(self) -> None: ...


def guards(folder: Path, **settings: Any) -> Posts:
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    resources = Resources(cast(Any, None), WordEncoder(), Here(), folder, lambda name: folder / name)
    return Posts(draft=(Post(build("form", Guard(kind="schema", file="schema.json", **settings), resources)),))


def writing(*answers: str) -> Callable[[Prompt], str]:
    """Each answer in turn, as often as the conversation was given back."""
    return lambda prompt: answers[min(sum(m.role == "assistant" for m in prompt.messages), len(answers) - 1)]


def calls(landing: Landing) -> list[Prompt]:
    assert isinstance(landing.model, Fake)
    return list(landing.model.calls)


async def test_what_does_not_fit_is_mended_by_its_own_tier(traces: SqliteTraces, tmp_path: Path) -> None:
    home, top = tier("home", writing("The price is 29.99 euros.", GOOD)), tier("top", Rule(answer=GOOD))
    result = await answer(request(), parts(traces, home, top, guards=guards(tmp_path)))
    assert (result.status, result.tier, result.text) == ("answered", "home", GOOD)
    assert [(step.tier, step.outcome) for step in result.steps] == [("home", "climbed"), ("home", "answered")]
    assert "it is no JSON" in result.steps[0].reason
    first, second = calls(home)
    assert second.messages[: len(first.messages)] == first.messages, "what was read stays read"
    wrote, told = second.messages[len(first.messages) :]
    assert wrote == Message(role="assistant", content="The price is 29.99 euros.")
    assert told.role == "user"
    assert '"required":["price"]' in told.content
    assert not calls(top)


async def test_it_is_counted_and_kept_like_any_call(traces: SqliteTraces, tmp_path: Path) -> None:
    home = tier("home", writing("The price is 29.99 euros.", GOOD))
    result = await answer(request(), parts(traces, home, guards=guards(tmp_path)))
    kept = await traces.get(result.id)
    assert kept is not None
    assert kept.content is not None
    assert [step.outcome for step in kept.steps] == ["climbed", "answered"]
    usages = [step.usage for step in kept.steps if step.usage is not None]
    assert len(usages) == 2
    assert kept.usage is not None
    assert kept.usage.prompt == usages[0].prompt + usages[1].prompt
    assert usages[1].prompt > usages[0].prompt
    assert (kept.content.answer, kept.content.drafts) == (GOOD, {"home": "The price is 29.99 euros."})
    assert [(row.texts, row.action) for row in kept.guards] == [(2, "climb")]


async def test_a_schema_that_no_guard_could_look_at_is_refused_before_anybody_is_asked(
    traces: SqliteTraces, tmp_path: Path
) -> None:
    schema = {"type": "string", "pattern": "^(?=a)(a+)+$"}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    resources = Resources(cast(Any, None), WordEncoder(), Here(), tmp_path, Path)
    guard = Posts(output=(Post(build("form", Guard(kind="schema"), resources), on_error="open"),))
    home = tier("home", Rule(answer='"aaa"'))
    with pytest.raises(InvalidRequest, match="cannot be used") as refused:
        await answer(request(parameters=Parameters(response_format=form)), parts(traces, home, guards=guard))
    assert refused.value.status == 400
    assert not calls(home)


async def test_one_try_then_it_climbs(traces: SqliteTraces, tmp_path: Path) -> None:
    home, top = tier("home", writing("no", "still no", GOOD)), tier("top", Rule(answer=GOOD))
    result = await answer(request(), parts(traces, home, top, guards=guards(tmp_path)))
    assert (result.tier, len(calls(home))) == ("top", 2)
    assert [step.tier for step in result.steps] == ["home", "home", "top"]


async def test_where_nobody_mends_it_the_answer_is_an_abstention(traces: SqliteTraces, tmp_path: Path) -> None:
    home = tier("home", Rule(answer="no"))
    built = parts(traces, home, guards=guards(tmp_path))
    events = [event async for event in stream(request(stream=True), built)]
    told = "".join(event.text for event in events if isinstance(event, Delta))
    assert told != "no"
    assert len(calls(home)) == 2


async def _once(traces: SqliteTraces, folder: Path, home: Landing, *, n: int = 1, **settings: Any) -> Result:
    top = tier("top", Rule(answer=GOOD))
    result = await answer(
        request(parameters=Parameters(n=n)), parts(traces, home, top, guards=guards(folder, **settings))
    )
    assert len(calls(home)) == 1
    return result


async def test_who_writes_under_a_grammar_is_not_asked_twice(traces: SqliteTraces, tmp_path: Path) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    home = _engine(writing("no", GOOD), form)
    assert (await _once(traces, tmp_path, home)).tier == "top"
    free = _engine(writing("no", GOOD), None)  # without the schema it writes freely
    result = await answer(request(), parts(traces, free, guards=guards(tmp_path)))
    assert (result.tier, len(calls(free))) == ("home", 2)


def _engine(script: Callable[[Prompt], str], form: dict[str, Any] | None) -> Landing:
    model = Fake(script)
    model.card = ModelCard(name="home", kind="engine", capabilities=model.card.capabilities)
    return replace(wired("home", "model-home", model), form=form)


class Promised:
    """A policy's rule that keeps all."""

    threshold, asks = 0.0, False

    def probability(self, features: Features) -> float | None:
        return 1.0

    def asked(self, vector: Vectors | None) -> Features:
        return {}

    def passes_over(self, features: Features) -> str:
        return ""

    def cuts(self, early: float | None) -> str:
        return ""

    def in_vain(self, features: Features) -> str:
        return ""


async def test_settings_and_policies_and_several_answers_leave_it_as_it_is(
    traces: SqliteTraces, tmp_path: Path
) -> None:
    assert (await _once(traces, tmp_path, tier("home", writing("no", GOOD)), repair=False)).tier == "top"
    assert (await _once(traces, tmp_path, tier("home", writing("no", GOOD)), n=2)).tier == "top"
    promised = replace(tier("home", writing("no", GOOD)), rule=Promised())
    assert (await _once(traces, tmp_path, promised)).tier == "top"


async def test_a_tier_that_fails_while_it_mends_has_failed(traces: SqliteTraces, tmp_path: Path) -> None:
    def script(prompt: Prompt) -> Rule:
        given_back = any(message.role == "assistant" for message in prompt.messages)
        return Rule(answer="{ and so on", fail="cut", after=1) if given_back else Rule(answer="no")

    home, top = tier("home", script), tier("top", Rule(answer=GOOD))
    result = await answer(request(), parts(traces, home, top, guards=guards(tmp_path)))
    assert [step.outcome for step in result.steps] == ["climbed", "failed", "answered"]


async def test_what_is_given_back_holds_what_the_tier_was_given_and_no_more(
    traces: SqliteTraces, tmp_path: Path
) -> None:
    mail = "ada@maison.example"

    def script(prompt: Prompt) -> str:
        if any(message.role == "assistant" for message in prompt.messages):
            return GOOD
        return prompt.messages[-1].content.rpartition("\n")[2]  # repeats the question, placeholder and all

    away = wired("away", "model-away", Fake(script), 0.0, Label.INTERNAL, leaves=True, redact=True)
    gate = EgressGate(PromptRedactor(Redactor(Redaction(names="off"))))
    built = parts(traces, away, hits=(hit(),), gate=gate, guards=guards(tmp_path))
    result = await answer(request(f"What does {mail} pay?"), built)
    assert (result.text, len(calls(away))) == (GOOD, 2)
    assert mail not in repr(calls(away))
    wrote = calls(away)[1].messages[-2]
    assert wrote.content in calls(away)[0].messages[-1].content


async def test_what_was_made_more_confidential_meanwhile_is_not_sent_again(
    traces: SqliteTraces, tmp_path: Path
) -> None:
    async def label(_: object, __: object) -> Label:
        return Label.RESTRICTED

    away = wired("away", "model-away", Fake(writing("no", GOOD)), 0.0, Label.INTERNAL, leaves=True)
    built = parts(traces, away, evidence=label, guards=guards(tmp_path))
    result = await answer(request(), built)
    assert (result.status, len(calls(away))) == ("abstained", 1)
