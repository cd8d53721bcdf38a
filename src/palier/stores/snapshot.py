"""A copy of a SQLite file as it is at one moment, while others read and write it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import apsw

from palier.errors import StoreError
from palier.stores.schema import BUSY_TIMEOUT_MS, store_error

SLACK = 64 * 2**20
"""Bytes that stay free on the disk."""


def snapshot(source: Path, target: Path) -> bool:
    """Copy `source` to `target` (mode 0600), consistent as of one moment; whether there was anything to copy.

    One read transaction: in the write-ahead log's way it holds up no writer. Raises `StoreError`; then there is no
    `target`.
    """
    if not source.exists():
        return False
    _check_space(source, target)
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            _copy(source, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"{target} cannot be made: {error.strerror}") from None
    return True


def _copy(source: Path, target: Path) -> None:
    try:
        reader = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
        reader.set_busy_timeout(BUSY_TIMEOUT_MS)
        writer = apsw.Connection(str(target))
        try:
            with writer.backup("main", reader, "main") as backup:
                backup.step(-1)  # all at once: in steps it would begin again after every write of the others
        finally:
            writer.close()
            reader.close()
    except apsw.Error as error:
        raise store_error(target if isinstance(error, apsw.FullError) else source, error) from error


def _check_space(source: Path, target: Path) -> None:
    log = source.with_name(f"{source.name}-wal")
    needed = source.stat().st_size + (log.stat().st_size if log.exists() else 0)
    free = shutil.disk_usage(target.parent).free
    if free < needed + SLACK:
        raise StoreError(
            f"a copy of {source.name} takes {needed / 1e6:.0f} MB, and {target.parent} has {free / 1e6:.0f} MB free,"
            f" of which {SLACK / 1e6:.0f} MB stay free",
            hint="free some space on that disk, or point `data` at a larger one",
        )
