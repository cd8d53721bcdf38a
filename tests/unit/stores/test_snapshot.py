"""A copy of one moment, whoever writes meanwhile."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import apsw
import pytest

from palier.errors import StoreError
from palier.stores.snapshot import snapshot


def database(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
    return connection


def test_it_is_consistent_while_another_writes(tmp_path: Path) -> None:
    writer = database(tmp_path / "a.db")
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            with writer:
                writer.execute("INSERT INTO pairs (a) VALUES (?)", (n,))
                writer.execute("UPDATE pairs SET b = (SELECT count(*) FROM pairs)")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for n in range(5):
            assert snapshot(tmp_path / "a.db", tmp_path / f"{n}.db")
    finally:
        stop.set()
        thread.join()
    for n in range(5):
        copy = apsw.Connection(str(tmp_path / f"{n}.db"), flags=apsw.SQLITE_OPEN_READONLY)
        rows = list(copy.execute("SELECT b, count(*) FROM pairs GROUP BY b"))
        assert all(b == count for b, count in rows), "no half of a transaction"
        assert len(rows) <= 1
    assert stat.S_IMODE((tmp_path / "0.db").stat().st_mode) == 0o600


def test_nothing_is_copied_where_there_is_nothing(tmp_path: Path) -> None:
    assert not snapshot(tmp_path / "none.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_what_is_no_database_leaves_no_copy(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreError):
        snapshot(tmp_path / "a.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_disk_without_space_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database(tmp_path / "a.db").close()
    monkeypatch.setattr("palier.stores.snapshot.SLACK", 2**62)
    with pytest.raises(StoreError, match="MB free"):
        snapshot(tmp_path / "a.db", tmp_path / "copy.db")
