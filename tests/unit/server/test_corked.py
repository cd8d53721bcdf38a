"""What is written in one turn of the loop is sent once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from palier.server import corked as corked_module
from palier.server.corked import HELD_BYTES, CorkedTransport


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
