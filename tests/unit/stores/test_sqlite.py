"""One writer with group commit, a few readers, and disks that are full."""

from __future__ import annotations

import asyncio
import threading
import time

import apsw
import pytest

from palier.errors import Busy, InvalidRequest, StoreError
from palier.stores.sqlite import Database
from palier.stores.traces import TRACES


@pytest.fixture
async def database(tmp_path):
    opened = Database.open(tmp_path / "file.db", TRACES, readers=2, queue=64)
    await opened.write(lambda connection: connection.execute("CREATE TABLE kept (value)"))
    yield opened
    await opened.close()


def keep(value):
    return lambda connection: connection.execute("INSERT INTO kept VALUES (?)", (value,)).get


async def kept(database) -> list:
    return await database.read(
        lambda connection: [value for (value,) in connection.execute("SELECT value FROM kept ORDER BY rowid")]
    )


class Gate:
    """A job that holds its thread until it is let through, so that what follows is queued behind it."""

    def __init__(self) -> None:
        self.entered, self.through = threading.Event(), threading.Event()

    def __call__(self, connection: apsw.Connection) -> None:
        self.entered.set()
        assert self.through.wait(30)


async def batched(database, *jobs):
    """Run `jobs` in one commit."""
    gate = Gate()
    tasks = [asyncio.create_task(database.write(gate))]
    await asyncio.to_thread(gate.entered.wait, 30)
    tasks += [asyncio.create_task(database.write(job)) for job in jobs]
    await asyncio.sleep(0)  # each task queues its job at its first step
    gate.through.set()
    return (await asyncio.gather(*tasks, return_exceptions=True))[1:]


async def test_a_write_gives_its_value_and_is_seen_by_the_next_read(database):
    await database.write(keep("a"))
    assert await kept(database) == ["a"]
    assert await database.write(lambda connection: connection.execute("SELECT count(*) FROM kept").get) == 1


async def test_what_queues_during_a_commit_is_the_next_one(database):
    commits = []

    def watch(connection):
        connection.set_commit_hook(lambda: bool(commits.append(1)))

    await database.write(watch)
    commits.clear()
    await batched(database, *(keep(i) for i in range(50)))
    assert len(commits) == 2
    assert await kept(database) == list(range(50))


async def test_a_failed_job_fails_alone(database):
    def fail(connection):
        connection.execute("INSERT INTO kept VALUES ('half')")
        raise ValueError("mine")

    outcomes = await batched(
        database, keep(1), fail, keep(2), lambda c: c.execute("INSERT INTO absent VALUES (1)"), keep("\ud800"), keep(3)
    )
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        ValueError,
        type(None),
        StoreError,
        InvalidRequest,
        type(None),
    ]
    assert await kept(database) == [1, 2, 3]


async def test_a_job_that_ends_the_transaction_fails_alone(database):
    """As SQLite does by itself on some I/O errors: the whole is undone, and each is tried again by itself."""

    def spoil(connection):
        connection.execute("ROLLBACK")
        raise apsw.IOError("disk I/O error")

    outcomes = await batched(database, keep(1), spoil, keep(2))
    assert [type(outcome) for outcome in outcomes] == [type(None), StoreError, type(None)]
    assert await kept(database) == [1, 2]


async def test_a_commit_that_fails_is_tried_job_by_job(database):
    def orphan(connection):
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute("INSERT INTO content VALUES ('nobody', 'public', 0, x'00')")

    outcomes = await batched(database, keep(1), orphan, keep(2))
    assert [type(outcome) for outcome in outcomes] == [type(None), StoreError, type(None)]
    assert await kept(database) == [1, 2]
    await database.write(keep(3))


async def test_a_full_disk_is_an_error_and_then_it_works_again(database):
    pages = await database.write(lambda connection: connection.pragma("page_count"))
    await database.write(lambda connection: connection.pragma("max_page_count", pages + 4))
    outcomes = await batched(database, keep("small"), keep("x" * 1_000_000), keep("small too"))
    assert [type(outcome) for outcome in outcomes] == [type(None), StoreError, type(None)]
    assert "full" in str(outcomes[1])
    await database.write(lambda connection: connection.pragma("max_page_count", 1_000_000))
    await database.write(keep("after"))
    assert await kept(database) == ["small", "small too", "after"]


async def test_a_disk_that_is_really_full(small_disk):
    database = Database.open(small_disk / "file.db", TRACES)
    await database.write(lambda connection: connection.execute("CREATE TABLE kept (value)"))
    (small_disk / "ballast").write_bytes(b"x" * 400_000)
    written = []

    async def fill():
        for i in range(1_000):
            await database.write(keep(f"{i:05}" * 2_000))
            written.append(f"{i:05}" * 2_000)

    with pytest.raises(StoreError, match=r"full|I/O"):
        await fill()
    assert await kept(database) == written
    (small_disk / "ballast").unlink()
    await database.write(keep("after"))
    assert await kept(database) == [*written, "after"]
    assert await database.read(lambda connection: connection.pragma("integrity_check")) == "ok"
    await database.close()


async def test_a_reader_sees_one_moment(database):
    gate = Gate()

    def twice(connection):
        first = connection.execute("SELECT count(*) FROM kept").get
        gate(connection)
        return first, connection.execute("SELECT count(*) FROM kept").get

    reading = asyncio.create_task(database.read(twice))
    await asyncio.to_thread(gate.entered.wait, 30)
    await database.write(keep("a"))
    gate.through.set()
    assert await reading == (0, 0)


async def test_a_reader_cannot_write(database):
    with pytest.raises(StoreError, match="readonly"):
        await database.read(keep("a"))
    assert await kept(database) == []


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_a_job_without_the_row_it_expects_does_not_hang(database, kind):
    with pytest.raises(RuntimeError, match="ran out of rows"):
        await getattr(database, kind)(lambda connection: next(connection.execute("SELECT value FROM kept")))


async def test_a_full_queue_is_busy(database):
    gates = [Gate(), Gate()]
    reading = [asyncio.create_task(database.read(gate)) for gate in gates]
    for gate in gates:
        await asyncio.to_thread(gate.entered.wait, 30)
    waiting = [asyncio.create_task(kept(database)) for _ in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as caught:
        await kept(database)
    assert caught.value.retry_after
    for gate in gates:
        gate.through.set()
    await asyncio.gather(*reading, *waiting)
    assert await kept(database) == []


async def test_who_leaves_stops_waiting_and_the_job_is_done(database):
    gate = Gate()
    first = asyncio.create_task(database.write(gate))
    await asyncio.to_thread(gate.entered.wait, 30)
    leaving = asyncio.create_task(database.write(keep("a")))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    gate.through.set()
    await first
    await database.write(keep("b"))
    assert await kept(database) == ["a", "b"]


async def test_closing_finishes_what_is_queued(tmp_path):
    database = Database.open(tmp_path / "file.db", TRACES)
    await database.write(lambda connection: connection.execute("CREATE TABLE kept (value)"))
    tasks = [asyncio.create_task(database.write(keep(i))) for i in range(100)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*tasks)
    await database.close()
    with pytest.raises(StoreError, match="is closed"):
        await kept(database)
    reopened = Database.open(tmp_path / "file.db", TRACES)
    assert await kept(reopened) == list(range(100))
    await reopened.close()


async def test_two_event_loops_share_a_file(database):
    await asyncio.gather(
        *(asyncio.to_thread(asyncio.run, database.write(keep(i))) for i in range(4)),
        *(database.write(keep(i)) for i in range(4, 8)),
    )
    assert sorted(await kept(database)) == list(range(8))


async def test_the_log_can_be_emptied(database):
    await database.write(keep("x" * 100_000))
    log = database.path.with_name("file.db-wal")
    assert log.stat().st_size > 100_000
    await database.truncate_log()
    assert log.stat().st_size == 0


@pytest.mark.parametrize("patient", [True, False])
async def test_emptying_the_log_waits_a_while_for_those_who_read(database, monkeypatch, patient):
    monkeypatch.setattr("palier.stores.sqlite.TRUNCATE_WAITS_S", (0.01,) * (500 if patient else 1))
    await database.write(keep("x" * 100_000))
    reading = apsw.Connection(str(database.path), flags=apsw.SQLITE_OPEN_READONLY)
    rows = reading.execute("SELECT * FROM kept")
    next(rows)
    await database.write(keep("y"))
    emptying = asyncio.create_task(database.truncate_log())
    if patient:
        await asyncio.sleep(0.3)
        assert database.log_is_full
        assert not emptying.done()
        rows.close()
        await emptying
        assert not database.log_is_full
    else:
        with pytest.raises(StoreError, match="locked"):
            await emptying
        assert database.log_is_full
    reading.close(True)


# --- appending -----------------------------------------------------------------------------------------------------


def insert_all(connection, rows):
    if "poison" in rows:
        raise InvalidRequest("poison")
    for row in rows:
        connection.execute("INSERT INTO kept VALUES (?)", (row,))


async def test_rows_of_one_turn_are_handed_over_together(database):
    calls = []

    def insert(connection, rows):
        calls.append(len(rows))
        insert_all(connection, rows)

    await asyncio.gather(*(database.append(insert, i) for i in range(50)))
    assert calls == [50]
    assert await kept(database) == list(range(50))


async def test_a_row_that_fails_fails_alone(database):
    rows = ["a", "poison", "b"]
    outcomes = await asyncio.gather(*(database.append(insert_all, row) for row in rows), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), InvalidRequest, type(None)]
    assert await kept(database) == ["a", "b"]


async def test_rows_and_jobs_keep_their_order(database):
    tasks = [asyncio.create_task(database.append(insert_all, i)) for i in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(database.write(keep("between"))))
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(database.append(insert_all, 3)))
    await asyncio.gather(*tasks)
    assert await kept(database) == [0, 1, 2, "between", 3]


async def test_who_leaves_stops_waiting_and_the_row_is_kept(database):
    leaving = asyncio.create_task(database.append(insert_all, "a"))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await database.append(insert_all, "b")
    assert await kept(database) == ["a", "b"]


async def test_more_rows_than_may_wait_are_refused(database):
    rows = [database.append(insert_all, i) for i in range(65)]
    outcomes = await asyncio.gather(*rows, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Busy}
    assert await kept(database) == []


async def test_rows_for_a_closed_file_are_refused(tmp_path):
    database = Database.open(tmp_path / "file.db", TRACES)
    await database.close()
    with pytest.raises(StoreError, match="is closed"):
        await database.append(insert_all, 1)


async def test_two_event_loops_append(database):
    await asyncio.gather(
        *(asyncio.to_thread(asyncio.run, database.append(insert_all, i)) for i in range(4)),
        *(database.append(insert_all, i) for i in range(4, 8)),
    )
    assert sorted(await kept(database)) == list(range(8))


# --- when a transaction cannot begin or be undone ------------------------------------------------------------------


async def test_a_file_that_another_program_locks_fails_the_batch_once(database, monkeypatch):
    await database.write(lambda connection: connection.set_busy_timeout(100))
    other = apsw.Connection(str(database.path))
    other.execute("BEGIN IMMEDIATE")
    started = time.perf_counter()
    outcomes = await asyncio.gather(*(database.append(insert_all, i) for i in range(40)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreError}
    assert time.perf_counter() - started < 2
    other.execute("ROLLBACK")
    await database.append(insert_all, "after")
    assert await kept(database) == ["after"]


async def test_a_transaction_that_cannot_be_undone_costs_its_batch_only(database):
    def breaks(connection):
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
        connection.set_authorizer(lambda *_: apsw.SQLITE_DENY)  # not even a rollback is let through
        raise InvalidRequest("broken")

    (outcome,) = await asyncio.gather(database.write(breaks), return_exceptions=True)
    assert isinstance(outcome, (InvalidRequest, StoreError))
    async with asyncio.timeout(20):
        await database.write(keep("after"))
    assert await kept(database) == ["after"]
