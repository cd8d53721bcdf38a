"""Guards where they stand: heard in their order, and asked before it where they share their work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pipeline.test_guarding import Words

from palier.interfaces.guarding import Context, Span, Verdict
from palier.pipeline.posts import Log, Post, Stopped, look
from palier.types import GuardPlace


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


class Somebodys:
    """A guard from elsewhere, that does what it is made of."""

    name = "somebody's"
    sentences = True

    def __init__(self, does: Callable[[], Awaitable[Any]], *, shares: bool = False) -> None:
        self._does = does
        self.shares = shares

    async def check(self, text: str, context: Context) -> Verdict:
        return await self._does()  # type: ignore[no-any-return]


def says(what: Any) -> Callable[[], Awaitable[Any]]:
    async def said() -> Any:
        return what

    return said


NONSENSE: list[Any] = [
    None,
    "pass",
    Verdict(action="block"),  # type: ignore[arg-type]
    Verdict(action=["pass"]),  # type: ignore[arg-type]
    Verdict(score=float("nan")),
    Verdict(score=-0.1),
    Verdict(score=float("inf")),
    Verdict(score="high"),  # type: ignore[arg-type]
    Verdict(action="mend", text=None),  # type: ignore[arg-type]
    Verdict(action="mend", text="\ud800 x"),
    Verdict(reason="\ud800"),
    Verdict(reason=None),  # type: ignore[arg-type]
    Verdict(action="climb", repair=b"x"),  # type: ignore[arg-type]
    Verdict(spans=(Span(start=0, end=5),)),
    Verdict(spans=(Span(start=3, end=2),)),
    Verdict(spans=(Span(start=0, end=1, score=2.0),)),
    Verdict(spans=(Span(start=0, end=1, passage=0),)),
    Verdict(spans=({"start": 0, "end": 1},)),  # type: ignore[arg-type]
    Verdict(spans=None),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("said", NONSENSE, ids=repr)
async def test_what_is_no_verdict_on_the_text_is_a_failure(said: Any) -> None:
    strict: dict[GuardPlace, str] = {"input": "refuse", "evidence": "mend", "draft": "climb", "output": "refuse"}
    for place, action in strict.items():
        for shares in (False, True):
            told, posts = Log(), [Post(Somebodys(says(said), shares=shares)), Post(Somebodys(says(Verdict())))]
            text, stopped = await look(posts, "well", Context(place=place), told)
            assert (text, stopped and stopped.verdict.action) == (("", None) if action == "mend" else ("well", action))
            assert [(row.action, row.failed) for row in told.rows] == [(action, True)]
    told = Log()
    assert await look([Post(Somebodys(says(said)), on_error="open")], "well", Context(), told) == ("well", None)
    assert [(row.action, row.failed) for row in told.rows] == [("pass", True)]
    assert "it failed" in told.rows[0].reason


async def test_a_score_of_another_library_can_be_written_down() -> None:
    told = Log()
    assert await look([Post(Somebodys(says(Verdict(score=np.float32(0.5)))))], "well", Context(), told) == (
        "well",
        None,
    )  # type: ignore[arg-type]
    assert (type(told.rows[0].score), told.rows[0].score, told.rows[0].failed) == (float, 0.5, False)


async def computes() -> Verdict:
    time.sleep(0.06)
    return Verdict()


async def computes_and_raises() -> Verdict:
    time.sleep(0.06)
    raise ValueError


async def will_not_be_interrupted() -> Verdict:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(5)
    return Verdict()


async def cancels() -> Verdict:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("does", "why"),
    [
        (computes, "no verdict within 0.03 s"),
        (will_not_be_interrupted, "no verdict within 0.03 s"),
        (computes_and_raises, "ValueError"),
        (cancels, "CancelledError"),
    ],
)
@pytest.mark.parametrize("shares", [False, True])
async def test_who_is_late_or_cancels_itself_has_failed(
    does: Callable[[], Awaitable[Verdict]], why: str, *, shares: bool
) -> None:
    for on_error in ("closed", "open"):
        told, guard = Log(), Somebodys(does, shares=shares)
        posts = [Post(guard, on_error=on_error, timeout_s=0.03), Post(Somebodys(says(Verdict()), shares=shares))]  # type: ignore[arg-type]
        _, stopped = await look(posts, "well", Context(), told)
        assert (stopped is None) == (on_error == "open")
        assert told.rows[0].failed
        assert f"({why})" in told.rows[0].reason


@pytest.mark.parametrize("does", [will_not_be_interrupted, lambda: asyncio.sleep(5)])
@pytest.mark.parametrize("shares", [False, True])
async def test_a_request_that_is_left_ends_whatever_its_guard_does(
    does: Callable[[], Awaitable[Any]], *, shares: bool
) -> None:
    told = Log()
    posts = [Post(Somebodys(does, shares=shares), on_error="open"), Post(Somebodys(does, shares=shares))]
    request = asyncio.create_task(look(posts, "well", Context(), told))
    await asyncio.sleep(0.01)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert request.cancelled()
    assert not told.rows
