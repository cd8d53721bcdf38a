"""What every store of lessons must do: subclass `LessonsSuite`, give it a `lessons` fixture, and run it with pytest.

    class TestMine(LessonsSuite):
        @pytest.fixture
        async def lessons(self, tmp_path):
            lessons = MyLessons(tmp_path, most=MOST)
            yield lessons
            await lessons.close()

A store is both `Lessons` and `LessonIndex`, empty at the start of each test, and takes `MOST` lessons of a route.
Asynchronous tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
import pytest

from palier.errors import TooLarge
from palier.interfaces import LessonIndex, Lessons, Vectors
from palier.lessons import Evidence, Lesson, Origin, Teacher
from palier.types import Label, Message

ENCODER = "suite-encoder"
MOST = 40
CREATED = 1_700_000_000.0
EXPIRES = CREATED + 365 * 86_400


class Store(Lessons, LessonIndex, Protocol):
    """Both seams in one part."""


def lesson_of(id: str, **changed: Any) -> Lesson:
    """A lesson with something in every field."""
    fields: dict[str, Any] = {
        "route": "support",
        "question": f"Combien coûte {id} ?",
        "answer": "29,99 € [1]",
        "kind": "escalation",
        "origin": Origin(name=f"trace:{id}:escalation", trace=f"t-{id}", who=f"who-{id}", created=CREATED),
        "messages": (Message(role="user", content="Bonjour"), Message(role="user", content=f"Combien coûte {id} ?")),
        "evidence": (
            Evidence(text="é\x00😀", collection="docs", document=f"{id}.md", passage=2, title="T", label=Label.PUBLIC),
        ),
        "teacher": Teacher(model="large", may_train=True),
        "label": Label.INTERNAL,
        "collections": ("docs",),
        "language": "fr",
        "licence": "Apache-2.0",
        "family": "prices",
        "invented": True,
        "weight": 2.0,
        "state": "queued",
        "reason": "",
        "reviewer": "",
        "created": CREATED,
        "expires": EXPIRES,
    }
    return Lesson(id=id, **{**fields, **changed})


def vectors_of(count: int) -> Vectors:
    """Unit vectors, shape (count, 4), of numbers that any float holds."""
    found: Vectors = np.tile(np.array([0.5, -0.5, 0.5, 0.5], np.float32), (count, 1))
    return found


async def added(lessons: Store, *some: Lesson) -> list[bool]:
    """Add them together."""
    return await lessons.add(some, vectors_of(len(some)), ENCODER)


async def listed(lessons: Store, **asked: Any) -> list[str]:
    """Their ids, in the order they come in."""
    return [one.id for one in await lessons.page(**asked)]


class LessonsSuite:
    """The contracts of `interfaces.Lessons` and `interfaces.LessonIndex`."""

    async def test_what_is_added_comes_back_whole(self, lessons: Store) -> None:
        first, second = lesson_of("a"), lesson_of("b", messages=(), evidence=())
        assert await added(lessons, first, second) == [True, True]
        assert await lessons.get("a") == first
        assert await lessons.get("b") == second
        assert await lessons.get("c") is None

    async def test_the_last_digits_of_an_id_are_enough(self, lessons: Store) -> None:
        await added(lessons, lesson_of("lesson-1234567890abcdef"), lesson_of("lesson-9999567890abcdef"))
        await added(lessons, lesson_of("lesson-aaaa567890abcdee"))
        found = await lessons.get("567890abcdee")
        assert found is not None
        assert found.id == "lesson-aaaa567890abcdee"
        assert await lessons.get("567890abcdef") is None, "two have them"
        assert await lessons.get("%%%%%%%%%%%%") is None

    async def test_one_origin_comes_once(self, lessons: Store) -> None:
        assert await added(lessons, lesson_of("a"), lesson_of("b", origin=lesson_of("a").origin)) == [True, False]
        assert await added(lessons, lesson_of("a", origin=Origin(name="other"))) == [False]
        assert await listed(lessons) == ["a"]
        assert await lessons.origins(["trace:a:escalation", "trace:b:escalation"]) == {"trace:a:escalation"}
        assert await lessons.origins([]) == set()

    async def test_it_does_not_come_again_when_it_is_gone(self, lessons: Store) -> None:
        await added(lessons, lesson_of("a", expires=CREATED), lesson_of("b"))
        assert await lessons.expire(CREATED) == 1
        assert await lessons.expire(CREATED) == 0
        assert await listed(lessons) == ["b"]
        assert await added(lessons, lesson_of("a")) == [False]

    async def test_there_are_so_many_of_a_route_and_no_more(self, lessons: Store) -> None:
        await added(lessons, *(lesson_of(f"{n:03}") for n in range(MOST)))
        with pytest.raises(TooLarge, match="support"):
            await added(lessons, lesson_of("more"), lesson_of("elsewhere", route="sales"))
        assert await listed(lessons, route="sales") == [], "all or none"
        assert await added(lessons, lesson_of("elsewhere", route="sales")) == [True]
        assert await added(lessons, lesson_of("000")) == [False], "what is there takes no place"

    async def test_pages_in_order_of_id(self, lessons: Store) -> None:
        for name in ("c", "a", "d", "b"):
            await added(lessons, lesson_of(name, state="accepted" if name in "ab" else "queued"))
        await added(lessons, lesson_of("aa", route="sales", kind="import"))
        assert await listed(lessons) == ["a", "aa", "b", "c", "d"]
        assert await listed(lessons, limit=2) == ["a", "aa"]
        assert await listed(lessons, after="aa", limit=2) == ["b", "c"]
        assert await listed(lessons, route="support", state="accepted") == ["a", "b"]
        assert await listed(lessons, kind="import") == ["aa"]
        assert await listed(lessons, limit=0) == []

    async def test_a_change_takes_the_place_of_the_revision_it_was_made_of(self, lessons: Store) -> None:
        await added(lessons, lesson_of("a"))
        first = msgspec.structs.replace(lesson_of("a"), state="accepted", reviewer="ann")
        assert await lessons.change([first]) == [True]
        kept = await lessons.get("a")
        assert kept == msgspec.structs.replace(first, revision=1)
        assert await lessons.change([msgspec.structs.replace(first, state="rejected")]) == [False], (
            "ann was there before"
        )
        assert await listed(lessons, state="accepted") == ["a"]
        assert await lessons.change([lesson_of("absent")]) == [False]

    async def test_vectors_come_back_by_their_encoder(self, lessons: Store) -> None:
        await added(lessons, lesson_of("b"), lesson_of("a"))
        await lessons.add([lesson_of("c")], np.ones((1, 2), np.float32), "another")
        asking = await lessons.asking("support", ENCODER)
        assert (asking.ids, asking.stale) == (("a", "b"), ("c",))
        assert np.array_equal(asking.vectors, vectors_of(2))
        changed = -vectors_of(1)
        assert await lessons.change([lesson_of("c")], changed, ENCODER) == [True]
        asking = await lessons.asking("support", ENCODER)
        assert (asking.ids, asking.stale) == (("a", "b", "c"), ())
        assert np.array_equal(asking.vectors[2], changed[0])
        empty = await lessons.asking("sales", ENCODER)
        assert (empty.ids, len(empty.vectors)) == ((), 0)

    async def test_they_are_counted(self, lessons: Store) -> None:
        one = {"origin": Origin(name="x", who="w")}
        two = {"origin": Origin(name="y", who="w")}
        await added(
            lessons, lesson_of("a", **one), lesson_of("b", state="accepted", **two), lesson_of("c", language="en")
        )
        await added(lessons, lesson_of("d", route="sales", state="rejected", teacher=Teacher(), label=Label.PUBLIC))
        count = await lessons.count("support")
        assert (count.states, count.kinds) == ({"queued": 2, "accepted": 1}, {"escalation": 3})
        assert (count.languages, count.teachers, count.labels) == ({"fr": 2, "en": 1}, {"large": 3}, {"internal": 3})
        assert (count.users, count.most) == (2, 2)
        assert (await lessons.count()).states == {"queued": 2, "accepted": 1, "rejected": 1}
        assert (await lessons.count("sales")).users == 0, "what is rejected is nobody's share"

    async def test_many_tasks_at_once(self, lessons: Store) -> None:
        async def task(number: int) -> Sequence[bool]:
            return await added(lessons, lesson_of(f"{number % 20:02}"))

        kept = await asyncio.gather(*(task(number) for number in range(60)))
        assert sum(found for one in kept for found in one) == 20
