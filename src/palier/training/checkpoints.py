"""Where a training that was killed goes on: numbers in a file, and beside it what they are, with their SHA-256.

The numbers are written whole beside their name, forced to the disk and renamed; then what they are, in the same way. A
checkpoint counts once the second file is there and its hash is right. The last two are kept: where the newest is broken
the one before it serves.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from palier.errors import ConfigurationError, MissingExtra, StoreError
from palier.types import Data

Arrays = Mapping[str, NDArray[np.float32]]
KEPT = 2
_NAME = re.compile(r"checkpoint-(\d{6,})\.json")


class Settled(Data, frozen=True, kw_only=True):
    """What the machine decided at the first start, and what holds ever after."""

    steps: int
    at_once: int
    """Lessons of a step that are worked on together."""
    device: str
    threads: int


class Mark(Data, frozen=True, kw_only=True):
    """What a checkpoint is: after how many steps, of which plan."""

    step: int
    plan: str
    sha256: str
    settled: Settled


def save(folder: Path, arrays: Arrays, step: int, plan: str, settled: Settled) -> None:
    """Keep `arrays` (float32) as the state after `step` steps; older checkpoints but one go.

    Raises `StoreError` where the disk is full or the folder cannot be written; what was there before stays.
    """
    content = packed(arrays)
    name = f"checkpoint-{step:06d}"
    mark = Mark(step=step, plan=plan, sha256=hashlib.sha256(content).hexdigest(), settled=settled)
    write(folder / f"{name}.safetensors", content)
    write(folder / f"{name}.json", msgspec.json.encode(mark))
    for old in _steps(folder)[:-KEPT]:
        remove(folder, old)


def latest(folder: Path, plan: str, note: Callable[[str], None]) -> tuple[Mark, dict[str, NDArray[np.float32]]] | None:
    """The newest checkpoint of `plan` that is whole, None where there is none. One that is not is told by `note`.

    Raises `ConfigurationError` where all that there are are broken, or are of another plan.
    """
    steps = _steps(folder)
    for step in reversed(steps):
        try:
            return _read(folder, step, plan)
        except ValueError as error:
            note(f"checkpoint {step} cannot be used: {error}; looking for the one before")
    if steps:
        raise ConfigurationError(
            f"none of the {len(steps)} checkpoints in {folder} can be used",
            hint="remove its checkpoint-* files and give the same command again: it begins anew",
        )
    return None


def remove(folder: Path, step: int | None = None) -> None:
    """Remove one checkpoint, or all of them. What they are goes first: what is left then counts for nothing."""
    for old in _steps(folder) if step is None else [step]:
        for suffix in ("json", "safetensors"):
            (folder / f"checkpoint-{old:06d}.{suffix}").unlink(missing_ok=True)


def write(path: Path, content: bytes) -> None:
    """The file, whole or not at all, and on the disk when this returns. Raises `StoreError`."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        settle(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise unwritable(path, error, len(content)) from None


def settle(folder: Path) -> None:
    """Force the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(path: Path, error: OSError, needed: int) -> StoreError:
    """What happened to a file that could not be written, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            f"the disk is full: {path} needs {needed / 1e6:.1f} MB",
            hint="make room, and give the same command again: it goes on from the last checkpoint",
        )
    return StoreError(
        f"{path} cannot be written: {error.strerror or error}", hint="mend that, and give the same command again"
    )


def check_room(folder: Path, needed: int) -> None:
    """Raise `StoreError` where less than `needed` bytes are free: better now than after an hour."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StoreError(
            f"{folder} has {free / 1e6:.0f} MB free, and the training needs {needed / 1e6:.0f} MB",
            hint="make room, or name a folder on another disk",
        )


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Raise `ConfigurationError` where another process teaches in `folder`, `StoreError` where nobody can."""
    try:
        descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise unwritable(folder / ".lock", error, 0) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(f"another process teaches in {folder}", hint="wait for it, or stop it") from None
        yield
    finally:
        os.close(descriptor)


def _steps(folder: Path) -> list[int]:
    found = (_NAME.fullmatch(file.name) for file in folder.iterdir())
    return sorted(int(match[1]) for match in found if match)


def _read(folder: Path, step: int, plan: str) -> tuple[Mark, dict[str, NDArray[np.float32]]]:
    try:
        mark = msgspec.json.decode((folder / f"checkpoint-{step:06d}.json").read_bytes(), type=Mark)
        content = (folder / f"checkpoint-{step:06d}.safetensors").read_bytes()
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(str(error)[:200]) from None
    if mark.plan != plan or mark.step != step:
        raise ValueError("it is of another plan")
    if hashlib.sha256(content).hexdigest() != mark.sha256:
        raise ValueError("its SHA-256 is not what was noted when it was written")
    return mark, _format().load(content)


def packed(arrays: Arrays, **metadata: str) -> bytes:
    """`arrays` as safetensors."""
    whole = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    content: bytes = _format().save(whole, metadata=metadata or None)
    return content


def _format() -> Any:
    try:
        from safetensors import numpy as safetensors
    except ImportError:
        raise MissingExtra("checkpoints are kept as safetensors", hint='pip install "palier[train]"') from None
    return safetensors
