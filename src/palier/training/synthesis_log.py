"""What a synthesis has asked so far, without a word of it: so that it goes on where it was, within what it may spend.

A line a call, and one where a source is done, appended whole and on the disk before the next. A line that a kill cut
short is none. Sources stand there by a keyed hash.
"""

from __future__ import annotations

import os
import time
from hashlib import blake2b
from pathlib import Path

import msgspec

from palier.errors import StoreError
from palier.types import Data

DAY_S = 86_400.0
"""What was spent counts for so long."""


class Line(Data, frozen=True, kw_only=True):
    """One line: a call with what it cost (None: that is not known), or the end of a source."""

    at: float
    source: str
    done: bool = False
    cost: float | None = None


class Log:
    """The file of one route and teacher. One process at a time writes it."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Read what is there. Raises `StoreError`."""
        self._path = path
        self._key = key[:64]
        self._calls: list[Line] = []
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            content = path.read_bytes() if path.exists() else b""
            whole, _, torn = content.rpartition(b"\n")
            if torn:
                os.truncate(path, len(content) - len(torn))
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from None
        self._done: set[str] = set()
        for line in whole.splitlines():
            try:
                self._take(msgspec.json.decode(line, type=Line))
            except msgspec.MsgspecError:
                continue

    def done(self, source: str) -> bool:
        """Whether all was made of it that can be."""
        return self._named(source) in self._done

    def spent(self, now: float | None = None) -> tuple[int, float | None]:
        """Calls of the last day, and US dollars; None where what one of them cost is not known."""
        since = (time.time() if now is None else now) - DAY_S
        self._calls = [line for line in self._calls if line.at > since]
        costs = [line.cost for line in self._calls]
        return len(costs), None if None in costs else sum(cost for cost in costs if cost is not None)

    def called(self, source: str, cost: float | None) -> None:
        """A call was made. Raises `StoreError`."""
        self._append(Line(at=time.time(), source=self._named(source), cost=cost))

    def finish(self, source: str) -> None:
        """Nothing more is made of it. Raises `StoreError`."""
        self._append(Line(at=time.time(), source=self._named(source), done=True))

    def _append(self, line: Line) -> None:
        try:
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
                file.write(msgspec.json.encode(line) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be written: {error.strerror}", hint="make room, then the same command again"
            ) from None
        self._take(line)

    def _take(self, line: Line) -> None:
        if line.done:
            self._done.add(line.source)
        else:
            self._calls.append(line)

    def _named(self, source: str) -> str:
        return blake2b(source.encode("utf-8", "surrogatepass"), key=self._key, digest_size=12).hexdigest()
