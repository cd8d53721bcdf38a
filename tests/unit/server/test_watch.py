"""Requests at work: whose client left, or whose time is over, are cancelled."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from palier.server import watch as module
from palier.server.watch import Patrol, Watch


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.01)


async def never() -> Any:
    await asyncio.Event().wait()


def leaves_after(seconds: float) -> Any:
    async def receive() -> dict[str, str]:
        await asyncio.sleep(seconds)
        return {"type": "http.disconnect"}

    return receive


async def work(patrol: Patrol, receive: Any, seconds: float) -> tuple[str, Watch]:
    watch = patrol.watch()
    try:
        if receive is not None:
            watch.listen(receive)
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if not watch.ended():
            raise
        return "late" if watch.late else "left", watch
    finally:
        watch.stop()
    return "done", watch


async def test_what_is_done_in_time_is_left_alone() -> None:
    outcome, watch = await asyncio.create_task(work(Patrol(10), never, 0.05))
    assert (outcome, watch.left, watch.late) == ("done", False, False)


async def test_a_client_that_leaves_ends_the_work() -> None:
    outcome, _ = await asyncio.create_task(work(Patrol(10), leaves_after(0.03), 10))
    assert outcome == "left"


async def test_work_ends_when_its_time_is_over() -> None:
    outcome, watch = await asyncio.create_task(work(Patrol(0.05), never, 10))
    assert (outcome, watch.reading) == ("late", False)


async def test_a_body_that_does_not_come_ends_too() -> None:
    outcome, watch = await asyncio.create_task(work(Patrol(0.05), None, 10))
    assert (outcome, watch.reading) == ("late", True)


async def test_who_is_cancelled_from_outside_is_cancelled() -> None:
    task = asyncio.create_task(work(Patrol(10), never, 10))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_outside_outlives_that_of_the_watch() -> None:
    task = asyncio.create_task(work(Patrol(0.03), never, 10))
    await asyncio.sleep(0.02)
    while not task.cancelling():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_is_kept_of_what_is_done() -> None:
    patrol = Patrol(10)
    await asyncio.gather(*[asyncio.create_task(work(patrol, never, 0)) for _ in range(100)])
    await asyncio.sleep(0.05)
    assert (patrol._new, patrol._seen, patrol._timer) == ([], [], None)


async def test_a_request_that_took_its_time_leaves_nothing_to_the_collector() -> None:
    """Else each holds its body, its context and its connection until the collector comes, which is rarely."""
    patrol = Patrol(10)
    gc.collect()
    gc.disable()
    try:
        outcome, watch = await asyncio.create_task(work(patrol, never, 0.05))
        assert (outcome, watch._begun) == ("done", True), "the case is one that was looked at twice"
        del watch
        await asyncio.sleep(0.05)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [held for held in gc.garbage if isinstance(held, Watch | asyncio.Task | BaseException)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == []
