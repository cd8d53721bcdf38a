"""Guards where they stand: asked at once, heard in their order."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pipeline.test_guarding import Words

from palier.interfaces.guarding import Context, Verdict
from palier.pipeline.posts import Log, Post, Stopped, look


class Waiting:
    """A guard that says nothing before so many are asked."""

    sentences = True

    def __init__(self, name: str, together: asyncio.Barrier) -> None:
        self.name = name
        self._together = together

    async def check(self, text: str, context: Context) -> Verdict:
        await self._together.wait()
        return Verdict(score=0.0)


class Counting(Words):
    """Takes its time, and counts who is looking."""

    async def check(self, text: str, context: Context) -> Verdict:
        await asyncio.sleep(0)
        return await super().check(text, context)


async def test_all_are_asked_at_once() -> None:
    together = asyncio.Barrier(3)
    posts = [Post(Waiting(name, together), timeout_s=1) for name in "abc"]
    told = Log()
    assert await look(posts, "well", Context(), told) == ("well", None)
    assert [(row.guard, row.failed) for row in told.rows] == [("a", False), ("b", False), ("c", False)]


async def one_after_the_other(posts: list[Post], text: str, told: Log) -> tuple[str, Stopped | None]:
    for post in posts:
        text, stopped = await look([post], text, Context(), told)
        if stopped is not None or not text:
            return text, stopped
    return text, None


@given(
    st.lists(st.sampled_from(["fine", "soft", "bad", "worse", "boom", "down"]), min_size=1, max_size=3),
    st.lists(st.booleans(), min_size=1, max_size=4),
)
async def test_together_they_say_what_they_say_one_after_the_other(words: list[str], slow: list[bool]) -> None:
    def posts() -> list[Post]:
        return [Post((Counting if late else Words)(f"g{n}")) for n, late in enumerate(slow)]

    text = " and ".join(words)
    told, apart = Log(), Log()
    passed, stopped = await look(posts(), text, Context(), told)
    alone, by = await one_after_the_other(posts(), text, apart)
    assert passed == alone
    assert (stopped and (stopped.why, stopped.verdict)) == (by and (by.why, by.verdict))
    rows = [(row.guard, row.action, row.reason, row.failed, row.texts) for row in told.rows]
    assert rows == [(row.guard, row.action, row.reason, row.failed, row.texts) for row in apart.rows]


async def test_once_one_has_mended_it_those_after_it_look_again() -> None:
    first, second = Words("first"), Counting("second")
    text, stopped = await look([Post(first), Post(second)], "a soft word", Context(), Log())
    assert (text, stopped) == ("a  word", None)
    assert second.seen[-1] == "a  word"


async def test_nobody_goes_on_once_it_is_stopped() -> None:
    late = Counting("late")
    _, stopped = await look([Post(Words("first")), Post(late)], "bad", Context(), Log())
    assert stopped is not None
    await asyncio.sleep(0.01)
    assert late.seen == []
