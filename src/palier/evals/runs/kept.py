"""Results that are kept by the hash of all they depend on: what was answered once is not asked again.

A file a candidate, a line a finished case, appended whole. A line that a kill cut short is dropped, and its case is
asked again. Files are only their owner's: they hold questions' answers, and the passages these cite.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from palier.cases import Case, Outcome
from palier.errors import ConfigurationError, StoreError
from palier.types import JSON, Data, Label, Message, Parameters

FORMAT = "1"
"""Part of every key: raised where lines come to mean something else."""
SYNC_EVERY_S = 1.0
UNUSED_DAYS = 90.0
"""A file that no run has used for so long is deleted by the next."""
DAY_S = 86_400.0
MAX_LINE = 64 * 2**20


class Line(Data, frozen=True, kw_only=True):
    """One of a file: an outcome, and where its case came from, which `palier forget` goes by."""

    outcome: Outcome
    origin: str = ""


def candidate_key(**parts: Any) -> str:
    """Names a candidate with all that its answers depend on but the case: 64 hexadecimal digits."""
    return _hash({"format": FORMAT, **parts})


def case_key(
    candidate: str, asked: Sequence[Message], parameters: Parameters, label: Label | None, language: str
) -> str:
    """Names one case as it is put to the candidate with the key `candidate`."""
    said = {"messages": asked, "parameters": parameters, "label": label, "language": language}
    return _hash({"candidate": candidate, **said})


def _hash(what: JSON) -> str:
    return hashlib.sha256(msgspec.json.encode(what, order="deterministic")).hexdigest()


class Results:
    """The folder of kept results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """Where the results of a candidate are."""
        return self.folder / key[:2] / f"{key}.jsonl"

    def load(self, key: str) -> dict[str, Outcome]:
        """Outcomes by their key, the last of each. What cannot be read is as if it were not there."""
        path = self.path(key)
        try:
            with path.open("rb") as file:
                return {line.outcome.key: line.outcome for line in _lines(file)}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from None

    def open(self, key: str) -> Writer:
        """To append to. Raises `StoreError`."""
        path = self.path(key)
        try:
            for folder in (self.folder, path.parent):  # each of them: a mode is not given to parents
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent} cannot be made: {error.strerror}") from None
        return Writer(path)

    def clean(self, older_s: float, now: float | None = None) -> tuple[int, int]:
        """Delete what no run has used for `older_s` seconds: how many files, and bytes."""
        return clean(self.files(), older_s, now)

    def files(self) -> list[Path]:
        """All there are."""
        return sorted(self.folder.glob("??/*.jsonl"))

    def drop(self, concerned: Callable[[Line], bool], *, dry_run: bool = False) -> list[Outcome]:
        """Erase the lines that are `concerned`, and give them. They are blanked where they are, so that a run may
        append meanwhile; a file without any other that no run uses is deleted.
        """
        dropped: list[Outcome] = []
        for path in self.files():
            try:
                dropped += _erase(path, concerned, dry_run=dry_run)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"{path} cannot be written: {error.strerror}") from None
        return dropped


class Writer:
    """Appends outcomes to a file, which nobody else appends to. Closing it leaves all of them on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = _open(path)
        self._syncing = ThreadPoolExecutor(1, thread_name_prefix="palier-bench-sync")
        self._synced: Future[None] | None = None
        self._last = time.monotonic()

    def add(self, outcome: Outcome, origin: str = "") -> None:
        """Append one, whole or not at all. Raises `StoreError`; what was there before stays.

        One system call: they are most of the runner's own time.
        """
        line = msgspec.json.encode(Line(outcome=outcome, origin=origin)) + b"\n"
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):
                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be written: {error.strerror}",
                hint="what is finished is kept: free some space, and the same command goes on",
            ) from None
        if time.monotonic() - self._last >= SYNC_EVERY_S and (self._synced is None or self._synced.done()):
            self._last = time.monotonic()
            self._synced = self._syncing.submit(os.fsync, self._descriptor)  # not in the way of those who ask

    def close(self) -> None:
        """Wait for the disk."""
        self._syncing.shutdown()
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {error.strerror}") from None
        finally:
            os.close(self._descriptor)


def clean(paths: Iterable[Path], older_s: float, now: float | None = None) -> tuple[int, int]:
    """Delete those of `paths` that are older and in no run's use: how many files, and bytes."""
    before = (time.time() if now is None else now) - older_s
    files = size = 0
    for path in paths:
        try:
            status = path.stat()
            if status.st_mtime <= before and _unlinked(path):
                files, size = files + 1, size + status.st_size
        except OSError:  # another run is at it
            continue
    return files, size


def _unlinked(path: Path) -> bool:
    """Delete a file unless a `Writer` has it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _open(path: Path) -> int:
    """To append, mode 0600, after its last whole line; its time is that of its last use. It is locked until closed."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink == 0:  # deleted before it was locked
            os.close(descriptor)
            return _open(path)
        size = os.fstat(descriptor).st_size
        whole = _whole(descriptor, size)
        if whole < size:
            os.ftruncate(descriptor, whole)
        os.utime(descriptor)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreError(f"{path} is in another run's use", hint="wait until it ends") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}") from None
    return descriptor


def _whole(descriptor: int, size: int) -> int:
    """Bytes up to the end of the last line that has one."""
    end = size
    while end > 0:
        start = max(0, end - 65_536)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _lines(file: BinaryIO) -> Iterator[Line]:
    return (line for _, _, line in _placed(file))


def _placed(file: BinaryIO) -> Iterator[tuple[int, int, Line]]:
    """Every line that can be read: where it begins, and its bytes without the end of line."""
    decoder = msgspec.json.Decoder(Line)
    place = 0
    while text := file.readline(MAX_LINE):
        try:
            if text.endswith(b"\n"):
                yield place, len(text) - 1, decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        place += len(text)


def _erase(path: Path, concerned: Callable[[Line], bool], *, dry_run: bool) -> list[Outcome]:
    erased: list[Outcome] = []
    left = 0
    with path.open("rb+") as file:
        lines = [(place, size, line.outcome if concerned(line) else None) for place, size, line in _placed(file)]
        for place, size, outcome in lines:
            if outcome is None:
                left += 1
                continue
            erased.append(outcome)
            if not dry_run:
                file.seek(place)
                file.write(b" " * size)
        file.flush()
        os.fsync(file.fileno())
    if erased and not left and not dry_run:
        _unlinked(path)
    return erased


def age(text: str) -> float:
    """Seconds of `90d`, `12h`, `0d`. Raises `ConfigurationError`."""
    units = {"d": DAY_S, "h": 3600.0, "m": 60.0, "s": 1.0}
    try:
        return float(text[:-1]) * units[text[-1]]
    except (ValueError, KeyError, IndexError):
        raise ConfigurationError(f"`{text}` is no length of time", hint="90d, 12h, 30m") from None


def fresh(case: Case, kept: Outcome, name: str) -> Outcome:
    """What was kept, as the outcome of this case and this candidate: the same was asked, whatever it was called."""
    return msgspec.structs.replace(kept, id=case.id, candidate=name)
