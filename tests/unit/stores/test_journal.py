"""Rows that are acknowledged at once: never lost, seen by whoever comes after, and moved in with few commits."""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import shutil
import subprocess
import threading

import apsw
import numpy as np
import pytest
from msgspec import structs

from palier.errors import Busy, StoreError
from palier.stores import journal as module
from palier.stores.hours import SqliteHours
from palier.stores.journal import Journaled, paths
from palier.stores.marks import SqliteAnswerMarks
from palier.stores.sqlite import Database
from palier.stores.traces import TRACES, SqliteTraces
from palier.testing.traces import CREATED, content_of, trace_of
from palier.types import Label, Marked

MADE = "CREATE TABLE IF NOT EXISTS kept (value TEXT PRIMARY KEY CHECK (value <> 'poison')) STRICT"


def _move(connection, rows):
    connection.executemany("INSERT INTO kept VALUES (?) ON CONFLICT DO NOTHING", [(row,) for row in rows])


def _write(row: str, buffer: bytearray, start: int) -> None:
    buffer[:] = bytes(start) + b"1" + row.encode()


def _read(text: memoryview) -> str:
    if text[:1] != b"1":
        raise ValueError(f"format {bytes(text[:1]).decode()}")
    return bytes(text[1:]).decode()


WORDS = Journaled(_write, _read, lambda row: (row,), repr, _move)


@pytest.fixture(autouse=True, params=[0, 65_536], ids=["written", "mapped"])
def region(request, monkeypatch) -> int:
    """How much of each file is mapped."""
    monkeypatch.setattr(module, "REGION", request.param)
    return request.param


async def opened(folder, name: str = "file.db") -> Database:
    database = Database.open(folder / name, TRACES, journaled=WORDS)
    await database.write(lambda connection: connection.execute(MADE))
    return database


@pytest.fixture
async def database(tmp_path):
    made = await opened(tmp_path)
    yield made
    await made.close()


async def kept(database, keys=None) -> list[str]:
    return await database.read(
        lambda connection: [value for (value,) in connection.execute("SELECT value FROM kept ORDER BY rowid")], keys
    )


class Held:
    """The writer, at a job that does not end before this is left."""

    def __init__(self, database) -> None:
        self._entered, self._through = threading.Event(), threading.Event()
        self._database = database

    def _wait(self, connection: apsw.Connection) -> None:
        self._entered.set()
        assert self._through.wait(30)

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._database.write(self._wait))
        await asyncio.to_thread(self._entered.wait, 30)

    async def __aexit__(self, *error) -> None:
        self._through.set()
        await self._task


async def test_what_is_acknowledged_is_seen_by_whoever_comes_after(database):
    for n in range(20):
        await database.journal(f"row {n}")
        if n % 2:
            assert len(await kept(database)) == n + 1
        else:
            count = await database.write(lambda c: c.execute("SELECT count(*) FROM kept").get)
            assert count == n + 1


async def test_rows_are_moved_by_themselves(database):
    await database.journal("one")
    async with asyncio.timeout(30):
        while database._journal.waiting:
            await asyncio.sleep(0.01)
    assert await kept(database, ()) == ["one"]


async def test_many_rows_take_few_commits(database, monkeypatch):
    monkeypatch.setattr("palier.stores.sqlite.MOVED_EVERY_S", 1e6)
    commits = []
    await database.write(lambda connection: connection.set_commit_hook(lambda: bool(commits.append(1))))
    commits.clear()
    for n in range(module.MANY - 1):
        await database.journal(f"row {n:03}")
    assert len(await kept(database)) == module.MANY - 1
    assert len(commits) <= 3


async def test_many_rows_do_not_wait_for_their_time(database, monkeypatch):
    monkeypatch.setattr("palier.stores.sqlite.MOVED_EVERY_S", 1e6)
    monkeypatch.setattr(module, "MANY", 3)
    for n in range(3):
        await database.journal(f"row {n}")
    async with asyncio.timeout(30):
        while database._journal.waiting:
            await asyncio.sleep(0.01)
    monkeypatch.setattr(module, "MANY_BYTES", 1_000)
    await database.journal("x" * 1_000)
    async with asyncio.timeout(30):
        while database._journal.waiting:
            await asyncio.sleep(0.01)


async def test_a_file_that_is_closed_leaves_no_journal(tmp_path):
    database = await opened(tmp_path)
    for n in range(3):
        await database.journal(f"row {n}")
    await database.close()
    assert not any(path.exists() for path in paths(tmp_path / "file.db"))
    with pytest.raises(StoreError, match="closed"):
        await database.journal("late")
    again = await opened(tmp_path)
    assert await kept(again) == ["row 0", "row 1", "row 2"]
    await again.close()


async def test_a_journal_is_its_owners_alone(database):
    for path in paths(database.path):
        assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreError, match="open already"):
        Database.open(database.path, TRACES, journaled=WORDS)


@pytest.mark.parametrize("place", [0, 1])
async def test_a_file_that_is_taken_away_while_it_is_opened_is_not_written_into(tmp_path, monkeypatch, place):
    """As by a process that closes: rows in a file without a name would not survive this one."""
    going, lock = paths(tmp_path / "file.db")[place], module.fcntl.flock

    def flock(descriptor: int, how: int) -> None:
        if going.exists() and os.path.samestat(os.fstat(descriptor), going.stat()):
            going.unlink()
        lock(descriptor, how)

    monkeypatch.setattr(module.fcntl, "flock", flock)
    with pytest.raises(StoreError, match="open already"):
        Database.open(tmp_path / "file.db", TRACES, journaled=WORDS)
    monkeypatch.undo()
    database = await opened(tmp_path)
    await database.close()


@pytest.mark.parametrize("place", [0, 1])
async def test_what_is_no_file_is_refused_and_left_and_nothing_stays_locked(tmp_path, place):
    planted, victim = paths(tmp_path / "file.db")[place], tmp_path / "victim"
    victim.write_bytes(b"mine")
    for plant, take_away in (
        (lambda: planted.symlink_to(victim), planted.unlink),
        (planted.mkdir, planted.rmdir),
        (lambda: os.mkfifo(planted), planted.unlink),
    ):
        plant()
        with pytest.raises(StoreError, match="no plain file") as refused:
            Database.open(tmp_path / "file.db", TRACES, journaled=WORDS)
        assert str(planted) in refused.value.message
        assert victim.read_bytes() == b"mine"
        take_away()
    database = await opened(tmp_path)
    await database.journal("one")
    assert await kept(database) == ["one"]
    await database.close()


async def test_who_adds_does_not_wait_for_the_disk_where_it_is_cut(tmp_path, monkeypatch):
    reached, through = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        reached.set()
        assert through.wait(30)

    class Slow(mmap.mmap):
        def flush(self, *_: object) -> None:
            wait()

    monkeypatch.setattr(module.mmap, "mmap", Slow)
    database = await opened(tmp_path)
    await database.journal("before")
    assert await kept(database) == ["before"]
    monkeypatch.setattr(module.os, "fsync", wait)
    cutting = asyncio.create_task(database.truncate_log())
    await asyncio.to_thread(reached.wait, 30)
    added = asyncio.create_task(asyncio.to_thread(database._journal.add, "meanwhile"))
    done, _ = await asyncio.wait([added], timeout=5)
    through.set()
    await cutting
    assert done
    assert await kept(database) == ["before", "meanwhile"]
    await database.close()


# --- a process that ended ------------------------------------------------------------------------------------------


async def left_behind(folder, rows: int):
    """The files as a process leaves them that is killed with so many rows in both journals."""
    database = await opened(folder)
    copied = folder / "copied"
    copied.mkdir()
    half = rows // 2
    async with Held(database):
        for n in range(half):
            await database.journal(f"row {n}")
        database._journal.take()  # as when those are about to be moved
        for n in range(half, rows):
            await database.journal(f"row {n}")
        for path in (database.path, database.path.with_name("file.db-wal"), *paths(database.path)):
            shutil.copy(path, copied)
    await database.close()
    return copied


async def test_what_a_killed_process_acknowledged_is_taken_up_in_its_order(tmp_path):
    copied = await left_behind(tmp_path, 10)
    database = await opened(copied)
    assert await kept(database) == [f"row {n}" for n in range(10)]
    await database.close()


async def test_what_is_moved_twice_is_as_if_it_was_moved_once(tmp_path):
    traces = SqliteTraces.open(tmp_path / "traces.db")
    some = [trace_of(f"t{n}", CREATED + n, content=content_of(f"words {n}")) for n in range(10)]
    async with Held(traces.database):
        for trace in some:
            await traces.record(trace)
        for path in paths(tmp_path / "traces.db"):
            shutil.copy(path, tmp_path / f"{path.name}.copy")
        assert sum(path.stat().st_size for path in paths(tmp_path / "traces.db")) > 1_000
    went_by = await SqliteHours(traces.database).went_by(CREATED - 1, CREATED + 3_600)
    listed = await traces.list()
    await traces.close()
    for path in paths(tmp_path / "traces.db"):
        (tmp_path / f"{path.name}.copy").rename(path)
    again = SqliteTraces.open(tmp_path / "traces.db")
    assert await again.list() == listed
    twice = await SqliteHours(again.database).went_by(CREATED - 1, CREATED + 3_600)
    assert [(one.requests, pytest.approx(one.cost.value)) for one in twice.passing] == [
        (one.requests, one.cost.value) for one in went_by.passing
    ]
    assert await again.get("t3") == some[3]
    await again.close()


@pytest.mark.parametrize("spoilt", ["cut", "flipped", "zeros"])
async def test_a_power_cut_costs_the_lines_that_are_not_whole_and_no_others(tmp_path, spoilt):
    copied = await left_behind(tmp_path, 4)
    newer, older = (path.read_bytes() for path in paths(copied / "file.db"))
    assert b"row 0" in older
    line = module._HEAD.size + len("1row 0")
    newer = newer[: 2 * line]
    for length in range(0, len(newer), 3):
        trial = tmp_path / f"trial-{length}"
        shutil.copytree(copied, trial)
        torn = {
            "cut": newer[:length],
            "flipped": newer[:length] + bytes([newer[length] ^ 1]) + newer[length + 1 :],
            "zeros": newer[:length] + bytes(100),  # the length was on the disk, and what stood there was not
        }[spoilt]
        (trial / "file.journal-0").write_bytes(torn)
        database = await opened(trial)
        whole = 2 + length // line
        assert sorted(await kept(database)) == [f"row {n}" for n in range(whole)]
        await database.journal("after")
        assert "after" in await kept(database)
        await database.close()


async def test_a_journal_of_a_newer_palier_is_refused_and_left_as_it_is(tmp_path):
    copied = await left_behind(tmp_path, 4)
    before = [path.read_bytes() for path in paths(copied / "file.db")]

    def read(text: bytes) -> str:
        raise ValueError("format 1")

    with pytest.raises(StoreError, match="format 1") as refused:
        Database.open(copied / "file.db", TRACES, journaled=Journaled(_write, read, lambda row: (), repr, _move))
    assert "Upgrade" in refused.value.hint
    assert [path.read_bytes() for path in paths(copied / "file.db")] == before
    database = await opened(copied)  # who knows them takes them up, in the same process too
    assert await kept(database) == [f"row {n}" for n in range(4)]
    await database.close()


# --- what goes wrong -----------------------------------------------------------------------------------------------


async def test_a_row_that_cannot_be_kept_holds_up_no_other_and_is_said(database, caplog):
    for row in ("a", "poison", "b"):
        await database.journal(row)
    assert await kept(database) == ["a", "b"]
    assert "'poison' CANNOT BE KEPT AND IS LOST" in caplog.text
    await database.journal("c")
    assert await kept(database) == ["a", "b", "c"]


async def test_lines_that_somebody_wrote_over_are_said_and_none_is_acknowledged_after(tmp_path, caplog):
    database = await opened(tmp_path)
    async with Held(database):
        for n in range(3):
            await database.journal(f"row {n}")
        path = next(path for path in paths(tmp_path / "file.db") if b"row 1" in path.read_bytes())
        with path.open("r+b") as file:
            file.seek(path.read_bytes().index(b"row 1"))
            file.write(b"ROW")
    assert await kept(database) == []
    assert "1 of its 3 rows can be read" in caplog.text
    with pytest.raises(StoreError, match="1 of its 3 rows"):
        await database.journal("row 3")
    await database.close()
    again = await opened(tmp_path)
    assert await kept(again) == ["row 0"]
    await again.close()


async def test_more_rows_than_may_wait_are_refused(database, monkeypatch):
    monkeypatch.setattr(module, "MOST", 5)
    async with Held(database):
        for n in range(5):
            await database.journal(f"row {n}")
        with pytest.raises(Busy) as refused:
            await database.journal("one more")
        assert refused.value.retry_after
    assert len(await kept(database)) == 5
    await database.journal("one more")
    assert len(await kept(database)) == 6


async def test_who_reads_waits_for_rows_of_those_keys_alone(database):
    await kept(database)
    async with Held(database):
        await database.journal("mine")
        async with asyncio.timeout(10):
            assert await kept(database, ["another's"]) == []
        mine = asyncio.create_task(kept(database, ["another's", "mine"]))
        await asyncio.sleep(0.05)
        assert not mine.done()
    assert await mine == ["mine"]


async def test_a_disk_that_is_really_full_loses_nothing_that_was_acknowledged(small_disk, region):
    database = await opened(small_disk)
    (small_disk / "ballast").write_bytes(b"x" * (560_000 - 2 * region))
    acknowledged = []
    for n in range(1_000):
        row = f"{n:05}" * 1_000
        try:
            await database.journal(row)
        except StoreError as error:
            refused = error
            break
        acknowledged.append(row)
    assert "full" in str(refused) or "I/O" in str(refused)
    assert 0 < len(acknowledged) < 1_000
    (small_disk / "ballast").unlink()
    assert await kept(database) == acknowledged
    await database.journal("after")
    assert await kept(database) == [*acknowledged, "after"]
    await database.close()


async def test_what_an_answer_carries_is_not_overlooked_where_it_waits_on_a_full_disk(small_disk):
    traces = SqliteTraces.open(small_disk / "traces.db")
    marks = SqliteAnswerMarks(traces.database)
    sought = np.arange(10, dtype=np.int64)
    marked = Marked(marks=sought.astype("<i8").tobytes(), turns=(b"turn",), expires=CREATED + 3_600)
    await traces.list()
    acknowledged = 0
    while not traces.database.behind:
        some = trace_of(f"t{acknowledged}", CREATED, content=content_of("x" * 5_000))
        answers = (f"digest {acknowledged}",)
        with contextlib.suppress(StoreError):
            await traces.record(structs.replace(some, label=Label.RESTRICTED, answers=answers, marked=marked))
            acknowledged += 1
    last = [f"digest {acknowledged - 1}"]
    waits = f"t{acknowledged - 1}"
    for asked in (traces.label_of(last), traces.get(waits), marks.label_of_turns([b"turn"]), marks.ranks_of(sought)):
        with pytest.raises(StoreError, match="full"):
            await asked
    assert await traces.label_of(["another"]) is Label.PUBLIC
    assert len(await traces.list(limit=acknowledged)) < acknowledged  # who looks on sees what is there
    await marks.look()
    assert marks.highest is Label.RESTRICTED
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    assert await traces.label_of(last) is Label.RESTRICTED
    assert (await traces.get(waits)).answers == tuple(last)
    assert await marks.label_of_turns([b"turn"]) is Label.RESTRICTED
    assert set(await marks.ranks_of(sought)) == set(range(10))
    await traces.close()


async def test_a_disk_without_room_for_what_is_mapped_is_written_to(small_disk, monkeypatch):
    monkeypatch.setattr(module, "REGION", 2**20)
    database = await opened(small_disk)
    assert not any(file.mapped for file in database._journal._files)
    await database.journal("row")
    assert await kept(database) == ["row"]
    await database.close()


async def test_a_line_that_does_not_fit_leaves_nothing_of_it(small_disk):
    database = await opened(small_disk)
    async with Held(database):
        await database.journal("before")
        with pytest.raises(StoreError, match="full"):
            await database.journal("x" * 2_000_000)
        await database.journal("after")
    assert await kept(database) == ["before", "after"]
    await database.close()


async def test_event_loops_of_other_threads_journal_too(database):
    await asyncio.gather(
        *(asyncio.to_thread(asyncio.run, database.journal(f"row {n}")) for n in range(4)),
        *(database.journal(f"row {n}") for n in range(4, 8)),
    )
    assert sorted(await kept(database)) == [f"row {n}" for n in range(8)]


async def test_who_looks_for_marks_waits_for_marked_answers_alone(tmp_path):
    traces = SqliteTraces.open(tmp_path / "traces.db")
    marks, sought = SqliteAnswerMarks(traces.database), np.array([7], np.int64)
    marked = Marked(marks=sought.astype("<i8").tobytes(), expires=2 * CREATED)
    assert await marks.ranks_of(sought) == {}
    async with Held(traces.database):
        await traces.record(trace_of("plain"))
        async with asyncio.timeout(10):
            assert await marks.ranks_of(sought) == {}
        await traces.record(structs.replace(trace_of("marked"), marked=marked))
        found = asyncio.create_task(marks.ranks_of(sought))
        await asyncio.sleep(0.05)
        assert not found.done()
    assert list(await found) == [7]
    await traces.close()


async def test_what_was_moved_before_is_no_line_of_a_file_that_is_written_over(tmp_path):
    """Lines of one length, so that an old one stands right behind the last of the new ones."""
    database = await opened(tmp_path)
    for batch in range(4):  # both files are written over
        for n in range(3):
            await database.journal(f"row {batch} {n}")
        assert len(await kept(database)) == 3 * (batch + 1)
    await database.write(lambda connection: connection.execute("DELETE FROM kept"))
    copied = tmp_path / "copied"
    copied.mkdir()
    async with Held(database):
        await database.journal("row 4 0")
        for path in (database.path, database.path.with_name("file.db-wal"), *paths(database.path)):
            shutil.copy(path, copied)
    await database.close()
    assert sum(path.read_bytes().count(b"row ") for path in paths(copied / "file.db")) > 1
    again = await opened(copied)
    assert await kept(again) == ["row 4 0"]
    await again.close()


async def test_nothing_of_what_was_moved_is_left_where_it_is_cut(database, tmp_path):
    for n in range(3):
        await database.journal(f"row {n}")
        await kept(database)
    assert any(b"row" in path.read_bytes() for path in paths(database.path))
    await database.truncate_log()
    assert not any(path.read_bytes().strip(b"\0") for path in paths(database.path))
    await database.journal("row 3")
    await database.rewrite()
    assert not any(path.read_bytes().strip(b"\0") for path in paths(database.path))
    assert len(await kept(database)) == 4
