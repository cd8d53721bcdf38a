"""Limits on what the gateway takes on: requests at once, requests waiting, bytes of a body."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from starlette.types import Receive

from palier.errors import Busy, InvalidRequest, PalierError, TooLarge

_LINGER_S = 2.0
"""How long a body that is too large is still read, so that its sender comes to read the answer."""
_LINGER_FACTOR = 4


class ClientLeft(PalierError):
    """The client closed its connection; nobody reads an answer."""

    status = 499
    code = "client_left"


class BodyTimeout(PalierError):
    """408: the client did not send its whole body in time."""

    status = 408
    code = "request_timeout"
    type = "invalid_request_error"


class UnsupportedMedia(InvalidRequest):
    """415: the body is not JSON, or it is compressed."""

    status = 415
    code = "unsupported_media_type"


class Places:
    """A bounded number of requests at work, and a bounded number that wait for a place.

    A request takes a ticket (`admit`) before its body is read, and then waits for its place (`take`): what is held in
    memory is bounded by the tickets.
    """

    def __init__(self, concurrent: int, queue: int) -> None:
        self._tickets = concurrent + queue
        self._free = concurrent
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.taken = 0
        """Tickets taken now."""

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return sum(not turn.done() for turn in self._waiting)

    def admit(self) -> None:
        """Take a ticket; `leave` gives it back. Raises `Busy`."""
        if self.taken >= self._tickets:
            raise Busy(
                f"{self.taken} requests are being answered or waiting, which is all the gateway takes",
                hint="try again; [server] max_concurrent and max_queue set the limit",
                retry_after=1.0,
            )
        self.taken += 1

    def leave(self) -> None:
        """Give the ticket back."""
        self.taken -= 1

    async def take(self) -> None:
        """Wait for a place, in order; `give_back` frees it."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the place came at that very moment
                self.give_back()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def give_back(self) -> None:
        """Hand the place to who has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int, media: bytes = JSON) -> bytes:
    """The whole body, at most `limit` bytes, whether its length was declared or not.

    Raises `TooLarge`, `UnsupportedMedia` and `ClientLeft`.
    """
    _check_media(headers, media)
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        await _linger(receive, limit)
        raise TooLarge(f"the body has {int(declared):,} bytes and the limit is {limit:,}", hint=_LIMIT_HINT)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft("the client left while its request was read")
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size > limit:
            parts.clear()
            if more:
                await _linger(receive, limit)
            raise TooLarge(f"the body has more than {limit:,} bytes, which is the limit", hint=_LIMIT_HINT)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


_LIMIT_HINT = "[server] max_body_bytes sets it"


def _check_media(headers: Mapping[bytes, bytes], media: bytes) -> None:
    kind = headers.get(b"content-type", media).partition(b";")[0].strip().lower()
    if kind != media:
        shown = kind.decode("latin-1")[:60]
        raise UnsupportedMedia(f"the Content-Type is `{shown}`", hint=f"send `Content-Type: {media.decode()}`")
    coding = headers.get(b"content-encoding", b"identity").strip().lower()
    if coding != b"identity":
        plain = "plain JSON" if media == JSON else "it plain"
        raise UnsupportedMedia(f"the Content-Encoding is `{coding.decode('latin-1')[:60]}`", hint=f"send {plain}")


async def _linger(receive: Receive, limit: int) -> None:
    """Read and forget the rest, within bounds: a connection closed under a sender loses the answer."""
    left = limit * _LINGER_FACTOR
    try:
        async with asyncio.timeout(_LINGER_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return
