"""What is written in one turn of the loop is sent once."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from palier.server import corked as corked_module
from palier.server.corked import HELD_BYTES, CorkedProtocol, CorkedTransport


class Wire:
    """A transport that notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = self.aborted = False
        self.unread = 0

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return self.unread

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closed


def corked() -> tuple[Any, Wire]:
    wire = Wire()
    return CorkedTransport(wire), wire  # type: ignore[arg-type]


async def test_head_and_body_are_sent_together_at_the_end_of_the_turn() -> None:
    transport, wire = corked()
    transport.write(b"head")
    transport.write(b"body")
    transport.write(b"")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [b"headbody"]


async def test_turns_are_not_mixed() -> None:
    transport, wire = corked()
    for part in (b"1", b"2"):
        transport.write(part)
        await asyncio.sleep(0)
    assert wire.sent == [b"1", b"2"]


async def test_closing_sends_what_was_written_first() -> None:
    transport, wire = corked()
    transport.write(b"last")
    transport.close()
    assert wire.sent == [b"last"]
    assert transport.is_closing()
    await asyncio.sleep(0)
    assert wire.sent == [b"last"]


async def test_no_more_is_held_than_a_little() -> None:
    transport, wire = corked()
    transport.write(bytes(HELD_BYTES))
    assert not wire.sent
    transport.write(b"x")
    assert wire.sent == [bytes(HELD_BYTES) + b"x"]


async def test_who_does_not_read_the_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corked_module, "LINGER_S", 0.01)
    for unread in (0, 1000):
        transport, wire = corked()
        wire.unread = unread
        transport.write(b"last")
        transport.close()
        await asyncio.sleep(0.05)
        assert wire.aborted == bool(unread)


async def test_a_closed_connection_leaves_nothing_to_the_collector() -> None:
    """What is left of each waits for the collector with its socket and addresses, and the collector is slow to come."""
    wires: list[weakref.ref[Any]] = []

    class Noted(CorkedProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            wires.append(weakref.ref(transport))
            super().connection_made(transport)

    async def hello(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"hello"})

    config = uvicorn.Config(hello, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Noted(config, state, {}), "127.0.0.1", 0)
    gc.collect()
    gc.disable()
    try:
        for hurried in (False, True):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert hurried or (await reader.read()).endswith(b"hello")
            writer.close()
            await asyncio.sleep(0.05)
        assert [wire() for wire in wires] == [None, None]
    finally:
        gc.enable()
        server.close()
