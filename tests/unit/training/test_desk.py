"""Reviewing, bringing and handing out lessons."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.teaching import Teaching, climbed, teaching

from palier.errors import InvalidRequest, NotFound, TooLarge
from palier.lessons import Edit, Lesson
from palier.testing.lessons import lesson_of
from palier.training.candidates import FORBIDDEN
from palier.training.desk import OUTDONE
from palier.training.harvest import AGAIN, OVER_SHARE
from palier.training.lesson_lines import read
from palier.training.screening import GONE, HELD_OUT, PRIVATE, TWIN
from palier.types import Label


@pytest.fixture
async def school(tmp_path: Path) -> AsyncIterator[Teaching]:
    async with teaching(tmp_path) as made:
        yield made


def lines(*some: dict[str, Any]) -> list[Lesson]:
    numbered = [(n, {"answer": "So.", **one}) for n, one in enumerate(some, 1)]
    return list(read(numbered, "support").lessons.values())


async def corrected(school: Teaching, who: str = "eve") -> Lesson:
    await school.asked(climbed("t1"))
    await school.rated("t1", who=who, rating="down", correction="Thirteen.")
    await school.desk.harvest("support")
    (found,) = await school.all()
    assert isinstance(found, Lesson)
    return found


# --- reviewing


async def test_somebody_else_accepts_a_correction(school: Teaching) -> None:
    lesson = await corrected(school)
    with pytest.raises(InvalidRequest, match="somebody else"):
        await school.desk.accept([lesson.id], who="eve")
    (done,) = await school.desk.accept([lesson.id], who="bob")
    assert (done.state, done.reviewer, done.reviewed > 0) == ("accepted", "bob", True)
    assert (await school.desk.get(lesson.id[-12:])).state == "accepted"


async def test_the_owner_of_the_folder_may_accept_what_is_its_own(school: Teaching) -> None:
    lesson = await corrected(school, who="local")
    assert (await school.desk.accept([lesson.id], who="local"))[0].state == "accepted"


async def test_a_rejected_lesson_says_why_and_goes_after_a_month(school: Teaching) -> None:
    lesson = await corrected(school)
    (done,) = await school.desk.reject([lesson.id], who="bob", reason="it is no bell")
    assert (done.state, done.reason, done.reviewer) == ("rejected", "it is no bell", "bob")
    assert done.expires == pytest.approx(done.reviewed + 30 * 86_400)
    (again,) = await school.desk.accept([lesson.id], who="ann")
    assert (again.state, again.reason, again.expires) == ("accepted", "", lesson.expires)


async def test_what_was_made_long_ago_or_in_the_future_is_kept_as_long_as_any_other(school: Teaching) -> None:
    said = [{"question": "Where is the bell?", "created": 1.0}, {"question": "When does it ring?", "created": 1e300}]
    await school.desk.add(lines(*said), who="bob")
    now, year = time.time(), 365 * 86_400
    for lesson in await school.desk.accept([one.id for one in await school.all()], who="bob"):
        assert lesson.created <= now
        assert lesson.expires == pytest.approx(now + year, abs=60.0)
    with pytest.raises(InvalidRequest, match="`created` is in seconds since 1970"):
        lines({"question": "Who?", "created": -1.0})


async def test_what_may_not_be_taught_is_not_accepted(school: Teaching, tmp_path: Path) -> None:
    lesson = await corrected(school)
    (tmp_path / "s.jsonl").write_text(
        '{"id": "a", "input": "What does the lamp cost?", "reference": "12", "split": "holdout"}'
    )
    with pytest.raises(InvalidRequest, match=HELD_OUT):
        await school.ruled(suites=("s.jsonl",)).desk.accept([lesson.id], who="bob")


async def test_of_two_reviewers_the_second_is_told(school: Teaching, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = await corrected(school)

    async def old(id: str) -> Lesson:
        return lesson

    await school.desk.reject([lesson.id], who="ann")
    monkeypatch.setattr(school.lessons, "get", old)
    with pytest.raises(InvalidRequest, match="meanwhile"):
        await school.desk.accept([lesson.id], who="bob")


async def test_what_is_not_there_and_too_much_at_once(school: Teaching) -> None:
    with pytest.raises(NotFound, match="no lesson `none`"):
        await school.desk.reject(["none"], who="bob")
    with pytest.raises(TooLarge):
        await school.desk.accept(["x"] * 1_001, who="bob")
    with pytest.raises(NotFound, match="no route"):
        await school.desk.harvest("nowhere")


# --- editing


async def test_an_edit_is_its_editors_and_brings_no_personal_data_in(school: Teaching) -> None:
    lesson = await corrected(school)
    edit = Edit(answer="Thirteen; write to marie.dupont@laposte.net.", weight=3.0, family="prices")
    done = await school.desk.edit(lesson.id, edit, who="bob")
    assert done.answer.startswith("Thirteen; write to ")
    assert "laposte" not in done.answer
    assert (done.weight, done.family, done.reviewer, done.state, done.revision) == (3.0, "prices", "bob", "queued", 1)
    again = await school.desk.edit(lesson.id, Edit(question="What did the lamp cost?"), who="bob")
    assert again.answer == done.answer, "what was invented stays"
    asking = await school.lessons.asking("support", school.stock.encoder.name)
    near = asking.vectors @ (await school.stock.encoder.encode([again.question]))[0]
    assert near[0] > 0.99
    assert school.relabelled == []
    assert (await school.desk.edit(lesson.id, Edit(label=Label.CONFIDENTIAL), who="bob")).label is Label.CONFIDENTIAL
    assert school.relabelled == [(lesson.id, Label.CONFIDENTIAL)], "what was taught by it hears of it"


async def test_what_may_not_stand_in_a_lesson(school: Teaching) -> None:
    lesson = await corrected(school)
    for edit, words in (
        (Edit(answer=" "), "`answer` must say something"),
        (Edit(weight=0.0), "`weight`"),
        (Edit(label=Label.PUBLIC), "never lowered"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            await school.desk.edit(lesson.id, edit, who="bob")
    assert (await school.desk.get(lesson.id)).revision == 0


async def test_what_is_more_confidential_than_lessons_may_be_is_rejected_and_so_labelled(school: Teaching) -> None:
    """Else nobody would hear of it who was taught by it."""
    lesson = await corrected(school)
    await school.desk.accept([lesson.id], who="bob")
    done = await school.desk.edit(lesson.id, Edit(label=Label.RESTRICTED), who="bob")
    assert (done.state, done.label, done.reviewer) == ("rejected", Label.RESTRICTED, "bob")
    assert "more confidential" in done.reason
    assert school.relabelled == [(lesson.id, Label.RESTRICTED)]
    with pytest.raises(InvalidRequest, match="may not be taught"):
        await school.desk.accept([lesson.id], who="ann")


# --- bringing


async def test_what_is_brought_waits_or_is_accepted(school: Teaching) -> None:
    first = await school.desk.add(lines({"question": "Where is the bell?"}), who="bob")
    assert (first.added, first.queued, first.refused) == (1, 1, {})
    again = await school.desk.add(lines({"question": "Where is the bell?"}), who="bob", accept=True)
    assert (again.added, again.refused) == (0, {AGAIN: 1})
    more = await school.desk.add(lines({"question": "When does it ring?"}), who="bob", accept=True)
    assert (more.added, more.queued) == (1, 0)
    (done,) = await school.all(state="accepted")
    assert (done.reviewer, done.origin.who) == ("bob", "")


async def test_what_is_brought_meets_what_a_harvested_lesson_meets(school: Teaching, tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text(
        '{"id": "a", "input": "What does the lamp cost?", "reference": "12", "split": "holdout"}'
    )
    await school.put("mine.md", "x", groups=("user:ann",))
    mine = [{"text": "x", "collection": "docs", "document": "mine.md"}]
    none = [{"text": "x", "collection": "docs", "document": "none.md"}]
    some = lines(
        {"question": "what does the lamp cost"},
        {"question": "Where is the bell?", "evidence": mine},
        {"question": "Where is the boat?", "evidence": none},
        {"question": "Who wrote it?", "teacher": {"model": "closed"}},
        {"question": "Who wrote this?", "teacher": {"model": "elsewhere", "may_train": False}},
        {"question": "How tall is the tower of the church?"},
        {"question": "how tall is the tower of the church", "answer": "Tall."},
    )
    found = await school.ruled(suites=("s.jsonl",)).desk.add(some, who="bob")
    assert found.added == 1
    assert found.refused == {HELD_OUT: 1, PRIVATE: 1, GONE: 1, FORBIDDEN: 2, TWIN: 1}


async def test_personal_data_in_lines_is_replaced_and_what_was_invented_stays(school: Teaching) -> None:
    said = {"question": "Who is ann.lee@laposte.net?"}
    await school.desk.add(lines(said, {"question": "And jo@example.com, who is it?", "invented": True}), who="bob")
    first, second = sorted(await school.all(), key=lambda one: one.question)[::-1]
    assert "laposte" not in first.question
    assert first.invented
    assert second.question == "And jo@example.com, who is it?"


async def test_a_brought_correction_that_nobody_reviewed_waits(school: Teaching) -> None:
    some = lines({"question": "Where?", "kind": "correction", "state": "accepted"})
    assert (await school.desk.add(some, who="bob")).queued == 1


# --- handing out


async def test_what_is_taught_is_accepted_and_carries_what_it_stands_on(school: Teaching) -> None:
    await school.put("lamp.md", "The lamp costs 12 euros.", label=Label.CONFIDENTIAL)
    await school.put("bell.md", "The bell is in Brest.")
    await school.asked(
        climbed("t1", evidence=("docs/bell.md#0",), tier="top"),
        climbed("t2", "Where is the boat?"),
        climbed("t3", "Where is the horse?"),
    )
    await school.desk.harvest("support")
    await school.desk.add(lines({"question": "Who waits here?"}), who="bob")
    (gone,) = [one for one in await school.all() if one.origin.trace == "t3"]
    await school.desk.reject([gone.id], who="bob")
    found = await school.desk.to_teach("support")
    taught = [*found.split.train, *found.split.validation]
    assert {one.origin.trace for one in taught} == {"t1", "t2"}
    assert (found.carried.label, found.carried.collections, found.left_out) == (Label.INTERNAL, ("docs",), {})
    await school.knowledge.delete("docs", ["bell.md"])
    found = await school.desk.to_teach("support")
    assert (len(found.split.train) + len(found.split.validation), found.left_out) == (1, {GONE: 1})


async def test_of_two_that_ask_the_same_the_surer_is_taught_whichever_came_first(school: Teaching) -> None:
    await school.asked(climbed("t1"))
    await school.desk.harvest("support")
    (escalation,) = await school.all()
    assert (await school.desk.to_teach("support")).lessons == (escalation,)
    said = lines({"kind": "correction", "question": escalation.question, "answer": "Something else."})
    await school.desk.add(said, who="ann", accept=True)
    found = await school.desk.to_teach("support")
    assert [one.answer for one in found.lessons] == ["Something else."]
    assert found.left_out == {OUTDONE: 1}


async def test_what_is_brought_says_what_it_takes_the_place_of(school: Teaching) -> None:
    await school.asked(climbed("a"), climbed("b", "What is the lamp made of?", "Of brass."))
    await school.desk.harvest("support")
    said = lines(
        {"question": "What does the lamp cost?", "answer": "Nothing."},
        {"question": "What is the lamp made of?", "answer": "Of brass."},
        {"question": "Who repairs the lamp?", "answer": "The shop."},
    )
    added = await school.desk.add(said, who="ann", accept=True)
    assert (added.added, added.outdone, added.contradicted) == (3, {"escalation": 2}, 1)
    await school.asked(climbed("c", "Where is the bell kept?", "In the tower."))
    await school.desk.harvest("support")
    waiting = lines({"question": "Where is the bell kept?", "answer": "Nowhere."})
    assert (await school.desk.add(waiting, who="ann")).outdone == {}, "what waits is not taught"


async def test_a_teacher_whose_terms_changed_is_not_taught_any_more(school: Teaching) -> None:
    await school.asked(climbed("t1"))
    await school.desk.harvest("support")
    school.cards["open"] = msgspec.structs.replace(school.cards["open"], may_train_on_outputs=False)
    found = await school.desk.to_teach("support")
    assert found.left_out == {FORBIDDEN: 1}


async def test_the_cap_holds_for_what_is_taught_too(school: Teaching) -> None:
    for n, name in enumerate(("lamp", "bell", "boat", "horse")):
        await school.asked(climbed(f"t{n}", f"Where is the {name}?", who="eve" if n < 3 else "ann"))
    await school.desk.harvest("support")
    found = await school.ruled(user_share=0.5, user_least=1).desk.to_teach("support")
    assert (len(found.split.train) + len(found.split.validation), found.left_out) == (2, {OVER_SHARE: 2})


async def test_lessons_of_another_encoder_are_compared_by_this_one(school: Teaching) -> None:
    some = lesson_of("lesson-1", question="What does the lamp cost?", messages=(), evidence=(), state="accepted")
    import numpy as np

    await school.lessons.add([some], np.ones((1, 3), np.float32), "another")
    await school.asked(climbed("t1"))
    assert (await school.desk.harvest("support")).refused == {TWIN: 1}
    found = await school.desk.to_teach("support")
    assert [one.id for one in found.lessons] == ["lesson-1"]
