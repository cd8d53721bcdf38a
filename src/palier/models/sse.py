"""Server-sent events, read from chunks that may be cut anywhere (WHATWG HTML, section 9.2.6, as far as OpenAI's wire
uses it: only `data` matters).

Two liberties, because servers take them: the last event counts although no blank line ends it, and an `event: error`
is told by its data alone.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

from palier.errors import UpstreamGarbage

MAX_EVENT_BYTES = 4_000_000

_LINE = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


async def events(chunks: AsyncIterator[bytes], host: str) -> AsyncIterator[bytes]:
    """The data of each event. An event of more than `MAX_EVENT_BYTES` raises `UpstreamGarbage`."""
    parser = Parser(host)
    async for chunk in chunks:
        for data in parser.feed(chunk):
            yield data
    for data in parser.close():
        yield data


class Parser:
    """Bytes in, the data of whole events out."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The events that `chunk` completes."""
        rest = self._rest + chunk
        if not self._begun:
            if len(rest) < len(_BOM) and _BOM.startswith(rest):
                self._rest = rest
                return
            self._begun = True
            rest = rest.removeprefix(_BOM)
        # A CR at the end may be half of a CRLF: the line is taken when the next byte is known.
        held = b"\r" if rest.endswith(b"\r") else b""
        *lines, last = _LINE.split(rest[: len(rest) - len(held)])
        self._rest = last + held
        for line in lines:
            yield from self._take(line)
        if self._size + len(self._rest) > MAX_EVENT_BYTES:
            raise UpstreamGarbage(f"{self._host} sent an event of more than {MAX_EVENT_BYTES} bytes")

    def close(self) -> Iterator[bytes]:
        """The last event, where no blank line ended it."""
        rest, self._rest = self._rest.removesuffix(b"\r"), b""
        yield from self._take(rest)
        yield from self._take(b"")

    def _take(self, line: bytes) -> Iterator[bytes]:
        if not line:
            if self._data:
                yield b"\n".join(self._data)
                self._data, self._size = [], 0
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
