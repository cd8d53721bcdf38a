"""One SQLite file: a writer thread with group commit, and a few readers.

What is queued while a commit runs is the next commit: no window to wait for, alone or under load. A job is a function
of a connection. A write job that fails, fails alone: what fails as one transaction is tried again job by job, so that a
job may run more than once and must touch nothing but its connection.

Rows that many tasks append at once are handed over together: every statement costs the writer the interpreter's lock,
which it must win back from a busy event loop. Rows of one kind may be journaled instead (`stores.journal`): they are
acknowledged at once and moved in a few hundred at a time, before any job that comes after them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from palier.errors import InvalidRequest, PalierError, StoreError
from palier.stores.jobs import Job, Queue
from palier.stores.journal import MOVED_EVERY_S, Journal, Journaled
from palier.stores.schema import Schema, open_reader, open_writer, store_error

T = TypeVar("T")
TRUNCATE_TIMEOUT_MS = 100
"""How long emptying the log waits for those who read: it holds up the writer meanwhile."""
TRUNCATE_WAITS_S = (0.2, 0.5, 1.0, 2.0)
"""Seconds between tries."""
REWRITE_TIMEOUT_MS = 5_000
"""The same where it must be done, and is not tried again by itself."""
_ROW = (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError, OverflowError, TypeError, ValueError)
"""Where the row is at fault, and the file takes others."""

log = logging.getLogger("palier")


class Database:
    """An open file. `write` and `read` may be called from any event loop; the rest from anywhere."""

    def __init__(
        self, path: Path, schema: Schema, readers: int, queue: int, journaled: Journaled[Any, Any] | None = None
    ) -> None:
        self.path = path
        self._schema = schema
        self._writes = Queue(queue)
        self._reads = Queue(queue)
        self._held: dict[asyncio.AbstractEventLoop, list[Job]] = {}
        writer = open_writer(path, schema)
        connections = [open_reader(path, schema) for _ in range(readers)]
        self._journal = None if journaled is None else Journal(path, journaled)
        self._moved = 0.0
        self.log_is_full = False
        """Whether it may hold what was deleted: it could not be emptied."""
        self._threads = [
            threading.Thread(target=self._write_batches, args=(writer,), name=f"{schema.name}-writer", daemon=True),
            *(
                threading.Thread(target=self._answer, args=(connection,), name=f"{schema.name}-reader", daemon=True)
                for connection in connections
            ),
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def open(
        cls,
        path: str | Path,
        schema: Schema,
        *,
        readers: int = 2,
        queue: int = 4096,
        journaled: Journaled[Any, Any] | None = None,
    ) -> Database:
        """Open or make the file, led to today's version. Raises `StoreError`.

        `readers` threads answer `read`; `queue` is how many jobs may wait, for reading and for writing each;
        `journaled` says of which kind the rows are that `journal` takes.
        """
        return cls(Path(path), schema, readers, queue, journaled)

    async def write(self, run: Callable[[apsw.Connection], T]) -> T:
        """Run `run(connection)` in the writer's transaction; returns its value once that is committed.

        What it raises is raised here and undone, the other jobs of the commit being kept. Raises `Busy` when the
        queue is full and `StoreError` when the file cannot be written. Cancelling stops the waiting, not the job.
        """
        return await self._submit(self._writes, run)

    async def append(self, run: Callable[[apsw.Connection, list[T]], None], row: T) -> None:
        """As `write`, with `run(connection, rows)` called once for the rows of all who append by it at that moment.

        Rows of one turn of the event loop are handed to the writer together, at its end.
        """
        loop = asyncio.get_running_loop()
        job = Job(run, loop, loop.create_future(), (row,))
        held = self._held.setdefault(loop, [])
        if not held:
            loop.call_soon(self._hand_over, loop)
        held.append(job)
        await job.future

    async def journal(self, row: Any) -> None:
        """Acknowledge a row of the kind that is journaled: durable as a commit is, seen by what is asked from now on.

        Where rows cannot be moved into their tables it tries that first. Raises `StoreError` where it still cannot be
        done, or the row not be written, and `Busy` where too many wait.
        """
        assert self._journal is not None, "opened without a journal"
        if self._journal.failure is not None:
            await self._submit(self._writes, _nothing)
        if self._journal.add(row):
            self._writes.wake()

    async def read(
        self, run: Callable[[apsw.Connection], T], keys: Collection[Hashable] | None = None, *, whole: bool = False
    ) -> T:
        """Run `run(connection)` on one snapshot of the file. Raises `Busy` and `StoreError` as `write` does.

        Journaled rows are moved in before; where `keys` are given, only if one of them has one of those. Where they
        cannot be, what is in the tables is read, or with `whole` `StoreError` raised: for what must not be overlooked.
        """
        if self._journal is not None and self._journal.holds(keys):
            await self._submit(self._writes, _nothing)
            if whole:
                self._check_moved()
        return await self._submit(self._reads, run)

    async def settle(self) -> None:
        """Have all that was handed over or journaled committed. Raises `StoreError` where journaled rows cannot be."""
        await self._submit(self._writes, _nothing)
        self._check_moved()

    @property
    def behind(self) -> bool:
        """Whether journaled rows wait that could not be moved in the last time."""
        return self._journal is not None and self._journal.failure is not None

    async def rewrite(self) -> None:
        """Write the file anew, without what deleted rows left in its pages, and empty its log. Writers wait meanwhile.

        SQLite's `secure_delete` clears what is deleted where it stands, not where it stood before pages were balanced.
        Takes as much space again as the file, beside it and in the system's temporary folder. Raises `StoreError`.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._writes.add([Job(_vacuum, loop, future, alone=True)], self.path)
        await future
        await self.truncate_log(REWRITE_TIMEOUT_MS)

    async def truncate_log(self, timeout_ms: int = TRUNCATE_TIMEOUT_MS) -> None:
        """Move the write-ahead log into the file and cut it to nothing, so that what was deleted is nowhere.

        Raises `StoreError`, of those who read all the time only after `TRUNCATE_WAITS_S`; `log_is_full` holds then.
        """
        self.log_is_full = True
        if self._journal is not None:
            await self._submit(self._writes, self._cut)
        for wait_s in (*TRUNCATE_WAITS_S, None):
            try:
                await asyncio.to_thread(self._truncate_log, timeout_ms)
                break
            except StoreError as error:
                if wait_s is None or not isinstance(error.__cause__, apsw.BusyError):
                    raise
            await asyncio.sleep(wait_s)
        self.log_is_full = False

    async def close(self) -> None:
        """Finish what is queued, then close. Calling it again does nothing."""
        self._writes.close(threads=1)
        self._reads.close(threads=len(self._threads) - 1)
        await asyncio.to_thread(self._join)

    async def _submit(self, queue: Queue, run: Callable[[apsw.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        queue.add([Job(run, loop, future)], self.path)
        return await future

    def _check_moved(self) -> None:
        """Raise `StoreError` where journaled rows could not be moved in the last time."""
        if self._journal is not None and (failure := self._journal.failure) is not None:
            raise StoreError(failure.message, hint=failure.hint)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs = self._held.pop(loop)
        try:
            self._writes.add(jobs, self.path)
        except PalierError as error:
            for job in jobs:
                job.error = error
            _resolve(jobs)

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _truncate_log(self, timeout_ms: int) -> None:
        try:
            connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READWRITE)
        except apsw.CantOpenError as error:
            if self.path.exists():
                raise store_error(self.path, error) from error
            raise StoreError(
                f"{self.path} is not there any more",
                hint="it was deleted or moved while palier had it open: move it back, or put a backup back (palier"
                " restore-backup)",
            ) from None
        try:
            connection.set_busy_timeout(timeout_ms)
            connection.pragma("schema_version")  # a connection that has read nothing yet does not know of the log
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            raise store_error(self.path, error) from error
        finally:
            connection.close()

    # --- the writer's thread

    def _cut(self, connection: apsw.Connection) -> None:
        if self._journal is not None:
            self._journal.cut()

    def _write_batches(self, connection: apsw.Connection) -> None:
        end = False
        while not end:
            batch, end = self._writes.take_batch(self._patience())
            if self._journal is not None:
                if end:
                    self._journal.shut()
                if batch or end or self._patience() == 0:
                    connection = self._move(connection, self._journal)
            try:
                if together := [job for job in batch if not job.alone]:
                    self._commit(connection, together)
                    _tell(together)
                for job in batch:
                    if job.alone:
                        self._run_alone(connection, job)
            except Exception as error:  # locked by another program, or not even undone: all of the batch fails
                for job in batch:
                    if not job.settled:
                        job.error = self._translated(error)
                connection = self._reopened(connection)
            _tell(batch)
        if self._journal is not None:
            self._journal.close()
        connection.close()

    def _patience(self) -> float | None:
        """Seconds until rows are moved, if nothing else is to be done; None where none wait."""
        if self._journal is None or not self._journal.waiting:
            return None
        if self._journal.many and self._journal.failure is None:
            return 0.0
        return max(0.0, self._moved + MOVED_EVERY_S - time.monotonic())

    def _move(self, connection: apsw.Connection, journal: Journal[Any, Any]) -> apsw.Connection:
        """Move the rows that wait into their tables; the connection to go on with. Where that fails they wait on."""
        more = True
        try:
            while more:
                self._moved = time.monotonic()
                rows, more = journal.take()
                if rows:
                    self._move_rows(connection, journal, rows)
                    journal.moved()
        except Exception as error:
            translated = self._translated(error)
            if journal.failure is None:
                log.error("%d rows wait beside %s, and cannot be moved in: %s", journal.waiting, self.path, translated)
            journal.failure = (
                translated if isinstance(translated, StoreError) else StoreError(f"{self.path}: {translated}")
            )
            return self._reopened(connection)
        journal.failure = None
        return connection

    def _move_rows(self, connection: apsw.Connection, journal: Journal[Any, Any], rows: Sequence[memoryview]) -> None:
        """All in one transaction; where one of them is at fault, each in its own, and that one is left out."""
        try:
            with _transaction(connection):
                journal.move(connection, rows)
            return
        except _ROW as error:
            log.error("%s: %d rows cannot be moved in together: %s", self.path, len(rows), error)
        for row in rows:
            try:
                with _transaction(connection):
                    journal.move(connection, [row])
            except _ROW as error:
                log.error("%s: %s CANNOT BE KEPT AND IS LOST: %s", self.path, journal.called(row), error)

    def _run_alone(self, connection: apsw.Connection, job: Job) -> None:
        self._check_moved()
        job.run(connection)
        self._cut(connection)

    def _reopened(self, connection: apsw.Connection) -> apsw.Connection:
        """A connection without a transaction: the same, or a new one where it cannot be had otherwise."""
        if not connection.in_transaction:
            return connection
        try:
            fresh = open_writer(self.path, self._schema)
        except StoreError:
            return connection
        connection.close(True)
        return fresh

    def _commit(self, connection: apsw.Connection, batch: list[Job]) -> None:
        """All jobs in one transaction; where that fails, each in its own. Raises where that cannot begin or end."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            for run, jobs in groupby(batch, attrgetter("run")):
                _run(connection, run, list(jobs))
            connection.execute("COMMIT")
        except Exception as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if len(batch) == 1:
                batch[0].error = self._translated(error)
                batch[0].settled = True
                return
            for job in batch:
                self._commit(connection, [job])
            return
        for job in batch:
            job.settled = True

    # --- a reader's thread

    def _answer(self, connection: apsw.Connection) -> None:
        while (job := self._reads.take()) is not None:
            if job.future.cancelled():
                continue
            try:
                with connection:  # one snapshot for all that the job reads
                    job.value = job.run(connection)
            except Exception as error:
                job.error = self._translated(error)
            _tell([job])
        connection.close()

    def _translated(self, error: Exception) -> Exception:
        if isinstance(error, StopIteration):  # which a future refuses to carry: its task would wait for ever
            return RuntimeError("a job ran out of rows")
        if isinstance(error, UnicodeEncodeError):
            return InvalidRequest("a text holds half of a surrogate pair, which is no Unicode")
        if isinstance(error, msgspec.DecodeError) or str(error).endswith("malformed JSON"):
            return StoreError(
                f"{self.path}: a row in it is not what palier wrote",
                hint="another program changed it: restore the file from a backup, or move it away and begin anew",
            )
        return store_error(self.path, error) if isinstance(error, apsw.Error) else error


@contextmanager
def _transaction(connection: apsw.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _vacuum(connection: apsw.Connection) -> None:
    connection.execute("VACUUM")


def _nothing(connection: apsw.Connection) -> None:
    """What a task waits for that wants journaled rows moved in."""


def _run(connection: apsw.Connection, run: Callable[..., Any], jobs: list[Job]) -> None:
    """Neighbours of one `run`: with all their rows, or one by one where they have none."""
    if rows := [row for job in jobs for row in job.rows]:
        run(connection, rows)
        return
    for job in jobs:
        job.value = run(connection)


def _tell(jobs: Iterable[Job]) -> None:
    """Wake the tasks that wait, with one call an event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = defaultdict(list)
    for job in jobs:
        by_loop[job.loop].append(job)
    for loop, group in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, group)
        except RuntimeError:  # that loop is closed: nobody waits any more
            continue


def _resolve(jobs: list[Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.value)
