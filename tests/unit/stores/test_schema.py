"""Versions of a file, and settings that SQLite would ignore in silence."""

from __future__ import annotations

import hashlib
import stat

import apsw
import pytest

from palier.errors import StoreError
from palier.stores import schema
from palier.stores.knowledge import KNOWLEDGE
from palier.stores.schema import Schema, migrations, open_reader, open_writer, statements
from palier.stores.traces import TRACES


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """A kind of file whose migrations the test writes: a function of the scripts, which gives the kind."""
    folder = tmp_path / "sql" / "made"
    folder.mkdir(parents=True)
    monkeypatch.setattr(schema, "_sql", lambda: folder.parent)
    migrations.cache_clear()

    def write(*scripts: str) -> Schema:
        for number, script in enumerate(scripts, 1):
            (folder / f"{number:04}_step.sql").write_text(script)
        migrations.cache_clear()
        return Schema(name="made", application_id=7)

    yield write
    migrations.cache_clear()


@pytest.mark.parametrize("kind", [KNOWLEDGE, TRACES], ids=lambda kind: kind.name)
def test_every_setting_holds(kind, tmp_path):
    connection = open_writer(tmp_path / "file.db", kind)
    expected = {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "secure_delete": 1,
        "auto_vacuum": 2,
        "page_size": kind.page_size,
        "busy_timeout": 5_000,
        "user_version": kind.version,
        "application_id": kind.application_id,
    }
    assert {name: connection.pragma(name) for name in expected} == expected


def test_a_setting_that_does_not_hold_is_an_error(tmp_path):
    with pytest.raises(StoreError, match="synchronous is 1, not 9"):
        open_writer(tmp_path / "file.db", Schema(name="traces", application_id=1, synchronous=9))


@pytest.mark.parametrize("kind", [KNOWLEDGE, TRACES], ids=lambda kind: kind.name)
def test_statements_and_migrations_are_there(kind):
    assert [number for number, _ in migrations(kind.name)] == list(range(1, kind.version + 1))
    assert all(sql.strip() for sql in statements(kind.name).values())


def test_a_file_goes_forward_step_by_step(tmp_path, steps):
    path = tmp_path / "file.db"
    open_writer(path, steps("CREATE TABLE one (a); INSERT INTO one VALUES (1)")).close()
    connection = open_writer(path, steps("CREATE TABLE one (a)", "CREATE TABLE two (b)", "DROP TABLE one"))
    assert [name for (name,) in connection.execute("SELECT name FROM sqlite_schema")] == ["two"]
    assert connection.pragma("user_version") == 3


def test_what_a_step_returns_is_run_after_it(tmp_path, steps):
    """A step can name tables by what the file holds."""
    connection = open_writer(
        tmp_path / "file.db",
        steps(
            """CREATE TABLE kind (id); INSERT INTO kind VALUES (1), (2);
            SELECT 'CREATE TABLE made_' || id || ' (a); DROP TABLE IF EXISTS absent' FROM kind; CREATE TABLE last (a)"""
        ),
    )
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema")]
    assert names == ["kind", "last", "made_1", "made_2"]


def test_a_step_that_fails_leaves_the_version_before(tmp_path, steps):
    path = tmp_path / "file.db"
    broken = steps(
        "CREATE TABLE one (a)", "CREATE TABLE two (b); INSERT INTO one VALUES (1); INSERT INTO nowhere VALUES (1)"
    )
    for _ in range(2):
        with pytest.raises(StoreError, match="the step to version 2 failed"):
            open_writer(path, broken)
        connection = apsw.Connection(str(path))
        assert connection.pragma("user_version") == 1
        assert connection.execute("SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM sqlite_schema)").get == (
            0,
            1,
        )
        connection.close()
    assert open_writer(path, steps("CREATE TABLE one (a)", "CREATE TABLE two (b)")).pragma("user_version") == 2


def test_a_file_of_a_newer_palier_is_refused_untouched(tmp_path):
    path = tmp_path / "traces.db"
    connection = open_writer(path, TRACES)
    connection.pragma("user_version", TRACES.version + 1)
    connection.close()
    before = hashlib.sha256(path.read_bytes()).digest()
    with pytest.raises(StoreError, match=rf"version {TRACES.version + 1}, and this palier knows {TRACES.version}"):
        open_writer(path, TRACES)
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_a_file_of_another_kind_is_refused(tmp_path):
    open_writer(tmp_path / "file.db", TRACES).close()
    with pytest.raises(StoreError, match="not a file of palier's knowledge"):
        open_writer(tmp_path / "file.db", KNOWLEDGE)
    other = apsw.Connection(str(tmp_path / "other.db"))
    other.execute("CREATE TABLE somebodys (a)")
    other.close()
    with pytest.raises(StoreError, match="not a file of palier's traces"):
        open_writer(tmp_path / "other.db", TRACES)


def test_what_is_no_database_is_refused_untouched(tmp_path):
    path = tmp_path / "traces.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_writer(path, TRACES)
    assert path.read_bytes() == b"not a database at all" * 100


def test_a_making_that_was_cut_short_goes_on(tmp_path):
    path = tmp_path / "traces.db"
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.close()
    assert path.stat().st_size
    assert open_writer(path, TRACES).pragma("user_version") == TRACES.version


def test_a_missing_folder_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened"):
        open_writer(tmp_path / "absent" / "traces.db", TRACES)


def test_a_reader_cannot_write(tmp_path):
    open_writer(tmp_path / "traces.db", TRACES)
    with pytest.raises(apsw.ReadOnlyError):
        open_reader(tmp_path / "traces.db", TRACES).execute("DELETE FROM trace")


def test_only_its_owner_reads_a_file_whatever_the_folder(tmp_path):
    tmp_path.chmod(0o755)
    path = tmp_path / "traces.db"
    path.touch(0o644)
    writer = open_writer(path, TRACES)
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == dict.fromkeys(
        ("traces.db", "traces.db-wal", "traces.db-shm"), 0o600
    )
    writer.close()


def test_migrations_are_numbered_from_one_on_each_once():
    folders = [entry.name for entry in schema._sql().iterdir() if entry.is_dir()]
    assert "traces" in folders
    for name in folders:
        assert [number for number, _ in migrations(name)] == list(range(1, len(migrations(name)) + 1))


def test_two_migrations_of_one_number_are_refused(tmp_path, steps):
    steps("SELECT 1")
    (tmp_path / "sql" / "made" / "0001_other.sql").write_text("SELECT 1")
    migrations.cache_clear()
    with pytest.raises(RuntimeError, match="two migrations of number 0001"):
        migrations("made")
