"""Real questions as cases: whose answer counts, and what stays out of the file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from palier.audits import Feedback, Judgement
from palier.errors import ConfigurationError
from palier.evals.suites.asked import JUDGED, RATED, TOP, Kept, from_traces
from palier.evals.suites.making import of_traces
from palier.stores.audits import SqliteAudits
from palier.stores.feedback import SqliteFeedback
from palier.stores.traces import SqliteTraces
from palier.testing.audits import AGREEMENT, done_of, drawn, tier_of, words_of
from palier.testing.traces import CREATED, EXPIRES, trace_of
from palier.types import Label, Message, TraceContent

TIERS = ("tier-1", "tier-2")


class Installation:
    """The stores that a service has."""

    def __init__(self, traces: SqliteTraces) -> None:
        self.traces = traces
        self.audits = SqliteAudits(traces.database)
        self.feedback = SqliteFeedback(traces.database)

    async def asked(self, id: str, *words: str, tier: str = "tier-1", **changed: Any) -> None:
        turns = tuple(
            Message(role="user" if place % 2 == 0 else "assistant", content=text, name="marie" if place == 0 else None)
            for place, text in enumerate(words)
        )
        content = TraceContent(label=Label.INTERNAL, expires=EXPIRES, messages=turns, answer=f"answer of {id}")
        trace = msgspec.structs.replace(trace_of(id, tier=tier), principal="marie", parameters={}, content=content)
        await self.traces.record(msgspec.structs.replace(trace, **changed))

    async def kept(self, **options: Any) -> Kept:
        return await from_traces(self, "support", TIERS, **{"since": 0.0, "limit": 100, **options})


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Installation]:
    traces = SqliteTraces.open(tmp_path / "traces.db")
    yield Installation(traces)
    await traces.close()


async def test_whose_answer_counts(here: Installation) -> None:
    await here.asked("top", "Un ?", tier="tier-2")
    await here.asked("low", "Deux ?")
    await here.asked("up", "Trois ?")
    await here.asked("down", "Quatre ?", tier="tier-2")
    for rating in ("up", "down"):
        said = Feedback(trace=rating, principal="marie", rating=rating, created=CREATED)  # type: ignore[arg-type]
        await here.feedback.rate(said, Label.INTERNAL, None)
    drafts = {"tier-1": "low draft", "tier-2": "high draft"}
    await drawn(here.audits, done_of("judged", words=words_of("judged", drafts), tiers=tuple(map(tier_of, drafts))))
    await here.audits.judge(
        [
            Judgement(trace="judged", tier="tier-1", source="person", correct=True),
            Judgement(trace="judged", tier="tier-2", source="person", correct=False),
            Judgement(trace="judged", tier="tier-1", source=AGREEMENT, correct=False),
        ]
    )
    await here.asked("judged", "Cinq ?")
    kept = await here.kept()
    assert {case.id: (case.references, case.tags) for case in kept.cases} == {
        "top": (("answer of top",), (TOP,)),
        "up": (("answer of up",), (RATED,)),
        "judged": (("low draft",), (JUDGED,)),
    }
    assert kept.left_out == {"nobody stands for their answer": 1, "were rated down": 1}


async def test_agreement_makes_the_top_tiers_draft_the_reference(here: Installation) -> None:
    drafts = {"tier-1": "low draft", "tier-2": "high draft"}
    await drawn(here.audits, done_of("a", words=words_of("a", drafts), tiers=tuple(map(tier_of, drafts))))
    await here.audits.judge([Judgement(trace="a", tier="tier-1", source=AGREEMENT, correct=False)])
    await here.asked("a", "Un ?")
    assert [case.references for case in (await here.kept()).cases] == [("high draft",)]


async def test_nobody_is_named_and_the_label_is_carried(here: Installation) -> None:
    await here.asked("a", "Bonjour", "Oui ?", "Le prix ?", tier="tier-2")
    made = await of_traces(here, "support", TIERS, name="x")
    (case,) = made.suite.cases
    assert b"marie" not in msgspec.json.encode(made.suite)
    assert made.private
    assert made.suite.task == "dialogue"
    assert case.label is Label.CONFIDENTIAL
    assert (case.origin, case.question) == ("trace:a", "Le prix ?")
    assert [message.name for message in case.messages] == [None] * 3


async def test_what_cannot_be_asked_again_is_left_out(here: Installation) -> None:
    await here.asked("raw", "Un ?", tier="tier-2")
    await here.asked("tools", "Deux ?", tier="tier-2", parameters={"tools": [{}]})
    await here.asked("gone", "Trois ?", tier="tier-2", content=None)
    await here.asked("failed", "Quatre ?", status="failed", tier=None)
    await here.asked("before", "Cinq ?", tier="tier-2", created=CREATED - 100)
    await here.asked("other", "Six ?", tier="tier-2", route="sales")
    await here.asked("again", "UN", tier="tier-2", created=CREATED + 1)
    kept = await here.kept(since=CREATED - 1)
    assert [case.id for case in kept.cases] == ["again"]
    assert kept.left_out == {
        "are raw prompts or use tools": 1,
        "their words are not kept": 1,
        "had no answer": 1,
        "ask what another one asks": 1,
    }
    assert len((await here.kept(limit=1)).cases) == 1


async def test_nothing_to_make_it_from(here: Installation) -> None:
    await here.asked("low", "Un ?")
    with pytest.raises(ConfigurationError, match="1 nobody stands for their answer"):
        await of_traces(here, "support", TIERS, name="x")
