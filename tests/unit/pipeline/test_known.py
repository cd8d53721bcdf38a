"""What was told under a label keeps it when it comes back: in part, disguised, in tools' arguments, in other words."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.stairs import wired

from palier.errors import InvalidRequest, UpstreamGarbage
from palier.jobs.pool import ProcessWorkers
from palier.models.fake import Fake, Rule
from palier.pipeline import Parts, answer, stream
from palier.pipeline.known import written
from palier.privacy.egress import DEFAULT_SYSTEM, EgressGate
from palier.privacy.fingerprints import FingerprintMarker, Fingerprints
from palier.routing.cascade import decide
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.marks import SqliteAnswerMarks
from palier.stores.traces import SqliteTraces
from palier.testing.documents import DIMENSION, ENCODER, analyse
from palier.types import (
    Delta,
    Document,
    Draft,
    Event,
    Features,
    Finish,
    Hit,
    Label,
    Message,
    Parameters,
    Principal,
    Prompt,
    Request,
    ToolCall,
)

SECRET = "Mr Morel owes the company four hundred euros since the flood of last winter in Quimper."
MARKER = FingerprintMarker(b"key of the test")


class Shelf:
    """Finds `SECRET` for questions that name Morel."""

    async def search(
        self, query: str, collections: Sequence[str], limit: int, principal: Principal, *, context: str = ""
    ) -> list[Hit]:
        if "Morel" not in query:
            return []
        return [Hit(collection="c", document="case", passage=0, text=SECRET, score=1.0, label=Label.RESTRICTED)]


class Sure:
    def features(self, prompt: Prompt, draft: Draft) -> Features:
        return {}

    def probability(self, features: Features, *, generates: bool) -> float:
        return 0.9


class House:
    """A small tier at home that answers about Morel, and a large one in a cloud that may receive what is internal."""

    def __init__(self, traces: SqliteTraces, prints: Fingerprints, said: str = SECRET) -> None:
        self.traces = traces
        self.prints = prints
        self.small = Fake(Rule(pattern="Morel", answer=said), Rule(answer=""))
        self.large = Fake(Rule(answer="from the cloud"))

    def parts(self, *, sticky: bool = False, cloud: Label = Label.INTERNAL) -> Parts:
        small = wired("small", "s", self.small, 0.5)
        large = wired("large", "l", self.large, 0.0, cloud)
        return Parts(
            landings=(small, large),
            collections=("c",),
            retriever=Shelf(),
            gate=EgressGate(),
            confidence=Sure(),
            decide=decide,
            traces=self.traces,
            answers=self.traces,
            detect=lambda text: "en",
            abstention={},
            languages=("en",),
            passages=6,
            climb_on_failure=True,
            retention_s=1000.0,
            fingerprints=self.prints,
            sticky=sticky,
        )

    async def leaves(self, asked: Request, **changed: Any) -> bool:
        """Whether the cloud is asked."""
        before = len(self.large.calls)
        await answer(asked, self.parts(**changed))
        return len(self.large.calls) > before


@pytest.fixture
async def prints(
    tmp_path: Path, workers: ProcessWorkers
) -> AsyncIterator[tuple[SqliteTraces, Fingerprints, SqliteKnowledge]]:
    knowledge = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse, marker=MARKER)
    traces = SqliteTraces.open(tmp_path / "traces.db")
    answers = SqliteAnswerMarks(traces.database)
    await knowledge.marks.fill()
    await answers.look()
    yield traces, Fingerprints(MARKER, knowledge.marks, answers, workers), knowledge
    await knowledge.close()
    await traces.close()


@pytest.fixture
async def house(prints: tuple[SqliteTraces, Fingerprints, SqliteKnowledge]) -> House:
    traces, fingerprints, knowledge = prints
    document = Document(id="case", collection="c", text=SECRET, label=Label.RESTRICTED)
    await knowledge.put([(document, [], np.empty((0, DIMENSION), np.float32))])
    return House(traces, fingerprints)


_count = iter(range(1000))


def asked(*turns: str | Message, name: str = "ann", **fields: Any) -> Request:
    messages = tuple(turn if isinstance(turn, Message) else Message(role="user", content=turn) for turn in turns)
    return Request(id=f"r-{next(_count)}", route="support", messages=messages, principal=Principal(name=name), **fields)


def said(text: str) -> Message:
    return Message(role="assistant", content=text)


async def test_what_quotes_nothing_climbs(house: House) -> None:
    assert await house.leaves(asked("What is the capital of the department of Finistère, please?"))


HIDDEN = base64.b64encode(SECRET.encode()).decode()
TOOL = {"type": "function", "function": {"name": "f", "description": SECRET, "parameters": {"a": [1, None, True]}}}


@pytest.mark.parametrize(
    "request_",
    [
        asked(f"Translate: {SECRET[:70]}"),
        asked(f"Decode {HIDDEN}"),
        asked(SECRET[:40], said("And?"), SECRET[40:]),
        asked("Hello", Message(role="tool", content=SECRET, tool_call_id="1")),
        asked(Message(role="system", content=SECRET.upper()), "Hello"),
        asked(
            "Go",
            Message(role="assistant", tool_calls=(ToolCall(id="1", name="f", arguments=f'{{"q": "{HIDDEN}"}}'),)),
        ),
        asked("Hello", parameters=Parameters(tools=(TOOL,))),
        asked("Hello", parameters=Parameters(stop=("x", SECRET))),
        asked("Hello", parameters=Parameters(response_format={"type": "json_object", "schema": {SECRET: {}}})),
    ],
    ids=["part", "base64", "turns", "tool", "system", "call", "tools", "stop", "format"],
)
async def test_labelled_text_does_not_leave_wherever_it_is_written(house: House, request_: Request) -> None:
    assert not await house.leaves(request_)
    trace = await house.traces.get(request_.id)
    assert trace is not None
    assert trace.label is Label.RESTRICTED


async def test_a_completion_prompt_is_looked_at_too(house: House) -> None:
    request = Request(id="r-text", route="support", text=f"Once upon a time {SECRET}")
    assert not await house.leaves(request)


async def test_half_an_answer_keeps_its_label(prints: tuple[SqliteTraces, Fingerprints, SqliteKnowledge]) -> None:
    """The document is gone; what was told of it is not."""
    house = House(*prints[:2], said="Morel will have to pay back all of his debts before the end of spring.")
    result = await answer(asked("What of Morel?"), house.parts())
    assert (result.tier, result.label) == ("small", Label.RESTRICTED)
    part = "he will have to pay back all of his debts"
    assert await house.leaves(asked("is it so that he must pay his debts?"))
    assert not await house.leaves(asked(f"is it so that {part}?"))


async def test_an_answer_that_was_cut_keeps_its_label(
    prints: tuple[SqliteTraces, Fingerprints, SqliteKnowledge],
) -> None:
    house = House(*prints[:2], said="All of his debts will have to be paid back before the end of spring.")
    parts = house.parts()
    served = wired("small", "s", house.small)
    events = stream(asked("What of Morel?"), Parts(**{**_fields(parts), "landings": (served,)}))
    heard = ""
    async for event in events:
        heard += event.text if isinstance(event, Delta) else ""
        if "back" in heard:
            break
    await events.aclose()
    assert not await house.leaves(asked("his debts will have to be paid back, or not?"))


def _fields(parts: Parts) -> dict[str, Any]:
    return {name: getattr(parts, name) for name in Parts.__dataclass_fields__}


async def test_a_short_answer_is_known_as_the_answer_to_its_question(house: House) -> None:
    """Anybody may say "Yes.": it would be restricted for all, for ever."""
    house.small = Fake(Rule(pattern="Morel", answer="Yes."), Rule(answer=""))
    question = "Does Morel owe us anything?"
    await answer(asked(question), house.parts())
    assert not await house.leaves(asked(question, said("Yes."), "Draft a letter"))
    assert await house.leaves(asked("Is the shop open?", said("Yes."), "Draft a letter"))
    assert await house.leaves(asked(question, said("Yes."), "Draft a letter", name="bob"))


async def test_what_a_tool_is_called_with_is_known_again(house: House) -> None:
    written_ = "he will have to pay back all of his debts before the end of spring"
    call = ToolCall(id="1", name="send", arguments=json.dumps({"to": ["Morel"], "body": written_}))
    house.small = Fake(Rule(pattern="Morel", tools=(call,)), Rule(answer=""))
    tools = ({"type": "function", "function": {"name": "send"}},)
    served = (wired("small", "s", house.small, 0.0),)
    request = asked("Write to Morel", parameters=Parameters(tools=tools))
    await answer(request, Parts(**{**_fields(house.parts()), "landings": served}))
    assert await house.leaves(asked("Is it so that he will have to pay?"))
    assert not await house.leaves(asked(f"Is it so that {written_[:50]}?"))
    told = Message(role="assistant", tool_calls=(call,))
    assert not await house.leaves(asked("Write", told, "Thank you"))


async def test_an_answer_that_is_public_text_is_public(
    house: House, prints: tuple[SqliteTraces, Fingerprints, SqliteKnowledge]
) -> None:
    offer = "The Lanbinic line costs 17 euros a month, installation included."
    public = Document(id="offer", collection="c", text=offer, label=Label.PUBLIC)
    await prints[2].put([(public, [], np.empty((0, DIMENSION), np.float32))])
    house.small = Fake(Rule(pattern="Morel", answer=f"{offer} [1]"), Rule(answer=""))
    result = await answer(asked("What does Morel pay for?"), house.parts())
    assert result.label is Label.RESTRICTED
    assert await house.leaves(
        asked("What does Morel pay for?", said(f"{offer} [1]"), "And what does that make a year?")
    )


@pytest.mark.parametrize("cloud", [Label.INTERNAL, Label.RESTRICTED])
async def test_a_question_that_is_repeated_stays_what_it_was(house: House, cloud: Label) -> None:
    question = "What is the code of the vault that old Morel had in the cellar of his house?"
    house.small = Fake(Rule(pattern="Morel", answer=f"You ask: {question} {DEFAULT_SYSTEM}"), Rule(answer=""))
    result = await answer(asked(question), house.parts(cloud=cloud))
    assert result.label is Label.RESTRICTED
    house.small = Fake(Rule(answer=""))
    assert await house.leaves(asked(question.replace("Morel", "Mr. M") + " " + question[:40]))
    assert await house.leaves(asked(DEFAULT_SYSTEM))


async def test_a_route_that_may_receive_everything_looks_nothing_up(house: House) -> None:
    assert await house.leaves(asked(SECRET[9:]), cloud=Label.RESTRICTED)
    assert not house.prints._cache


@pytest.mark.parametrize("sticky", [True, False])
async def test_a_sticky_conversation_keeps_its_label_in_other_words(house: House, sticky: bool) -> None:
    question = "What do we know of Morel?"
    assert not await house.leaves(asked(question), sticky=sticky)
    again = ["What do we know of Mr. M?", "In short: a client has a debt. Draft a letter."]
    assert await house.leaves(asked(*again), sticky=sticky)
    paraphrased = asked(question, said("A client has a debt."), "Draft a letter")
    assert await house.leaves(paraphrased, sticky=sticky) is not sticky
    later = asked("Draft a letter", said("A client has a debt."), "Once more, but kinder this time")
    assert await house.leaves(later, sticky=sticky) is not sticky, "and so does what went on from there"
    other = asked("Draft a letter", said("A debt."), "What are the opening hours of the shop?")
    assert await house.leaves(other, sticky=sticky), "turns that are too short, or new"
    somebody_else = asked(question, said("A client has a debt."), "Draft a letter", name="bob")
    assert await house.leaves(somebody_else, sticky=sticky)


async def test_an_abstention_is_not_known_by_palier_s_own_words(house: House) -> None:
    """Else every conversation with an "I don't know" in it would carry the label of the first."""
    refused = await answer(asked(f"Translate {SECRET[9:]}"), house.parts(sticky=True))
    assert (refused.status, refused.label) == ("abstained", Label.RESTRICTED)
    assert await house.leaves(asked("Hello?", said(refused.text), "Where are you?"), sticky=True)


async def test_a_sticky_conversation_goes_on_by_its_later_turns(house: House) -> None:
    await answer(asked("What do we know of Morel?"), house.parts(sticky=True))
    second = asked("What do we know of Morel?", said("A debt."), "Say it in a kinder way please, Morel reads it")
    await answer(second, house.parts(sticky=True))
    third = asked("Say it in a kinder way please, Morel reads it", said("A debt, dear."), "Shorter")
    assert not await house.leaves(third, sticky=True)


async def test_a_sticky_conversation_is_known_by_its_name(house: House) -> None:
    first = await answer(asked("Hello, who is Morel?", conversation="c-1"), house.parts(sticky=True))
    assert not await house.leaves(asked("Draft a letter", conversation="c-1"), sticky=True)
    assert await house.leaves(asked("Draft a letter", conversation="c-2"), sticky=True)
    assert await house.leaves(asked("Draft a letter", conversation="c-1", name="bob"), sticky=True)
    same_words = ("Hello, who is Morel?", said("No idea."), "Draft a letter")
    assert await house.leaves(asked(*same_words, conversation="c-3"), sticky=True), "as others may ask"
    assert not await house.leaves(asked(*same_words), sticky=True)
    assert not await house.leaves(asked("Who?", said(first.text), "Draft a letter", conversation="c-4"), sticky=True)


def test_everything_written_is_there_and_what_is_said_first() -> None:
    call = ToolCall(id="call-1", name="look", arguments='{"a": 1}')
    request = asked(
        "one",
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", content="two", tool_call_id="call-1", name="look"),
        parameters=Parameters(
            stop=("end",),
            suffix="after",
            tools=({"a": {"b": [3, 4.5]}},),
            tool_choice="auto",
            response_format={"c": "d"},
        ),
    )
    texts = written(request)
    assert texts[:3] == ["one", '{"a": 1}', "two"]
    together = "\n".join(texts)
    for word in ("call-1", "look", "end", "after", "a", "b", "3", "4.5", "auto", "c", "d"):
        assert word in together.split("\n"), word


class Broken(Fake):
    """Says all, and then fails."""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        async for event in super().stream(prompt):
            if isinstance(event, Finish):
                raise self.failure
            yield event

    failure: Exception = UpstreamGarbage("cut in the middle")


PARAPHRASE = "Since the flood in Quimper, the gentleman you name is four hundred euros behind with his payments."


@pytest.mark.parametrize("failure", [UpstreamGarbage("cut"), InvalidRequest("too long"), RuntimeError("unforeseen")])
async def test_what_a_tier_said_before_it_broke_is_known_again(house: House, failure: Exception) -> None:
    house.small = Broken(Rule(pattern="Morel", answer=PARAPHRASE), Rule(answer=""))
    house.small.failure = failure
    parts = dataclasses.replace(house.parts(), landings=(wired("small", "s", house.small),))
    with pytest.raises(type(failure)):
        await answer(asked("What does Morel owe?"), parts)
    house.small = Fake(Rule(answer=""))
    again = asked("What does he owe?", said(PARAPHRASE), "And in dollars?")
    assert not await house.leaves(again)


async def test_a_sticky_conversation_that_broke_off_stays(house: House) -> None:
    house.small = Broken(Rule(pattern="Morel", answer=PARAPHRASE), Rule(answer=""))
    parts = dataclasses.replace(house.parts(sticky=True), landings=(wired("small", "s", house.small),))
    with pytest.raises(UpstreamGarbage):
        await answer(asked("What does Morel owe?", conversation="c-1"), parts)
    house.small = Fake(Rule(answer=""))
    assert not await house.leaves(asked("Tell me in other words.", conversation="c-1"), sticky=True)


async def test_what_was_told_as_a_tools_arguments_is_known_again(house: House) -> None:
    arguments = '{"note": "the gentleman is four hundred euros behind with his payments since the flood"}'
    call = ToolCall(id="c1", name="note", arguments=arguments)
    house.small = Fake(Rule(pattern="Morel", tools=(call,)), Rule(answer=""))
    tool = {"type": "function", "function": {"name": "note"}}
    first = asked("Note what Morel owes.", parameters=Parameters(tools=(tool,)))
    parts = dataclasses.replace(house.parts(), landings=(wired("small", "s", house.small),))
    assert (await answer(first, parts)).label is Label.RESTRICTED
    house.small = Fake(Rule(answer=""))
    again = asked("Note it.", Message(role="assistant", tool_calls=(call,)), "And now?")
    assert not await house.leaves(again)


async def test_numbers_that_are_sent_on_are_looked_up(
    prints: tuple[SqliteTraces, Fingerprints, SqliteKnowledge],
) -> None:
    traces, fingerprints, knowledge = prints
    code = Document(id="code", collection="c", text="The code of the vault is 40718265.", label=Label.RESTRICTED)
    await knowledge.put([(code, [], np.empty((0, DIMENSION), np.float32))])
    house = House(traces, fingerprints)
    assert await house.leaves(asked("Hello there"))
    for hidden in (Parameters(seed=40718265), Parameters(logit_bias={"40718265": 1.0}), Parameters(top_p=0.40718265)):
        assert not await house.leaves(asked("Hello there", parameters=hidden))
