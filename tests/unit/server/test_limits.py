"""The bounds of what the gateway takes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

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
