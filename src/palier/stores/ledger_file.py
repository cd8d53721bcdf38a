"""`ledger.db`, read: by the gateway that writes it, beside it, or from a copy on another machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import apsw

from palier.errors import ConfigurationError
from palier.ids import SHORT_ID
from palier.interfaces import EntryFilter, Link, Sealing
from palier.stores.schema import BUSY_TIMEOUT_MS, statements, store_error
from palier.stores.sealed import LEDGER, KeyUse, key_secrets, key_uses

PAGE = 1_000
"""Entries read at once when all of them are."""


class LedgerFile:
    """The file, opened by one who only reads; any thread, one at a time."""

    def __init__(self, path: Path, connection: apsw.Connection, installation: str) -> None:
        """Use `open`."""
        self.path = path
        self.installation = installation
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> LedgerFile:
        """Raises `ConfigurationError` where there is none, or what is there is another kind of file."""
        if not path.is_file():
            raise ConfigurationError(f"there is no ledger {path}", hint="name it: --file LEDGER.db")
        try:
            connection = _connection(path)
            kind, version = connection.pragma("application_id"), connection.pragma("user_version")
            if kind != LEDGER.application_id:
                raise ConfigurationError(f"{path} is no ledger of palier", hint="it is called ledger.db")
            if version > LEDGER.version:
                raise ConfigurationError(
                    f"{path} has version {version}, and this palier knows {LEDGER.version} at most",
                    hint="read it with the palier that wrote it",
                )
            installation = connection.execute(statements("ledger")["about"]).get
        except apsw.Error as error:
            raise store_error(path, error) from error
        return cls(path, connection, str(installation))

    def close(self) -> None:
        """Let it go."""
        self._connection.close()

    def chain(self) -> Iterator[Link]:
        """Every entry in order, read a page at a time: entries are only ever added. Raises `StoreError`."""
        after = -(2**63)
        sql = statements("ledger")["chain"]
        while True:
            try:
                rows = list(self._connection.execute(sql, {"after": after, "limit": PAGE}))
            except apsw.Error as error:
                raise store_error(self.path, error) from error
            yield from map(_link, rows)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def entries(self, asked: EntryFilter) -> list[Link]:
        """Entries, newest first. Raises `StoreError`."""
        try:
            return listed(self._connection, asked)
        except apsw.Error as error:
            raise store_error(self.path, error) from error

    def get(self, sequence: int) -> Link | None:
        """One entry; None where there is none. Raises `StoreError`."""
        try:
            return link(self._connection, sequence)
        except apsw.Error as error:
            raise store_error(self.path, error) from error

    def payload(self, sequence: int, sealer: Sealing) -> bytes | None:
        """The bytes that left; None where they are not kept (any more). Raises `StoreError` where they do not open."""
        try:
            return payload(self._connection, sequence, sealer)
        except apsw.Error as error:
            raise store_error(self.path, error) from error

    def digest_secret(self, key: str, sealer: Sealing) -> bytes | None:
        """What digests of the key `key` are keyed with; None where that cannot be opened. Raises `StoreError`."""
        try:
            return key_secrets(self._connection, sealer).get(key)
        except apsw.Error as error:
            raise store_error(self.path, error) from error

    def keys(self, sealer: Sealing) -> list[KeyUse]:
        """Every key, and what is sealed with it. Raises `StoreError`."""
        try:
            return key_uses(self._connection, sealer)
        except apsw.Error as error:
            raise store_error(self.path, error) from error


def listed(connection: apsw.Connection, asked: EntryFilter) -> list[Link]:
    """Entries, newest first."""
    conditions = {
        "sequence < :before": asked.before > 0,
        "at_ms >= :since": asked.since_ms is not None,
        "destination = :destination": bool(asked.destination),
        "label = :label": asked.label is not None,
        "request LIKE :ending" if len(asked.trace) == SHORT_ID and asked.trace.isalnum() else "request = :trace": bool(
            asked.trace
        ),
    }
    chosen = " AND ".join(condition for condition, holds in conditions.items() if holds) or "true"
    values = {
        "before": asked.before,
        "since": asked.since_ms,
        "destination": asked.destination,
        "label": asked.label.value if asked.label else None,
        "trace": asked.trace,
        "ending": f"%{asked.trace}",
        "limit": max(asked.limit, 0),
    }
    return [_link(row) for row in connection.execute(statements("ledger")["list"].replace("filters", chosen), values)]


def link(connection: apsw.Connection, sequence: int) -> Link | None:
    """One entry, or None."""
    row = connection.execute(statements("ledger")["get"], (sequence,)).fetchone()
    return _link(row) if row else None


def payload(connection: apsw.Connection, sequence: int, sealer: Sealing) -> bytes | None:
    """What left with an entry, opened, or None."""
    found = connection.execute(statements("ledger")["payload"], (sequence,)).fetchone()
    return sealer.open(found[0], f"payload:{found[1]}") if found else None


def _link(row: tuple[int, bytes | None, bytes | None]) -> Link:
    return Link(sequence=row[0], body=row[1] or b"", hash=row[2] or b"")


def _connection(path: Path) -> apsw.Connection:
    """Read only. A copy in a folder where nothing can be made is read as one that nobody writes."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.pragma("schema_version")
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        if path.with_name(f"{path.name}-wal").exists():
            raise
        uri = f"file:{quote(str(path.absolute()))}?immutable=1"
        return apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    return connection
