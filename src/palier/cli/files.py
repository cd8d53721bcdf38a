"""Files that commands read and write: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from palier.cli.jsonl import MAX_LINE
from palier.errors import ConfigurationError


@contextlib.contextmanager
def lines(source: Path) -> Iterator[Iterator[bytes]]:
    """The lines of a file, of standard input for `-`. Of one beyond `MAX_LINE` that much is given, which is no JSON."""
    if str(source) == "-":
        yield _lines(sys.stdin.buffer)
        return
    try:
        with source.open("rb") as file:
            yield _lines(file)
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error.strerror}") from None


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE):
        yield line
        while len(line) == MAX_LINE and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE)


def check_folders(*paths: Path | None) -> None:
    """Before anything is written: of two files not one alone."""
    for path in paths:
        if path is not None and not path.parent.is_dir():
            raise ConfigurationError(f"{path} cannot be written: {path.parent} is no folder")


def write(path: Path, content: bytes, *, private: bool = False) -> None:
    """Whole or not at all: a gateway may be reading it. It stands beside, then takes the name.

    `private`: for its owner alone; else as the umask has it. What is no file (`/dev/null`) is written to as it is.
    """
    path = path.resolve()
    mask = os.umask(0)
    os.umask(mask)
    mode = 0o600 if private else 0o666 & ~mask
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).chmod(mode)
            Path(beside).rename(path)
        except OSError:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
