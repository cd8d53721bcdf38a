"""Requests to lessons: what is taken, what is refused and why, and what is taken back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.teaching import NOW, Teaching, climbed, step, teaching

from palier.lessons import Lesson
from palier.testing.audits import done_of, judgement_of, tier_of, words_of
from palier.training.candidates import DISPUTED, FORBIDDEN, GUARDED, TOOLS, UNCLAIMED, WORDLESS
from palier.training.harvest import AGAIN, OVER_SHARE, SUPERSEDED, Harvested
from palier.training.screening import GONE, HELD_OUT, LABELLED, PRIVATE, TWIN
from palier.types import Guarded, Label, Message


@pytest.fixture
async def school(tmp_path: Path) -> AsyncIterator[Teaching]:
    async with teaching(tmp_path) as made:
        yield made


async def harvest(school: Teaching, **options: object) -> Harvested:
    return await school.desk.harvest("support", **options)  # type: ignore[arg-type]


async def only(school: Teaching) -> Lesson:
    (found,) = await school.all()
    assert isinstance(found, Lesson)
    return found


async def refused(school: Teaching, why: str) -> None:
    found = await harvest(school)
    assert (found.added, found.refused) == ({}, {why: 1})


# --- what is taken


async def test_an_escalation_is_a_lesson_with_its_evidence_label_licence_and_origin(school: Teaching) -> None:
    await school.put("lamp.md", "The lamp costs 12 euros.")
    await school.asked(climbed("t1", evidence=("docs/lamp.md#0",)))
    found = await harvest(school)
    assert (found.looked_at, found.added, found.refused, found.queued) == (1, {"escalation": 1}, {}, 0)
    lesson = await only(school)
    assert (lesson.question, lesson.answer) == ("What does the lamp cost?", "It costs 12 euros.")
    assert (lesson.kind, lesson.state, lesson.reviewer) == ("escalation", "accepted", "")
    assert (lesson.teacher.model, lesson.teacher.may_train, lesson.licence) == ("open", True, "MIT")
    assert (lesson.label, lesson.collections, lesson.language) == (Label.INTERNAL, ("docs",), "en")
    assert (lesson.origin.trace, lesson.origin.who, lesson.origin.created) == ("t1", school.who("ann"), NOW)
    assert [(e.collection, e.document, e.passage, e.text) for e in lesson.evidence] == [
        ("docs", "lamp.md", 0, "The lamp costs 12 euros.")
    ]
    assert "ann" not in msgspec.json.encode(lesson).decode(), "users are named by a keyed hash"


async def test_twice_gives_nothing_new(school: Teaching) -> None:
    await school.asked(climbed("t1"))
    first = await harvest(school)
    again = await harvest(school)
    assert (sum(first.added.values()), again.added, again.refused) == (1, {}, {AGAIN: 1})


async def test_what_was_rejected_does_not_come_again(school: Teaching) -> None:
    await school.asked(climbed("t1"))
    await harvest(school)
    await school.desk.reject([(await only(school)).id], who="bob")
    await refused(school, AGAIN)


async def test_an_answer_from_the_lowest_tier_must_be_liked(school: Teaching) -> None:
    await school.asked(climbed("t1", tier="low"))
    await refused(school, UNCLAIMED)
    await school.rated("t1")
    assert (await harvest(school)).added == {"accepted": 1}


async def test_a_draft_that_a_person_judged_right_is_worth_more_than_what_was_served(school: Teaching) -> None:
    words = words_of("t1", {"low": "eleven", "top": "twelve"}, 9e9)
    tiers = (tier_of("low", model="quote"), tier_of("top", model="open"))
    audit = done_of("t1", NOW, tiers=tiers, words=words)
    await school.stock.audits.draw(climbed("t1", tier="low"), audit)  # type: ignore[attr-defined]
    await school.stock.audits.judge([judgement_of("t1", "top"), judgement_of("t1", "low", correct=None, score=0.9)])
    assert (await harvest(school)).added == {"labelled": 1}
    assert ((await only(school)).answer, (await only(school)).teacher.model) == ("twelve", "open")


async def test_a_judged_draft_that_a_guard_stopped_is_none(school: Teaching) -> None:
    words = words_of("t1", {"low": "eleven", "top": "twelve"}, 9e9)
    tiers = (tier_of("low", model="quote"), tier_of("top", model="open", stopped="it promises"))
    await school.stock.audits.draw(climbed("t1", tier="low"), done_of("t1", NOW, tiers=tiers, words=words))  # type: ignore[attr-defined]
    await school.stock.audits.judge([judgement_of("t1", "top"), judgement_of("t1", "low")])
    assert (await harvest(school)).added == {"labelled": 1}
    assert (await only(school)).answer == "eleven"


async def test_a_correction_waits_for_a_reviewer_and_takes_the_place_of_an_escalation(school: Teaching) -> None:
    await school.asked(climbed("t1"))
    await harvest(school)
    await school.rated("t1", who="eve", rating="down", correction="Thirteen, since May.")
    found = await harvest(school)
    assert (found.added, found.queued, found.withdrawn) == ({"correction": 1}, 1, {DISPUTED: 1})
    (waits,) = await school.all(state="queued")
    assert (waits.answer, waits.teacher.model, waits.origin.who) == ("Thirteen, since May.", "", school.who("eve"))
    (gone,) = await school.all(state="rejected")
    assert (gone.kind, gone.reason, gone.reviewer) == ("escalation", DISPUTED, "palier")


async def test_a_surer_answer_supersedes(school: Teaching) -> None:
    await school.asked(climbed("t1"))
    await harvest(school)
    await school.rated("t1")
    assert (await harvest(school)).added == {"accepted": 1}
    (gone,) = await school.all(state="rejected")
    assert gone.reason == SUPERSEDED


async def test_what_a_tier_below_the_top_answered_waits_for_a_reviewer(school: Teaching) -> None:
    school.cards["closed"] = school.cards["open"]
    await school.asked(climbed("t1", tier="mid"), climbed("t2", "Where is the bell?", "In the chapel."))
    found = await harvest(school)
    assert (found.added, found.queued) == ({"escalation": 2}, 1)
    (waits,) = await school.all(state="queued")
    assert (waits.kind, waits.origin.trace, waits.teacher.model) == ("escalation", "t1", "closed")
    assert [one.origin.trace for one in await school.all(state="accepted")] == ["t2"]
    await school.desk.accept([waits.id], who="bob")
    assert len((await school.desk.to_teach("support")).lessons) == 2


async def test_what_a_tier_below_the_top_answered_is_taught_where_somebody_stands_for_it(school: Teaching) -> None:
    school.cards["closed"] = school.cards["open"]
    await school.asked(climbed("t1", tier="mid"))
    await school.rated("t1")
    found = await harvest(school)
    assert (found.added, found.queued) == ({"accepted": 1}, 0)


@pytest.mark.parametrize("together", [True, False])
async def test_what_waits_of_a_tier_below_the_top_keeps_no_answer_of_the_top_away(
    school: Teaching, together: bool
) -> None:
    school.cards["closed"] = school.cards["open"]
    below, above = climbed("t1", tier="mid", answer="Eleven?", created=NOW + 1), climbed("t2")
    await school.asked(below)
    if not together:
        await harvest(school)
    await school.asked(above)
    found = await harvest(school)
    if together:
        assert (found.added, found.queued, found.refused) == ({"escalation": 1}, 0, {TWIN: 1})
    else:
        assert (found.added, found.queued, found.refused) == ({"escalation": 1}, 0, {AGAIN: 1})
    assert [one.origin.trace for one in await school.all(state="accepted")] == ["t2"]
    await school.asked(climbed("t3", tier="mid", answer="Ten?"))
    assert (await harvest(school)).added == {}, "and the top's keeps it away"


async def test_everything_waits_where_the_settings_say_so(school: Teaching) -> None:
    await school.asked(climbed("t1"))
    found = await harvest(school.ruled(review="all"))
    assert (found.queued, (await only(school)).state) == (1, "queued")


async def test_a_conversation_is_learnt_whole(school: Teaching) -> None:
    turns = [
        Message(role="user", content="I have a lamp.", name="ann"),
        Message(role="assistant", content="A fine one."),
        Message(role="user", content="What did it cost?"),
    ]
    await school.asked(climbed("t1", messages=turns))
    await harvest(school)
    lesson = await only(school)
    assert lesson.question == "What did it cost?"
    assert [(m.role, m.content, m.name) for m in lesson.messages] == [(m.role, m.content, None) for m in turns]
    assert lesson.asked == "I have a lamp.\nA fine one.\nWhat did it cost?"


async def test_only_so_many_and_only_since_then(school: Teaching) -> None:
    names = ("lamp", "bell", "boat", "horse", "tower")
    await school.asked(*(climbed(f"t{n}", f"Where is the {x}?", created=NOW + n) for n, x in enumerate(names)))
    found = await harvest(school, limit=2)
    assert (sum(found.added.values()), found.more) == (2, True)
    assert {one.origin.trace for one in await school.all()} == {"t3", "t4"}, "the newest come first"
    found = await harvest(school, since=NOW + 2)
    assert (sum(found.added.values()), found.looked_at, found.more) == (1, 3, False)


# --- what is refused


async def test_a_teacher_whose_terms_forbid_it_teaches_nothing(school: Teaching) -> None:
    await school.asked(climbed("t1", tier="mid"))
    await refused(school, FORBIDDEN)
    await school.rated("t1")
    await refused(school, FORBIDDEN)


async def test_a_correction_of_its_words_does_unless_they_stay(school: Teaching) -> None:
    await school.asked(climbed("t1", tier="mid", answer="The lamp costs twelve euros in the shop of Brest"))
    await school.rated("t1", rating="down", correction="the lamp costs twelve euros in the shop of Brest.")
    await refused(school, FORBIDDEN)
    await school.rated("t1", rating="down", correction="Fourteen euros.")
    assert (await harvest(school)).added == {"correction": 1}


async def test_what_was_disputed_is_not_learnt(school: Teaching) -> None:
    await school.asked(climbed("t1"), climbed("t2", "Where is the bell?"))
    await school.rated("t1", who="ann")
    await school.rated("t1", who="bob", rating="down")
    await school.rated("t2", rating=None, score=0.2)
    assert (await harvest(school)).refused == {DISPUTED: 2}


THINGS = ("lamp", "bell", "boat", "horse", "tower")


async def test_what_failed_a_guard_is_not_learnt(school: Teaching) -> None:
    rows = (
        Guarded(guard="g", place="output", action="refuse", tier="top"),
        Guarded(guard="g", place="draft", action="climb", tier="top"),
        Guarded(guard="g", place="draft", action="pass", failed=True, tier="top"),
        Guarded(guard="g", place="input", action="climb"),
        Guarded(guard="g", place="evidence", action="pass", failed=True),
    )
    asked = zip(THINGS, rows, strict=True)
    await school.asked(*(climbed(f"t{n}", f"Where is the {x}?", guards=[row]) for n, (x, row) in enumerate(asked)))
    found = await harvest(school)
    assert (found.added, found.refused) == ({}, {GUARDED: 5})


async def test_what_a_guard_kept_from_the_answer_does_not_matter(school: Teaching) -> None:
    rows = (
        Guarded(guard="g", place="draft", action="climb", tier="low"),
        Guarded(guard="g", place="output", action="mend", tier="top"),
        Guarded(guard="g", place="evidence", action="refuse"),
    )
    asked = zip(THINGS, rows, strict=False)
    await school.asked(*(climbed(f"t{n}", f"Where is the {x}?", guards=[row]) for n, (x, row) in enumerate(asked)))
    assert (await harvest(school)).added == {"escalation": 3}


async def test_near_duplicates_are_refused_by_words_and_by_meaning(school: Teaching) -> None:
    await school.asked(
        climbed("t1", "What does the copper lamp cost in the shop of Brest?"),
        climbed("t2", "What does the copper lamp cost, in the shop of Brest?", created=NOW + 1),
        climbed("t3", "what does the copper lamp cost in your shop of Brest", created=NOW + 2),
        climbed("t4", "Where is the bell of the chapel?", created=NOW + 3),
    )
    found = await harvest(school)
    assert (found.added, found.refused) == ({"escalation": 2}, {TWIN: 2})
    assert {one.origin.trace for one in await school.all()} == {"t3", "t4"}, "the newest stays"


async def test_of_twins_the_surer_stays(school: Teaching) -> None:
    await school.asked(climbed("t1"), climbed("t2", created=NOW + 1))
    await school.rated("t2")
    assert (await harvest(school)).added == {"accepted": 1}
    assert (await only(school)).origin.trace == "t2"


async def test_numbers_tell_questions_apart(school: Teaching) -> None:
    await school.asked(climbed("t1", "What does box 3 cost?"), climbed("t2", "What does box 12 cost?"))
    assert (await harvest(school)).added == {"escalation": 2}


async def test_the_benchmark_is_not_learnt(school: Teaching, tmp_path: Path) -> None:
    cases = [
        {"id": "a", "input": "What does the copper lamp cost?", "reference": "12", "split": "holdout"},
        {"id": "b", "input": "Where is the bell?", "reference": "in Brest", "split": "dev"},
        {"id": "c", "input": "Who?", "reference": "ann", "split": "holdout", "origin": "trace:t3"},
    ]
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    ruled = school.ruled(suites=("suite.jsonl",))
    await school.asked(
        climbed("t1", "what does the copper lamp cost"),
        climbed("t2", "Where is the bell?"),
        climbed("t3", "Something else altogether?"),
        climbed("t4", "What does the lamp of copper cost?"),
    )
    found = await harvest(ruled)
    assert (found.added, found.refused, found.held_out) == ({"escalation": 1}, {HELD_OUT: 3}, 2)
    assert (await only(ruled)).origin.trace == "t2"


async def test_a_suite_that_is_made_later_takes_its_lessons_back(school: Teaching, tmp_path: Path) -> None:
    await school.asked(climbed("t1"))
    await harvest(school)
    line = json.dumps({"id": "a", "input": "What does the lamp cost?", "reference": "12", "split": "holdout"})
    (tmp_path / "late.jsonl").write_text(line)
    found = await harvest(school, suites=[str(tmp_path / "late.jsonl")])
    assert found.withdrawn == {HELD_OUT: 1}
    assert (await only(school)).state == "rejected"


async def test_a_suite_that_cannot_be_read_is_no_empty_one(school: Teaching) -> None:
    with pytest.raises(Exception, match="does not exist"):
        await harvest(school, suites=["/nowhere/suite.jsonl"])


async def test_words_that_are_gone_and_tools_teach_nothing(school: Teaching) -> None:
    tool = [Message(role="user", content="Rain?"), Message(role="tool", content="no", tool_call_id="1")]
    await school.asked(climbed("t1", content=None), climbed("t2", messages=[*tool, tool[0]]))
    assert (await harvest(school)).refused == {WORDLESS: 1, TOOLS: 1}


# --- what it stands on


async def test_evidence_that_only_some_may_read_never_trains(school: Teaching) -> None:
    await school.put("mine.md", "The lamp costs 12 euros.", groups=("user:ann",))
    await school.put("ours.md", "The bell is in Brest.", groups=("board",))
    await school.asked(
        climbed("t1", evidence=("docs/mine.md#0",)), climbed("t2", "Where is the bell?", evidence=("docs/ours.md#0",))
    )
    assert (await harvest(school)).refused == {PRIVATE: 2}


async def test_nor_does_a_collection_that_named_users_read(school: Teaching) -> None:
    await school.put("lamp.md", "The lamp costs 12 euros.")
    await school.asked(climbed("t1", evidence=("docs/lamp.md#0",)))
    await school.knowledge.change_readers("docs", allow=["board"])
    assert (await harvest(school)).added == {"escalation": 1}
    await school.knowledge.change_readers("docs", allow=["user:ann"])
    assert (await harvest(school)).withdrawn == {PRIVATE: 1}


async def test_evidence_that_is_gone_or_has_changed_teaches_nothing(school: Teaching) -> None:
    await school.put("lamp.md", "The lamp costs 12 euros.", updated=NOW + 1)
    await school.asked(
        climbed("t1", evidence=("docs/lamp.md#0",)), climbed("t2", "Where is the bell?", evidence=("docs/none.md#0",))
    )
    assert (await harvest(school)).refused == {GONE: 2}


async def test_a_lesson_goes_with_the_words_it_stands_on_and_not_with_their_place(school: Teaching) -> None:
    await school.put("lamp.md", "The lamp costs 12 euros.")
    await school.asked(climbed("t1", evidence=("docs/lamp.md#0",)))
    await harvest(school)
    await school.put("lamp.md", "News of today.", "The lamp costs 12 euros.", updated=NOW + 9)
    assert (await harvest(school)).withdrawn == {}
    await school.put("lamp.md", "News of today.", "The lamp costs 14 euros.", updated=NOW + 9)
    assert (await harvest(school)).withdrawn == {GONE: 1}
    later = climbed("t2", answer="It costs 14 euros.", evidence=("docs/lamp.md#1",), created=NOW + 20)
    await school.asked(later)
    assert (await harvest(school)).added == {"escalation": 1}, "the same question is learnt anew"


async def test_labels_rise_with_the_evidence_and_beyond_what_is_allowed_it_goes(school: Teaching) -> None:
    await school.put("lamp.md", "The lamp costs 12 euros.")
    await school.asked(climbed("t1", evidence=("docs/lamp.md#0",)))
    await harvest(school)
    await school.knowledge.raise_labels({"docs": Label.CONFIDENTIAL})
    assert (await harvest(school)).withdrawn == {}
    assert (await only(school)).label is Label.CONFIDENTIAL
    await school.knowledge.raise_labels({"docs": Label.RESTRICTED})
    assert (await harvest(school)).withdrawn == {LABELLED: 1}


async def test_what_is_too_confidential_is_refused(school: Teaching) -> None:
    await school.asked(climbed("t1", label=Label.RESTRICTED))
    await refused(school, LABELLED)


async def test_evidence_is_numbered_as_the_tier_was_given_it(school: Teaching) -> None:
    await school.put("secret.md", "The vault.", label=Label.CONFIDENTIAL)
    for name in ("a.md", "b.md", "c.md"):
        await school.put(name, f"Words of {name}.")
    keys = ("docs/secret.md#0", "docs/a.md#0", "docs/b.md#0", "docs/c.md#0")
    steps = (step("low", "quote", "climbed"), step("top", "open", withheld=1))
    await school.asked(climbed("t1", evidence=keys, steps=steps))
    await harvest(school)  # `mid` has two passages, and may not see what is confidential
    assert [one.document for one in (await only(school)).evidence] == ["a.md"]


# --- personal data


async def test_personal_data_becomes_the_same_invented_value_everywhere(school: Teaching) -> None:
    mail, phone = "marie.kerdoncuff@laposte.net", "06 12 34 56 78"
    await school.put("people.md", f"Write to {mail}, or call {phone}.", label=Label.INTERNAL)
    await school.put("public.md", "Customers call 02 98 11 22 33.")
    await school.asked(
        climbed(
            "t1",
            f"My mail is {mail}. Which number do I have?",
            f"It is {phone}; ours is 02 98 11 22 33.",
            evidence=("docs/people.md#0", "docs/public.md#0"),
            language="fr",
        ),
        climbed("t2", f"Please call me at +33 6 12 34 56 78 about {mail}", "We will.", language="fr"),
    )
    await harvest(school)
    first, second = sorted(await school.all(), key=lambda one: one.origin.trace)
    whole = msgspec.json.encode([first, second]).decode()
    assert "kerdoncuff" not in whole
    assert "34 56 78" not in whole
    assert first.invented
    address = first.question.split("My mail is ")[1].split(". Which")[0]
    assert address.endswith(("example.com", "example.net", "example.org"))
    number = first.answer.split("It is ")[1].split(";")[0]
    assert number.startswith("06 39 98")
    assert first.evidence[0].text == f"Write to {address}, or call {number}."
    assert address in second.question
    assert f"+33 {number[1:]}" in second.question
    assert "02 98 11 22 33" in first.answer, "what a public passage says is no secret"


# --- one user's share


async def test_one_users_share_is_capped(school: Teaching) -> None:
    ruled = school.ruled(user_share=0.5, user_least=1)
    things = ("lamp", "bell", "boat", "horse", "tower", "garden", "winter")
    who = ("eve", "eve", "eve", "eve", "ann", "bob", "local")
    await school.asked(
        *(
            climbed(f"t{n}", f"Where is the {x}?", who=w, created=NOW + n)
            for n, (x, w) in enumerate(zip(things, who, strict=True))
        )
    )
    found = await harvest(ruled)
    eve = [one for one in await school.all() if one.origin.who == school.who("eve")]
    assert len(eve) == 3
    assert found.refused == {OVER_SHARE: 1}
    assert [one.origin.trace for one in sorted(eve, key=lambda one: one.origin.created)] == ["t0", "t1", "t2"]


async def test_the_owner_is_not_capped(school: Teaching) -> None:
    ruled = school.ruled(user_share=0.0, user_least=0)
    await school.asked(climbed("t1", who="local"), climbed("t2", "Where is the bell?", who="ann"))
    found = await harvest(ruled)
    assert (found.added, found.refused) == ({"escalation": 1}, {OVER_SHARE: 1})


# --- forgetting


async def test_what_is_forgotten_on_the_way_is_not_kept(school: Teaching, monkeypatch: pytest.MonkeyPatch) -> None:
    await school.asked(climbed("t1"), climbed("t2", "Where is the bell?"))
    whole = school.traces.get

    async def forgotten_later(id: str) -> object:
        found = await whole(id)
        gone = school.forgetting and id == "t1" and found is not None
        return msgspec.structs.replace(found, forgotten=True, content=None) if gone and found else found

    monkeypatch.setattr(school.traces, "get", forgotten_later)
    assert (await harvest(school)).added == {"escalation": 1}
    assert (await only(school)).origin.trace == "t2"
