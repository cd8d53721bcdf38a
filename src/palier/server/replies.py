"""What is sent: a whole answer, a stream of chunks, or an error in OpenAI's shape."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Send

from palier.errors import PalierError
from palier.server.sse import failure
from palier.server.wire import encode

Headers = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_EVENTS: Headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: JSON, unless its headers say another content type."""

    content: bytes
    status: int = 200
    headers: Headers = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer in chunks, each sent at once. What is raised before the first chunk is an ordinary error."""

    chunks: AsyncGenerator[bytes, None]
    headers: Headers = field(default_factory=list)


def json_reply(value: Any, headers: Headers | None = None, *, status: int = 200) -> Reply:
    """`value` as JSON."""
    return Reply(encode(value), status, headers or [])


def error_reply(error: PalierError, headers: Headers | None = None) -> Reply:
    """`error` with its status, in OpenAI's shape, its hint within the message."""
    headers = list(headers or ())
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after))))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return json_reply(error_object(error), headers, status=error.status)


def error_object(error: PalierError) -> dict[str, Any]:
    """The body of an error."""
    return {"error": {"message": str(error), "type": error.type, "param": error.param, "code": error.code}}


def unforeseen(id: str) -> PalierError:
    """A fault of palier itself: says where to look, and nothing of what is inside."""
    return PalierError("something went wrong inside palier", hint=f"its log says what, under {id}")


class Answer:
    """The answer to one request, as far as it has been sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.streaming = False
        """Whether the first chunk has been sent: then an error is the last event of the stream."""

    async def give(self, reply: Reply | Stream) -> None:
        """Send all of it."""
        if isinstance(reply, Reply):
            kind = [] if any(name == b"content-type" for name, _ in reply.headers) else [_JSON]
            await self._start(reply.status, [*kind, (b"content-length", b"%d" % len(reply.content)), *reply.headers])
            await self._send({"type": "http.response.body", "body": reply.content})
            return
        async with aclosing(reply.chunks) as chunks:
            async for chunk in chunks:
                if not self.streaming:
                    await self._start(200, [*_EVENTS, *reply.headers])
                    self.streaming = True
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def fail(self, error: PalierError) -> None:
        """Send an error: as the answer, or as the last event of a stream that has begun."""
        if self.streaming:
            await self._send({"type": "http.response.body", "body": failure(encode(error_object(error)))})
        else:
            await self.give(error_reply(error))

    async def _start(self, status: int, headers: Headers) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
