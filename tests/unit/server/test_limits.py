"""The bounds of what the gateway takes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.errors import Busy, TooLarge
from palier.server.limits import ClientLeft, Places, read_body


async def test_no_more_are_at_work_than_there_are_places() -> None:
    places = Places(3, 100)
    at_work = most = 0

    async def work() -> None:
        nonlocal at_work, most
        await places.take()
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1
        places.give_back()

    await asyncio.gather(*[work() for _ in range(50)])
    assert (most, at_work) == (3, 0)


def test_tickets_end_and_come_back() -> None:
    places = Places(2, 1)
    for _ in range(3):
        places.admit()
    with pytest.raises(Busy) as caught:
        places.admit()
    assert caught.value.retry_after == 1.0
    places.leave()
    places.admit()


async def test_whoever_leaves_the_queue_takes_no_place() -> None:
    places = Places(1, 5)

    async def hold(until: asyncio.Event) -> None:
        await places.take()
        await until.wait()
        places.give_back()

    done = asyncio.Event()
    first, second, third = (asyncio.create_task(hold(done)) for _ in range(3))
    await asyncio.sleep(0)
    second.cancel()
    done.set()
    await asyncio.gather(first, second, third, return_exceptions=True)
    assert second.cancelled()
    assert third.exception() is None


def _receiver(*parts: bytes, left: bool = False) -> Any:
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if left:
        messages.append({"type": "http.disconnect"})
    else:
        messages[-1]["more_body"] = False
    waiting = iter(messages)

    async def receive() -> Any:
        return next(waiting)

    return receive


@pytest.mark.parametrize("parts", [(b"",), (b"ab",), (b"a", b"b"), (b"abcde",), (b"abc", b"", b"de")])
async def test_a_body_up_to_the_limit_is_read_whole(parts: tuple[bytes, ...]) -> None:
    assert await read_body(_receiver(*parts), {}, 5) == b"".join(parts)


@pytest.mark.parametrize("parts", [(b"abcdef",), (b"abc", b"def"), (b"abcdef", b"more", b"and more")])
@pytest.mark.parametrize("declared", [True, False])
async def test_a_longer_one_is_refused(parts: tuple[bytes, ...], declared: bool) -> None:
    headers = {b"content-length": b"%d" % len(b"".join(parts))} if declared else {}
    with pytest.raises(TooLarge, match="limit"):
        await read_body(_receiver(*parts), headers, 5)


async def test_a_client_that_leaves_in_the_middle_is_gone() -> None:
    with pytest.raises(ClientLeft):
        await read_body(_receiver(b"ab", left=True), {}, 5)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=30), st.integers(1, 3))
def test_whoever_leaves_whenever_no_place_is_lost_or_made(plan: list[tuple[int, int]], concurrent: int) -> None:
    """Each works for some turns of the loop, and is cancelled after some (0: never)."""

    async def run() -> tuple[int, int]:
        places = Places(concurrent, 100)
        at_work = most = 0

        async def work(turns: int) -> None:
            nonlocal at_work, most
            await places.take()
            try:
                at_work += 1
                most = max(most, at_work)
                for _ in range(turns):
                    await asyncio.sleep(0)
            finally:
                at_work -= 1
                places.give_back()

        async def leave(task: asyncio.Task[None], after: int) -> None:
            for _ in range(after):
                await asyncio.sleep(0)
            task.cancel()

        tasks = []
        for turns, after in plan:
            tasks.append(asyncio.create_task(work(turns)))
            if after:
                tasks.append(asyncio.create_task(leave(tasks[-1], after)))
        await asyncio.gather(*tasks, return_exceptions=True)
        return most, places._free

    most, free = asyncio.run(run())
    assert most <= concurrent
    assert free == concurrent
