"""Connections that are set as they should be, versions of a file, and the SQL beside this module.

`sql/NAME/0001_*.sql`, `0002_*.sql`... lead a file from nothing to today; a released one is never edited. What a step
returns as rows is run after it. `sql/NAME.sql` holds the statements by name. A file's version is its `user_version`;
its `application_id` says what it is for, so that traces are never opened as documents.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import stat
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import apsw

from palier.errors import StoreError

BUSY_TIMEOUT_MS = 5_000
LEAST_FREE = 2**17
"""Bytes on a disk below which it is full for what SQLite makes longer."""
JOURNAL_LIMIT = 64 * 1024 * 1024
"""Bytes the write-ahead log is cut back to after a checkpoint."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What kind of file it is. `page_size` (bytes) only counts when the file is made."""

    name: str
    application_id: int
    page_size: int = 4096
    synchronous: int = 1
    """1 is NORMAL: a commit survives the end of the process, not always that of the power. 2 is FULL."""
    vectors: bool = False
    """Whether its queries need sqlite-vec."""

    @property
    def version(self) -> int:
        """The version this palier writes."""
        return max(number for number, _ in migrations(self.name))


def open_writer(path: Path, schema: Schema) -> apsw.Connection:
    """The one connection that writes, with the file made or led to today's version.

    Raises `StoreError`; a file of a newer palier, or of another kind, is left as it was.
    """
    try:
        _check_kind(path, schema)
        _keep_private(path)
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        # Page size and vacuum only hold when they stand before the first table.
        connection.execute(f"PRAGMA page_size = {schema.page_size}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _set(connection, "journal_mode", "wal")
        _set(connection, "synchronous", schema.synchronous)
        _set(connection, "foreign_keys", 1)
        _set(connection, "secure_delete", 1)
        _set(connection, "journal_size_limit", JOURNAL_LIMIT)
        _load_extensions(connection, schema)
        _migrate(connection, path, schema)
    except apsw.Error as error:
        raise store_error(path, error) from error
    return connection


def open_reader(path: Path, schema: Schema) -> apsw.Connection:
    """A connection that cannot write. Raises `StoreError`."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        _load_extensions(connection, schema)
    except apsw.Error as error:
        raise store_error(path, error) from error
    return connection


def store_error(path: Path, error: apsw.Error) -> StoreError:
    """SQLite's error in palier's words, with what to do."""
    hints: dict[type[apsw.Error], str] = {
        apsw.FullError: "free some space on that disk; nothing acknowledged is lost, and palier goes on by itself",
        apsw.IOError: "look at the disk and the system's log; palier tries again with the next request",
        apsw.CorruptError: "restore the file from a backup, or move it away and start anew",
        apsw.NotADBError: "move that file away: it is no SQLite database",
        apsw.CantOpenError: "check that the folder exists and that this user may write there",
        apsw.ReadOnlyError: "check that this user may write there",
        apsw.BusyError: "another program holds the file: close it",
    }
    kind = apsw.FullError if isinstance(error, apsw.IOError) and _is_full(path) else type(error)
    hint = next((words for known, words in hints.items() if issubclass(kind, known)), "")
    told = str(error) if str(error) != "not an error" else "it cannot be read or written"  # a limit of the system
    return StoreError(f"{path}: {told}", hint=hint)


def _is_full(path: Path) -> bool:
    """Whether that is why: what SQLite maps into memory it cannot make longer then, and does not say why."""
    try:
        return shutil.disk_usage(path.parent).free < LEAST_FREE
    except OSError:
        return False


@functools.cache
def statements(name: str) -> dict[str, str]:
    """The statements of `sql/NAME.sql` by the names above them (`-- :name put`)."""
    text = _sql().joinpath(f"{name}.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- :name (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@functools.cache
def migrations(name: str) -> tuple[tuple[int, str], ...]:
    """Number and text of each migration of `sql/NAME/`, in order."""
    found: dict[int, str] = {}
    for entry in _sql().joinpath(name).iterdir():
        if numbered := re.match(r"(\d{4})_\w+\.sql$", entry.name):
            number = int(numbered.group(1))
            if number in found:  # two branches that were merged: one of them would be left out in silence
                raise RuntimeError(f"sql/{name} has two migrations of number {number:04}")
            found[number] = entry.read_text(encoding="utf-8")
    return tuple(sorted(found.items()))


def _sql() -> resources.abc.Traversable:
    return resources.files("palier.stores").joinpath("sql")


def _check_kind(path: Path, schema: Schema) -> None:
    """Look before anything is changed: a connection that cannot write leaves the file as it is."""
    if not path.exists() or path.stat().st_size == 0:
        return
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        kind, version = connection.pragma("application_id"), connection.pragma("user_version")
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    finally:
        connection.close()
    if kind == 0 and tables == 0:  # its making was cut short
        return
    if kind != schema.application_id:
        raise StoreError(f"{path} is not a file of palier's {schema.name}", hint="move it away, or set another `data`")
    if version > schema.version:
        raise StoreError(
            f"{path} has version {version}, and this palier knows {schema.version} at most",
            hint="it was written by a newer palier: upgrade this one, or set another `data`",
        )


def _keep_private(path: Path) -> None:
    """Only its owner reads it, whatever the folder's mode; SQLite gives its log the mode of the file."""
    try:
        if not path.exists():  # never opened when it is there: closing it would take SQLite's own locks away
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        for file in (path, *(path.with_name(path.name + beside) for beside in ("-wal", "-shm"))):
            if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
                file.chmod(0o600)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be opened: {error.strerror}", hint="check the folder, and that this user may write there"
        ) from None


def _set(connection: apsw.Connection, name: str, value: str | int) -> None:
    """Set one pragma and read it back: SQLite ignores in silence what it cannot do."""
    connection.pragma(name, value)
    if (actual := connection.pragma(name)) != value:
        raise StoreError(f"{connection.filename}: {name} is {actual}, not {value}", hint="is it a network disk?")


def _load_extensions(connection: apsw.Connection, schema: Schema) -> None:
    if not schema.vectors:
        return
    import sqlite_vec

    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)


def _migrate(connection: apsw.Connection, path: Path, schema: Schema) -> None:
    """Each step in a transaction of its own: killed anywhere, the file is at one version or the next."""
    version = connection.pragma("user_version")
    for number, script in migrations(schema.name):
        if number <= version:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            # What a script returns is run after it: statements on tables that are named by what the file holds.
            for (made,) in list(connection.execute(script)):
                connection.execute(made)
            connection.pragma("application_id", schema.application_id)
            connection.pragma("user_version", number)
            connection.execute("COMMIT")
        except apsw.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise StoreError(
                f"{path}: the step to version {number} failed: {error}", hint="the file is as it was; report this"
            ) from error
