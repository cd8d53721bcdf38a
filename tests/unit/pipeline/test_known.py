"""What was told under a label keeps it when it comes back: in part, disguised, in tools' arguments, in other words."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.stairs import wired

from palier.jobs.pool import ProcessWorkers
from palier.models.fake import Fake, Rule
from palier.pipeline import Parts, answer, stream
from palier.pipeline.known import written
from palier.privacy.egress import EgressGate
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
    Features,
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
async def prints(tmp_path: Path) -> AsyncIterator[tuple[SqliteTraces, Fingerprints, SqliteKnowledge]]:
    knowledge = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse, marker=MARKER)
    traces = SqliteTraces.open(tmp_path / "traces.db")
    workers = ProcessWorkers(1)
    answers = SqliteAnswerMarks(traces.database)
    await knowledge.marks.fill()
    await answers.look()
    yield traces, Fingerprints(MARKER, knowledge.marks, answers, workers), knowledge
    await workers.close()
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
