"""A synthesis that is stopped anywhere goes on: no lesson twice, none lost, and never more than may be."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.cases import Outcome
from palier.errors import Unavailable
from palier.lessons import Brought, Evidence, Lesson, Origin
from palier.training import synthesis
from palier.training.synthesis import School, Source, Wanted, synthesise
from palier.training.synthesis_log import Log
from palier.types import Label, Message, Quantity


class Killed(BaseException):
    """The process is no more."""


class World:
    """A teacher that repeats itself, and a desk that keeps a name once. After `dies` more calls nothing goes on."""

    def __init__(self, folder: Path, *, dies: int | None = None, breaks: bool = False) -> None:
        self.folder, self.dies, self.breaks = folder, dies, breaks
        self.kept: dict[str, Lesson] = {}
        self.calls = 0

    async def ask(self, messages: Sequence[Message], label: Label, language: str) -> Outcome:
        await asyncio.sleep(0)
        if self.dies is not None and self.calls >= self.dies:
            raise Killed
        self.calls += 1
        if self.breaks:
            return Outcome(id="", candidate="", status="failed", error="unavailable: gone")
        system, user = messages[0].content, messages[-1].content
        if "other ways" in system:
            said = f"{user} (said so)\n{user} (said otherwise)"
        elif "Write one question" in user:
            said = f"Q: What of {len(user)}?\nA: Yes [1]."
        else:
            said = "Yes."
        return Outcome(id="", candidate="", output=said, cost=Quantity(value=0.01))

    async def supports(self, answer: str, question: str, passages: Sequence[str]) -> bool:
        return True

    async def keep(self, lessons: Sequence[Lesson]) -> Brought:
        new = [one for one in lessons if one.origin.name not in self.kept]
        self.kept |= {one.origin.name: one for one in new}
        return Brought(added=len(new))

    def school(self) -> School:
        return School(
            route="support",
            teacher="large",
            licence="MIT",
            ask=self.ask,
            supports=self.supports,
            keep=self.keep,
            log=Log(self.folder / "log.jsonl", b"key"),
            sees=Label.INTERNAL,
        )


def sources(lessons: int, passages: int) -> list[Source]:
    some = [
        Lesson(
            id=f"l{n}",
            route="support",
            question=f"Number {n}?",
            answer="Yes.",
            kind="import",
            origin=Origin(name=str(n)),
            label=Label.PUBLIC,
            licence="CC-BY",
            language="en",
        )
        for n in range(lessons)
    ]
    texts = [
        Evidence(text="x" * (80 + n), document=f"{n}", collection="c", label=Label.PUBLIC) for n in range(passages)
    ]
    return [*(Source(lesson=one) for one in some), *(Source(passage=one) for one in texts)]


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 5), st.integers(0, 5), st.integers(1, 3), st.lists(st.integers(0, 12), max_size=4), st.integers(1, 9)
)
def test_killed_anywhere_it_goes_on(lessons: int, passages: int, each: int, kills: list[int], budget: int) -> None:
    wanted = Wanted(paraphrases=each, pairs=passages, room=1_000, max_calls=budget)
    per_lesson = min(each, 2)
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        for dies in kills:
            world.dies = world.calls + dies
            before = world.calls
            with suppress(BaseExceptionGroup):  # of `Killed`
                asyncio.run(synthesise(world.school(), sources(lessons, passages), wanted))
            assert world.calls - before <= budget
        world.dies = None
        rich = Wanted(paraphrases=each, pairs=passages, room=1_000, max_calls=10_000)
        found = asyncio.run(synthesise(world.school(), sources(lessons, passages), rich))
        assert found.stopped == ""
        assert len(world.kept) == lessons * per_lesson + passages
        calls = world.calls
        asyncio.run(synthesise(world.school(), sources(lessons, passages), rich))
        assert world.calls == calls, "what was done is not asked again"


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 9), st.integers(0, 5), st.integers(1, 30))
def test_there_are_never_more_than_may_be(lessons: int, passages: int, room: int, pairs: int, budget: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        wanted = Wanted(paraphrases=2, pairs=pairs, room=room, max_calls=budget)
        found = asyncio.run(synthesise(world.school(), sources(lessons, passages), wanted))
        assert len(world.kept) == found.paraphrases + found.pairs <= room
        assert found.pairs <= pairs
        assert world.calls == found.calls <= budget
        assert found.cost == pytest.approx(0.01 * found.calls)
        whole = min(lessons * 2 + min(pairs, passages), room)
        assert found.stopped or len(world.kept) == whole


async def test_what_is_made_says_what_it_is_of(tmp_path: Path) -> None:
    world = World(tmp_path)
    await synthesise(world.school(), sources(1, 1), Wanted(paraphrases=1, pairs=1, room=9))
    said, pair = world.kept.values()
    assert (said.kind, said.origin.name, said.licence) == ("synthetic", "synthetic:paraphrase:l0:0", "CC-BY, MIT")
    assert (said.answer, said.invented, said.revision) == ("Yes.", False, 0)
    assert (pair.kind, pair.licence, pair.collections, pair.state) == ("synthetic", "MIT", ("c",), "accepted")
    assert pair.origin.name.startswith("synthetic:pair:")


async def test_a_teacher_that_is_gone_is_not_asked_for_ever(tmp_path: Path) -> None:
    world = World(tmp_path, breaks=True)
    with pytest.raises(Unavailable, match="unavailable: gone"):
        await synthesise(world.school(), sources(40, 0), Wanted(paraphrases=1, room=99))
    assert world.calls <= synthesis.IN_A_ROW + synthesis.AT_ONCE


async def test_what_the_teacher_may_not_see_is_tried_again_another_day(tmp_path: Path) -> None:
    world = World(tmp_path)
    hidden = [Source(passage=Evidence(text="x" * 90, label=Label.CONFIDENTIAL))]
    found = await synthesise(world.school(), hidden, Wanted(pairs=1, room=9))
    assert (found.refused, world.calls) == ({synthesis.HIDDEN: 1}, 0)
    assert not world.school().log.done(hidden[0].name)
