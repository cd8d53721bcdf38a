"""Head and body of an answer in one packet: what is written within one turn of the event loop is sent at its end.

uvicorn writes them one after the other, and asyncio makes a system call of each: the dearest step of a short answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HELD_BYTES = 65_536
"""More than this is sent at once: what a slow client does not take must be seen by who writes it."""
LINGER_S = 10.0
"""How long a connection that is being closed waits for a client that does not read."""


class CorkedProtocol(H11Protocol):
    """uvicorn's, over a `CorkedTransport`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(CorkedTransport(transport))  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        super().connection_lost(exc)
        self.transport.let_go()  # type: ignore[attr-defined]


class CorkedTransport:
    """An `asyncio.Transport` whose `write` waits for the end of the turn."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._held: list[bytes] = []
        self._size = 0
        self._loop = asyncio.get_running_loop()

    def write(self, data: bytes) -> None:
        """Send `data` soon, in order."""
        if not data:
            return
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > HELD_BYTES:
            self._flush()

    def close(self) -> None:
        """Close after what was written, which the client has `LINGER_S` to read."""
        self._flush()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._loop.call_later(LINGER_S, self._transport.abort)

    def let_go(self) -> None:
        """The connection is lost: leave nothing of it to the collector.

        asyncio's transport holds a method of its own, which keeps it, its socket and its addresses in a circle.
        """
        if hasattr(self._transport, "_read_ready_cb"):
            self._transport._read_ready_cb = None

    def _flush(self) -> None:
        if self._held:
            held, self._held, self._size = self._held, [], 0
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
