"""Guards where they stand: heard in their order, and asked before it where they share their work."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pipeline.test_guarding import Words

from palier.interfaces.guarding import Context, Verdict
from palier.pipeline.posts import Log, Post, Stopped, look


class Waiting:
    """A guard that says nothing before so many are asked."""

    sentences = True
    shares = True

    def __init__(self, name: str, together: asyncio.Barrier) -> None:
        self.name = name
        self._together = together

    async def check(self, text: str, context: Context) -> Verdict:
        await self._together.wait()
        return Verdict(score=0.0)


class Counting(Words):
    """Takes its time, and shares its work."""

    shares = True

    async def check(self, text: str, context: Context) -> Verdict:
        await asyncio.sleep(0)
        return await super().check(text, context)


class Blocking:
    """Holds the processor for so long; with `shares`, and by itself, it has time enough."""

    sentences = True

    def __init__(self, name: str, seconds: float, *, shares: bool) -> None:
        self.name = name
        self.shares = shares
        self._seconds = seconds

    async def check(self, text: str, context: Context) -> Verdict:
        await asyncio.sleep(0)
        time.sleep(self._seconds)
        await asyncio.sleep(0)
        return Verdict(action="refuse", reason=f"{self.name} says no") if self.name == "strict" else Verdict()


async def test_those_that_share_their_work_are_asked_at_once() -> None:
    together = asyncio.Barrier(2)
    posts = [Post(Waiting("a", together), timeout_s=1), Post(Words("b")), Post(Waiting("c", together), timeout_s=1)]
    told = Log()
    assert await look(posts, "well", Context(), told) == ("well", None)
    assert [(row.guard, row.failed) for row in told.rows] == [("a", False), ("b", False), ("c", False)]


async def test_a_limit_counts_the_time_of_its_guard_and_of_no_other() -> None:
    strict = Post(Blocking("strict", 0.05, shares=True), on_error="open", timeout_s=0.2)
    others = [Post(Blocking(f"slow{n}", 0.15, shares=True), timeout_s=0.2) for n in range(3)]
    told = Log()
    _, stopped = await look([strict, *others], "well", Context(), told)
    assert stopped is not None
    assert (stopped.post, stopped.verdict.reason) == (strict, "strict says no")
    assert [(row.guard, row.failed) for row in told.rows] == [("strict", False)]
    assert await look(others, "well", Context(), told) == ("well", None)
    assert not any(row.failed for row in told.rows)


async def test_who_stands_behind_one_that_refuses_has_nothing_to_do() -> None:
    behind = [Counting("shares"), Words("does not")]
    _, stopped = await look([Post(Words("first")), *map(Post, behind)], "bad", Context(), Log())
    assert stopped is not None
    await asyncio.sleep(0.01)
    assert [guard.seen for guard in behind] == [[], []]


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


async def test_what_a_defect_says_is_not_written_down(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Words):
        async def check(self, text: str, context: Context) -> Verdict:
            raise KeyError(text)

    _, stopped = await look([Post(Broken("broken"))], "the secret", Context(), Log())
    assert stopped is not None
    assert "KeyError" in caplog.text
    assert "check" in caplog.text
    assert "secret" not in caplog.text + stopped.why
