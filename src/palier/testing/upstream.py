"""A scripted upstream on loopback: a server that speaks the OpenAI wire well, or badly in every way there is.

    async with Upstream() as upstream:
        upstream.script = [refuses(429, retry_after=1), answers("Bonjour")]
        ...                                     # point a model at upstream.url
        assert upstream.calls[0].json["messages"]

Each call takes the next behaviour of `script`; when it is empty, `default`. Raw asyncio, so that it can do what no
web framework lets one do: cut a chunk in the middle, dribble a header, forget a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

MAX_BODY = 16_000_000


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def streams(self) -> bool:
        return bool(self.body) and bool(self.json.get("stream"))


@dataclass
class Wire:
    """What a behaviour writes to."""

    writer: asyncio.StreamWriter

    async def head(self, status: int, headers: dict[str, str] | None = None, *, length: int | None = None) -> None:
        """Status and headers; without `length` the body is chunked."""
        lines = [f"HTTP/1.1 {status} Scripted"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self.writer.drain()

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def whole(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        await self.head(status, headers, length=len(body))
        self.writer.write(body)
        await self.writer.drain()


Behaviour = Callable[[Call, Wire], Awaitable[None]]


class Disconnect(Exception):
    """A behaviour raises it to close the connection at once, without a word."""


@dataclass
class Upstream:
    """The server. `calls` are the requests seen; `left` is set when a client left while it was being answered."""

    script: list[Behaviour] = field(default_factory=list)
    default: Behaviour | None = None
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    requests_per_connection: int = 1000
    """After so many answers a connection is closed without a word, as some servers do."""

    @property
    def url(self) -> str:
        """The base URL, with `/v1`."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Upstream:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: asyncio.StreamReaderProtocol(_Reader(), self._accept), "127.0.0.1", 0
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(cast(_Reader, reader), writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: _Reader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            for _ in range(self.requests_per_connection):
                call = await _read(reader)
                if call is None:
                    return
                self.calls.append(call)
                behaviour = self.script.pop(0) if self.script else self.default or answers("Bonjour, tout va bien.")
                await self._perform(behaviour, call, reader, writer)
        except (Disconnect, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _perform(self, behaviour: Behaviour, call: Call, reader: _Reader, writer: asyncio.StreamWriter) -> None:
        answering = asyncio.ensure_future(behaviour(call, Wire(writer)))
        leaving = asyncio.create_task(reader.left.wait())
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                self.left.set()
                raise Disconnect
            answering.result()
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)


class _Reader(asyncio.StreamReader):
    """A reader that tells at once when the other end is gone, even while nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.left = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.left.set()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.left.set()


async def _read(reader: asyncio.StreamReader) -> Call | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    request, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = request.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    size = min(int(headers.get("content-length", "0")), MAX_BODY)
    return Call(method, path, headers, await reader.readexactly(size))


# --- behaving well -----------------------------------------------------------------------------------------------


def answers(
    text: str,
    *,
    pieces: Sequence[str] | None = None,
    finish: str = "stop",
    usage: tuple[int, int] | None = (7, 5),
    delay_s: float = 0.0,
) -> Behaviour:
    """Answers `text`, streamed (in `pieces`, word by word by default) or whole, as chat or as completion."""

    async def behave(call: Call, wire: Wire) -> None:
        if not call.streams:
            await wire.whole(200, json.dumps(whole(call, text, finish, usage)).encode(), JSON_TYPE)
            return
        await wire.head(200, SSE_TYPE)
        for line in lines(call, pieces if pieces is not None else words(text), finish, usage):
            await wire.chunk(line)
            if delay_s:
                await asyncio.sleep(delay_s)
        await wire.end()

    return behave


def sends(*payloads: Any, done: bool = True) -> Behaviour:
    """Streams these objects as they are (a `str` is sent raw), then `[DONE]`."""

    async def behave(call: Call, wire: Wire) -> None:
        await wire.head(200, SSE_TYPE)
        for payload in payloads:
            await wire.chunk(payload.encode() if isinstance(payload, str) else _data(payload))
        if done:
            await wire.chunk(b"data: [DONE]\n\n")
        await wire.end()

    return behave


def replies(status: int, body: Any, headers: dict[str, str] | None = None) -> Behaviour:
    """One JSON reply."""

    async def behave(call: Call, wire: Wire) -> None:
        await wire.whole(status, json.dumps(body).encode(), {**JSON_TYPE, **(headers or {})})

    return behave


# --- behaving badly ----------------------------------------------------------------------------------------------


def refuses(
    status: int, message: str = "scripted refusal", *, retry_after: float | None = None, **fields: Any
) -> Behaviour:
    """An error in OpenAI's shape; `fields` are `type`, `param`, `code` and others."""
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return replies(status, {"error": {"message": message, **fields}}, headers)


def redirects(location: str, status: int = 307) -> Behaviour:
    return replies(status, {}, {"Location": location})


def garbage(body: bytes = b"<html>It works!</html>", content_type: str = "text/html") -> Behaviour:
    async def behave(call: Call, wire: Wire) -> None:
        await wire.whole(200, body, {"content-type": content_type})

    return behave


def not_http() -> Behaviour:
    async def behave(call: Call, wire: Wire) -> None:
        wire.writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        raise Disconnect

    return behave


def cuts(text: str = "Bonjour, tout va bien.", *, after: int = 2) -> Behaviour:
    """Streams `after` pieces and half of the next chunk, then closes."""

    async def behave(call: Call, wire: Wire) -> None:
        await wire.head(200, SSE_TYPE)
        for line in lines(call, words(text)[:after], None, None)[:-1]:
            await wire.chunk(line)
        wire.writer.write(b"40\r\ndata: {")
        await wire.writer.drain()
        raise Disconnect

    return behave


def stalls(text: str = "Bonjour, tout va bien.", *, after: int = 0) -> Behaviour:
    """Streams `after` pieces (0: not even a header), then says nothing until the client leaves."""

    async def behave(call: Call, wire: Wire) -> None:
        if after:
            await wire.head(200, SSE_TYPE)
            for line in lines(call, words(text)[:after], None, None)[:-1]:
                await wire.chunk(line)
        await asyncio.Event().wait()

    return behave


def dribbles(every_s: float) -> Behaviour:
    """Sends its headers a byte at a time, for ever."""

    async def behave(call: Call, wire: Wire) -> None:
        wire.writer.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while True:
            wire.writer.write(b"a")
            await wire.writer.drain()
            await asyncio.sleep(every_s)

    return behave


def disconnects() -> Behaviour:
    """Closes without an answer."""

    async def behave(call: Call, wire: Wire) -> None:
        raise Disconnect

    return behave


def floods(chunk: int = 65536) -> Behaviour:
    """A reply that has no end."""

    async def behave(call: Call, wire: Wire) -> None:
        await wire.head(200, SSE_TYPE)
        while True:
            await wire.chunk(b"x" * chunk)

    return behave


# --- the wire ----------------------------------------------------------------------------------------------------

JSON_TYPE = {"content-type": "application/json"}
SSE_TYPE = {"content-type": "text/event-stream; charset=utf-8"}


def words(text: str) -> list[str]:
    """`text` in pieces that join to it again, each a word and the space before it."""
    pieces = text.split(" ")
    return [pieces[0], *(" " + piece for piece in pieces[1:])] if text else []


def whole(call: Call, text: str, finish: str, usage: tuple[int, int] | None) -> dict[str, Any]:
    """The reply that is not streamed, to a chat or a completion."""
    chat = call.path.endswith("/chat/completions")
    body: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    reply = {
        "id": "scripted",
        "object": "chat.completion" if chat else "text_completion",
        "created": 0,
        "model": call.json.get("model", ""),
        "choices": [{"index": i, "finish_reason": finish, **body} for i in range(call.json.get("n") or 1)],
    }
    return {**reply, "usage": _usage(usage)} if usage else reply


def lines(call: Call, pieces: Iterable[str], finish: str | None, usage: tuple[int, int] | None) -> list[bytes]:
    """The lines of a stream, `[DONE]` the last."""
    chat = call.path.endswith("/chat/completions")
    frame = {"id": "scripted", "object": "chat.completion.chunk" if chat else "text_completion", "created": 0}
    out: list[bytes] = []
    for index in range(call.json.get("n") or 1):
        if chat:
            out.append(_data({**frame, "choices": [{"index": index, "delta": {"role": "assistant"}}]}))
        for piece in pieces:
            body: dict[str, Any] = {"delta": {"content": piece}} if chat else {"text": piece}
            out.append(_data({**frame, "choices": [{"index": index, "finish_reason": None, **body}]}))
        if finish:
            body = {"delta": {}} if chat else {"text": ""}
            out.append(_data({**frame, "choices": [{"index": index, "finish_reason": finish, **body}]}))
    if usage:
        out.append(_data({**frame, "choices": [], "usage": _usage(usage)}))
    return [*out, b"data: [DONE]\n\n"]


def _usage(usage: tuple[int, int]) -> dict[str, int]:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}


def _data(payload: Any) -> bytes:
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n"
