"""Rows that are acknowledged before they are in their tables: a line in a file each, moved in together a little later.

A commit costs the pages it touches and a hand-over to the writer's thread, which must win the interpreter from a busy
event loop for each of its statements; a line at the end of a file costs one call of the system, and survives the end of
the process as a commit does (write-ahead logging: Mohan et al., ARIES, 1992, https://doi.org/10.1145/128765.128770).

Two files take turns: while the rows of one are moved, new ones go to the other; that whose rows are committed is begun
anew. A row is moved twice where the process ended in between, and must then be as if it was moved once.

The beginning of each file is mapped into memory and written over: a call of the system takes as long as all the rest,
in a process whose caches hold what requests need. What stands behind the last line is of earlier numbers. That part is
written when the file is opened, as SQLite does with its `-shm`: a full disk must not be found out by touching it.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import threading
import zlib
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import Generic, TypeVar

import apsw

from palier.errors import Busy, PalierError, StoreError

T = TypeVar("T")
Row = TypeVar("Row")
MOVED_EVERY_S = 0.5
"""How long a row waits at most, unless somebody reads. The first of a quiet moment does not wait."""
MANY, MANY_BYTES = 256, 8 * 2**20
"""Rows, and bytes of theirs, that do not wait any longer."""
REGION = 2**20
"""Bytes of each file that are mapped: half a second of 1,000 requests a second."""
MOST, MOST_BYTES = 16_384, 64 * 2**20
"""Rows that may wait, and what those of a file may take; beyond, as where they cannot be moved, none is taken on."""
_HEAD = Struct("<IIQ")
"""Of each line: its length in bytes without this, the Adler-32 (RFC 1950) of the line with 0 in that place, and its
number, from 1. It is to tell a torn line; a CRC's tables would come from memory anew for every request."""
_CHECK, _CHECK_AT = Struct("<I"), 4


@dataclass(frozen=True, slots=True)
class Journaled(Generic[T, Row]):
    """Things of one kind: how they are written, read again as rows, and moved into their tables."""

    write: Callable[[T, bytearray, int], None]
    """Into a buffer, from there to its end, which is moved. May raise `PalierError`."""
    read: Callable[[memoryview], Row]
    """Raises `ValueError` for what `write` did not give."""
    keys: Callable[[T], Collection[Hashable]]
    """By what it may be asked for where other rows may wait."""
    called: Callable[[Row], str]
    """What the log calls it; no words of anybody."""
    move: Callable[[apsw.Connection, Iterable[Row]], None]


@dataclass(slots=True)
class _File:
    path: Path
    descriptor: int
    region: mmap.mmap | None = None
    """Its first `REGION` bytes; None where the disk has no room for them."""
    size: int = 0
    """Where the next line begins."""
    count: int = 0
    """Of its lines. They are kept nowhere else: a few hundred traces as objects would drive out of the processor's
    caches what the next requests need."""
    keys: set[Hashable] | None = field(default_factory=set)
    """None where they are not known."""

    @property
    def mapped(self) -> int:
        """How many bytes are."""
        return 0 if self.region is None else len(self.region)

    def map(self) -> None:
        """Map its beginning, which is on the disk then."""
        length = os.fstat(self.descriptor).st_size
        try:
            if length < REGION:
                written = os.pwrite(self.descriptor, bytes(REGION - length), length)
                if written < REGION - length:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.region = mmap.mmap(self.descriptor, REGION)
        except (OSError, ValueError):  # full, or nothing to map: lines are written by calls of the system
            os.ftruncate(self.descriptor, self.size)

    def close(self) -> None:
        """Also its lock goes."""
        if self.region is not None:
            self.region.close()  # which has a descriptor of its own
        os.close(self.descriptor)

    def take_on(self, length: int, keys: Collection[Hashable] | None) -> None:
        """A line of so many bytes."""
        self.size += length
        self.count += 1
        if keys is None:
            self.keys = None
        elif keys and self.keys is not None:
            self.keys.update(keys)

    def lines(self) -> list[memoryview]:
        """The texts of its lines. Raises `StoreError` where they are not as they were written."""
        try:
            found = [line for _, line in _lines(os.pread(self.descriptor, self.size, 0))]
        except OSError as error:
            raise _failed(self.path, error) from None
        if len(found) != self.count:
            raise StoreError(
                f"{self.path}: {len(found)} of its {self.count} rows can be read",
                hint="was it written over? The rest is lost: restart palier, which takes up what can be read",
            )
        return found

    def empty(self) -> None:
        self.size, self.count, self.keys = 0, 0, set()


class Journal(Generic[T, Row]):
    """The two files beside a database, open and locked. May be used from any thread."""

    def __init__(self, beside: Path, kind: Journaled[T, Row]) -> None:
        """Take up what a process that was killed left. Raises `StoreError`."""
        self._kind = kind
        self._lock = threading.Lock()
        self._line = bytearray()
        self._closed = False
        self.failure: StoreError | None = None
        """Why rows could not be moved the last time."""
        self._files: list[_File] = []
        try:
            for path in paths(beside):
                self._files.append(_opened(path))
            first, second = (self._take_up(file) for file in self._files)
        except BaseException:  # else their locks would be held as long as this process lives
            for file in self._files:
                file.close()
            raise
        self._turn = 0 if first > second else 1
        self._number = max(first, second)

    @property
    def waiting(self) -> int:
        """Rows that are not moved yet."""
        return self._files[0].count + self._files[1].count

    @property
    def many(self) -> bool:
        """Whether so many wait that they are to be moved at once."""
        return self.waiting >= MANY or self._files[0].size + self._files[1].size >= MANY_BYTES

    def holds(self, keys: Collection[Hashable] | None) -> bool:
        """Whether a row waits that has one of `keys`; whether any waits where that is None."""
        if keys is None:
            return self.waiting > 0
        with self._lock:
            return not all(file.keys is not None and file.keys.isdisjoint(keys) for file in self._files)

    def add(self, one: T) -> bool:
        """Keep `one`: it survives the process when this returns. Whether it is the first that waits, or makes many.

        Raises `StoreError` where it cannot be written, or none can be moved, and `Busy` where too many wait.
        """
        keys = self._kind.keys(one)
        with self._lock:
            if self._closed or self.failure is not None or (waiting := self.waiting) >= MOST:
                raise self._refusal()
            file = self._files[self._turn]
            if file.size >= MOST_BYTES:
                raise self._refusal()
            line = self._line
            self._kind.write(one, line, _HEAD.size)
            _HEAD.pack_into(line, 0, len(line) - _HEAD.size, 0, self._number + 1)
            _CHECK.pack_into(line, _CHECK_AT, zlib.adler32(line))
            _append(file, line)
            self._number += 1
            file.take_on(len(line), keys)
            if len(line) > REGION:
                self._line = bytearray()
            return not waiting or waiting + 1 == MANY or file.size >= MANY_BYTES

    def take(self) -> tuple[list[memoryview], bool]:
        """The rows to be moved next, as they are written, oldest first; and whether there are more already.

        Those that come from now on are of the next time. Raises `StoreError` where they cannot be read.
        """
        with self._lock:
            late = self._files[1 - self._turn].count > 0
            if not late:
                self._turn = 1 - self._turn
            file = self._files[1 - self._turn]
        return file.lines(), late

    def move(self, connection: apsw.Connection, rows: Sequence[memoryview]) -> None:
        """Move some of what `take` gave, in the transaction of `connection`."""
        self._kind.move(connection, map(self._kind.read, rows))

    def called(self, row: memoryview) -> str:
        """What the log calls it, also where it cannot be read: one such row must not hold up all others."""
        try:
            return self._kind.called(self._kind.read(row))
        except ValueError:
            return f"a row of {len(row)} bytes that cannot be read"

    def moved(self) -> None:
        """What `take` gave is committed. Raises `StoreError` where its file cannot be begun anew."""
        file = self._files[1 - self._turn]
        try:
            if file.size > MANY_BYTES:
                os.ftruncate(file.descriptor, file.mapped)
            if file.region is not None:
                file.region[: _HEAD.size] = bytes(_HEAD.size)
            else:
                os.pwrite(file.descriptor, bytes(_HEAD.size), 0)
        except OSError as error:
            raise _failed(file.path, error) from None
        with self._lock:
            file.empty()

    def cut(self) -> None:
        """Leave nothing of rows that were moved, even if the power is cut. Raises `StoreError`."""
        for file in self._files:
            try:
                with self._lock:
                    if file.region is not None:
                        file.region[file.size :] = bytes(max(0, file.mapped - file.size))
                    os.ftruncate(file.descriptor, max(file.size, file.mapped))
                if file.region is not None:
                    file.region.flush()  # the disk is not waited for under the lock: requests would stand still
                os.fsync(file.descriptor)
            except OSError as error:
                raise _failed(file.path, error) from None

    def shut(self) -> None:
        """Take on no more."""
        with self._lock:
            self._closed = True

    def close(self) -> None:
        """Leave no file, unless rows still wait in it: they are taken up the next time."""
        self.shut()
        for file in self._files:
            if not file.count:
                with suppress(OSError):  # what is left has no line that is whole
                    file.path.unlink(missing_ok=True)
            file.close()

    def _refusal(self) -> PalierError:
        name = self._files[0].path.stem
        if self._closed:
            return StoreError(f"{name} is closed")
        if self.failure is not None:
            return StoreError(self.failure.message, hint=self.failure.hint)
        return Busy(f"{name}: {self.waiting} rows wait to be moved in", retry_after=1.0)

    def _take_up(self, file: _File) -> int:
        """Read what stands in it, up to the last line that is whole, whose number it returns."""
        last = 0
        try:
            text = os.pread(file.descriptor, os.fstat(file.descriptor).st_size, 0)
            for number, line in _lines(text):
                last = number
                self._check(line)
                file.take_on(_HEAD.size + len(line), None)
            os.ftruncate(file.descriptor, file.size)
            file.map()
        except OSError as error:
            raise _failed(file.path, error) from None
        return last

    def _check(self, line: memoryview) -> None:
        try:
            self._kind.read(line)
        except ValueError as error:
            raise StoreError(
                f"{self._files[0].path.parent}: a journal holds what this palier does not know: {error}",
                hint="was it written by a newer palier? Upgrade this one, or move the journal away",
            ) from None


def paths(beside: Path) -> tuple[Path, Path]:
    """The two files of the database `beside`."""
    return beside.with_suffix(".journal-0"), beside.with_suffix(".journal-1")


def _opened(path: Path) -> _File:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink == 0:  # whoever had it took it away in between: rows would go with it
                raise BlockingIOError
            os.fchmod(descriptor, 0o600)
        except OSError:
            os.close(descriptor)
            raise
    except BlockingIOError:
        raise StoreError(f"{path} is open already", hint="another program holds the file: close it") from None
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR):
            raise _failed(path, error) from None
        raise StoreError(f"{path} is no plain file, as palier's are", hint="move it away") from None
    return _File(path, descriptor)


def _append(file: _File, line: bytearray) -> None:
    """All of it, or none."""
    end = file.size + len(line)
    if file.region is not None and end <= len(file.region):
        file.region[file.size : end] = line
        return
    try:
        if os.pwrite(file.descriptor, line, file.size) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        with suppress(OSError):  # the next line is written over what is left, and nothing after it is whole
            os.ftruncate(file.descriptor, max(file.size, file.mapped))
        raise _failed(file.path, error) from None


def _lines(text: bytes) -> Iterator[tuple[int, memoryview]]:
    """The lines that are whole, with their numbers, up to the first that is not, or is of an earlier time."""
    start, last, view = 0, 0, memoryview(text)
    while start + _HEAD.size <= len(text):
        length, check, number = _HEAD.unpack_from(text, start)
        start += _HEAD.size
        line = view[start : start + length]
        if number <= last or len(line) < length:
            return
        if zlib.adler32(line, zlib.adler32(_HEAD.pack(length, 0, number))) != check:
            return
        last = number
        yield number, line
        start += length


def _failed(path: Path, error: OSError) -> StoreError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    hint = (
        "free some space on that disk; nothing acknowledged is lost, and palier goes on by itself"
        if full
        else "look at the disk, and that this user may write there; palier tries again with the next request"
    )
    return StoreError(f"{path}: {'database or disk is full' if full else error.strerror}", hint=hint)
