"""Lessons under review: by whoever may read what they stand on, and never a correction by its own writer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.server.console.conftest import HOSTILE, Person

from palier.access import Role
from palier.lessons import Evidence, Lesson, Origin
from palier.types import Document, Label, Message

People = Callable[..., Person]
_count = iter(range(1_000))


def bring(person: Person, **fields: Any) -> Lesson:
    """A lesson that waits."""
    n = next(_count)
    given = {
        "question": f"What is the {n}th bell of {n * 7919 % 1000} called?",
        "answer": f"Number {n}.",
        "kind": "correction",
        "label": Label.PUBLIC,
        **fields,
    }
    lesson = Lesson(id=f"lesson-{n:04}", route="support", origin=Origin(name=f"test-{n}"), **given)
    brought = person.gateway.run(person.gateway.palier.lessons.add([lesson], who="somebody"))
    assert brought.added == 1, brought.refused
    return lesson


def kept(person: Person, lesson: Lesson) -> Lesson:
    return person.gateway.run(person.gateway.palier.lessons.get(lesson.id))


def test_a_reviewer_accepts_rejects_and_edits(people: People) -> None:
    person = people(Role.REVIEWER)
    one, two, three = bring(person, answer=f"As it is. {HOSTILE}"), bring(person), bring(person)
    shown = person.get("/console/lessons").text
    assert all(lesson.id in shown for lesson in (one, two, three))
    assert "<script>alert" not in shown
    assert "⟨U+202E⟩" in shown
    part = person.post(f"/console/lessons/{one.id}/accept", **{"HX-Request": "true"})
    assert "may be taught" in part.text
    assert "<html" not in part.text
    person.post(f"/console/lessons/{two.id}/reject", {"reason": "Nobody knows."})
    person.post(f"/console/lessons/{three.id}/edit", {"question": three.question, "answer": "Line 1\r\nLine 2"})
    assert (kept(person, one).state, kept(person, one).reviewer) == ("accepted", person.name)
    assert (kept(person, two).state, kept(person, two).reason) == ("rejected", "Nobody knows.")
    assert (kept(person, three).state, kept(person, three).answer) == ("queued", "Line 1\nLine 2")
    both = {"question": three.question, "answer": "Line 3", "accept": "yes"}
    assert person.post(f"/console/lessons/{three.id}/edit", both).status_code == 200
    assert (kept(person, three).state, kept(person, three).answer) == ("accepted", "Line 3")
    actions = person.gateway.run(person.gateway.palier.access.actions.page(who=person.name))
    assert [(action.what, action.about) for action in actions][:4] == [
        ("lesson.edit", three.id),
        ("lesson.edit", three.id),
        ("lesson.reject", two.id),
        ("lesson.accept", one.id),
    ]
    assert one.id in person.get("/console/lessons?state=accepted&kind=correction&route=support").text
    assert one.id not in person.get("/console/lessons").text


def test_a_correction_is_not_accepted_by_who_wrote_it(people: People) -> None:
    author, other = people(Role.REVIEWER), people(Role.REVIEWER)
    author.post("/console/ask", {"route": "support", "question": "When does the bell of Ys ring at night?"})
    (trace,) = author.gateway.run(author.gateway.palier.list_traces(limit=1)).traces
    author.post(f"/console/answers/{trace.id}/rating", {"rating": "down", "correction": "Never: it has sunk."})
    operator = people(Role.OPERATOR)
    assert "Lessons made: " in operator.post("/console/lessons/harvest", {"route": "support"}).text
    lessons, _ = author.gateway.run(author.gateway.palier.list_lessons(limit=500, state="queued"))
    (lesson,) = [one for one in lessons if one.origin.trace == trace.id]
    refused = author.post(f"/console/lessons/{lesson.id}/accept", **{"HX-Request": "true"})
    assert refused.status_code == 400
    assert refused.headers["hx-reswap"] == "afterbegin", "the lesson stays where it is, with why"
    assert "somebody else" in refused.text
    assert other.post(f"/console/lessons/{lesson.id}/accept").status_code == 200
    assert kept(other, lesson).answer == "Never: it has sunk."


def test_what_one_may_not_read_is_not_ones_to_review(people: People) -> None:
    reviewer, admin = people(Role.REVIEWER), people(Role.ADMIN)
    palier, run = reviewer.gateway.palier, reviewer.gateway.run
    closed = Document(id="vault", collection="closed", text="The vault is below the altar.", label=Label.PUBLIC)
    run(palier.put_documents([closed]))
    run(palier.change_readers("closed", allow=["board"]))
    turns = tuple(
        Message(role=role, content=text)
        for role, text in (("user", "Hello"), ("assistant", "Good day"), ("user", "And the bell of the 99th tower?"))
    )
    stands = Evidence(text=closed.text, collection="closed", document="vault", label=Label.PUBLIC)
    hidden = [
        bring(reviewer, evidence=(stands,)),
        bring(reviewer, question=turns[-1].content, messages=turns),
    ]
    shown = reviewer.get("/console/lessons").text
    for lesson in hidden:
        assert lesson.id not in shown
        assert reviewer.post(f"/console/lessons/{lesson.id}/accept").status_code == 404
        assert kept(reviewer, lesson).state == "queued"
    run(palier.access.directory.add("board", [reviewer.name]))
    assert hidden[0].id in reviewer.get("/console/lessons").text
    assert all(lesson.id in admin.get("/console/lessons").text for lesson in hidden)


def test_the_list_goes_on_after_its_last(people: People) -> None:
    person = people(Role.ADMIN)
    for _ in range(25):
        bring(person, kind="import")
    first = person.get("/console/lessons?kind=import&state=")
    after = first.text.partition("after=lesson-")[2][:4]
    rest = person.get(f"/console/lessons?kind=import&state=&after=lesson-{after}")
    assert first.text.count('class="card lesson"') == 20
    assert rest.text.count('class="card lesson"') >= 5


@pytest.mark.parametrize("path", ["/console/lessons?state=odd", "/console/lessons?kind=odd"])
def test_a_query_that_means_nothing_is_refused(people: People, path: str) -> None:
    assert people().get(path).status_code == 400


def test_a_viewer_reviews_nothing(people: People) -> None:
    viewer = people(Role.VIEWER)
    lesson = bring(viewer)
    assert viewer.get("/console/lessons").status_code == 403
    assert viewer.post(f"/console/lessons/{lesson.id}/accept").status_code == 403
    assert people(Role.REVIEWER).post("/console/lessons/harvest", {"route": "support"}).status_code == 403
