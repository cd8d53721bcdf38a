"""Server-sent events, read from chunks that may be cut anywhere (WHATWG HTML, section 9.2.6, as far as OpenAI's wire
uses it: only `data` matters).

Two liberties, because servers take them: the last event counts although no blank line ends it, and an `event: error`
is told by its data alone.
"""

from __future__ import annotations

import re

from palier.errors import UpstreamGarbage

MAX_EVENT_BYTES = 4_000_000

_LINE = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class Parser:
    """Bytes in, the data of whole events out."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._begun = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that `chunk` completes."""
        rest = self._rest + chunk
        if not self._begun:
            if len(rest) < len(_BOM) and _BOM.startswith(rest):
                self._rest = rest
                return []
            self._begun = True
            rest = rest.removeprefix(_BOM)
        if b"\r" in rest:
            # A CR at the end may be half of a CRLF: the line is taken when the next byte is known.
            held = b"\r" if rest.endswith(b"\r") else b""
            *lines, last = _LINE.split(rest[: len(rest) - len(held)])
            self._rest = last + held
        else:
            *lines, self._rest = rest.split(b"\n")
        found = self._take(lines)
        if self._size + len(self._rest) > MAX_EVENT_BYTES:
            raise UpstreamGarbage(f"{self._host} sent an event of more than {MAX_EVENT_BYTES} bytes")
        return found

    def close(self) -> list[bytes]:
        """The last event, where no blank line ended it."""
        rest, self._rest = self._rest.removesuffix(b"\r"), b""
        return self._take([rest, b""])

    def _take(self, lines: list[bytes]) -> list[bytes]:
        found: list[bytes] = []
        for line in lines:
            if line.startswith(b"data:"):
                value = line[6:] if line.startswith(b" ", 5) else line[5:]
                self._data.append(value)
                self._size += len(value)
            elif line == b"data":
                self._data.append(b"")
            elif not line and self._data:
                found.append(b"\n".join(self._data))
                self._data, self._size = [], 0
        return found
