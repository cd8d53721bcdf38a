"""One queue of tasks and the worker processes that serve it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from palier.errors import Busy, Unavailable
from palier.jobs import worker

T = TypeVar("T")
_Task = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]

_MAX_REPLY_BYTES = 512 * 2**20
_KEPT = ("PATH", "HOME", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What a worker sees of the environment, with LANG/LC_* and PYTHON*: no keys, for it reads strangers' files."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a lane's workers may use. `memory_mb` 0 is no limit; `idle_s` without a task ends a process (None: never).

    `nice` lowers its priority, `threads` caps the native ones (BLAS, OpenMP) of each process. `retry`: a task whose
    process died is tried once more on a fresh one; not for tasks that may be what kills it. `patience`: where the
    machine is busy, a process that had little of it is waited for up to so many times as long.
    """

    timeout_s: float = 60.0
    patience: int = 1
    memory_mb: int = 0
    idle_s: float | None = None
    nice: int = 0
    threads: int = 1
    retry: bool = False


class Lane:
    """`count` worker processes behind one bounded queue; implements `interfaces.Workers`.

    Processes start with the first task (or `start`). One that dies fails the task it had with `Unavailable` (where
    `Limits.retry` does not give that another try), and the next task starts another; one that passes its time limit is
    killed. All end with the parent, however it ends.
    """

    def __init__(
        self,
        name: str,
        count: int,
        max_queue: int,
        limits: Limits | None = None,
        warm: tuple[Callable[..., Any], tuple[Any, ...]] | None = None,
    ) -> None:
        self.name = name
        self.count = count
        self.max_queue = max_queue
        self.limits = limits or Limits()
        self._warm = warm
        self._tasks: queue.Queue[_Task | None] = queue.Queue(max(max_queue, count))
        self._drivers: list[threading.Thread] = []
        self._processes: set[_Process] = set()
        self._closed = False

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run `function`, found by its module and name, in a worker.

        Raises what it raises; `Busy` where `max_queue` tasks wait already; `Unavailable` where its worker died or went
        over a limit. A caller that is cancelled gives up its turn; a task that has begun runs to its end.
        """
        if self._closed:
            raise Unavailable(f"the {self.name} workers are closed")
        self.start()
        future: Future[T] = Future()
        try:
            self._tasks.put_nowait((future, function, arguments))
        except queue.Full:
            raise Busy(
                f"{self._tasks.qsize()} tasks wait for the {self.name} workers already",
                hint="try again in a second, or raise [workers] max_queue",
                retry_after=1.0,
            ) from None
        return await asyncio.wrap_future(future)

    def start(self) -> None:
        """Start the processes now rather than with the first task."""
        for i in range(len(self._drivers), self.count):
            thread = threading.Thread(target=self._drive, name=f"{self.name}-{i}", daemon=True)
            self._drivers.append(thread)
            thread.start()

    async def close(self) -> None:
        """End the processes; the tasks that were waiting or running fail with `Unavailable`."""
        self._closed = True
        for _ in self._drivers:
            with contextlib.suppress(queue.Full):  # then none of them sleeps, and each sees `_closed`
                self._tasks.put_nowait(None)
        for process in tuple(self._processes):
            process.kill()
        for driver in self._drivers:
            await asyncio.to_thread(driver.join)
        while not self._tasks.empty():
            task = self._tasks.get_nowait()
            if task and task[0].set_running_or_notify_cancel():
                task[0].set_exception(Unavailable(f"the {self.name} workers are closed"))

    def _drive(self) -> None:
        """One thread a process: hands it a task, waits for the reply, replaces it when it is lost or was idle."""
        process = self._spawn()
        while not self._closed:
            try:
                task = self._tasks.get(timeout=self.limits.idle_s)
            except queue.Empty:
                self._discard(process)
                task = self._tasks.get()
            if task is None:
                break
            if task[0].set_running_or_notify_cancel():
                process = self._serve(process, *task)
        self._discard(process)

    def _serve(
        self, process: _Process | None, future: Future[Any], function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> _Process | None:
        """Have one task done and its future answered, whatever happens; the process that the next task finds."""
        try:
            payload = pickle.dumps((function, arguments), pickle.HIGHEST_PROTOCOL)
            process = self._living(process)
            try:
                value, error = self._ask(process, payload)
            except _Died:
                if self._closed or not self.limits.retry:
                    raise
                process = self._living(process)
                value, error = self._ask(process, payload)
        except _Lost as lost:
            name = getattr(function, "__name__", "the task").strip("_")
            hint = "try again: nothing of it was kept; a machine that does much else is slow at it"
            future.set_exception(Unavailable(f"{name}: {lost}", retry_after=1.0, hint=hint))
        except Exception as failure:
            future.set_exception(failure)
        else:
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
        return process

    def _ask(self, process: _Process | None, payload: bytes) -> tuple[Any, Exception | None]:
        """The value of a task, or the error it raised. Raises `_Lost`."""
        if process is None:
            raise _Lost("no worker process could be started")
        value, error = pickle.loads(process.ask(payload, self.limits))  # noqa: S301  our own child
        if isinstance(error, MemoryError):
            process.kill()  # its heap is full of what it choked on
            raise _Lost(f"needs more than {self.limits.memory_mb} MB of memory and was stopped")
        return value, error

    def _living(self, process: _Process | None) -> _Process | None:
        """`process`, or a new one in its place where it is dead."""
        if process is not None and process.alive:
            return process
        self._discard(process)
        return self._spawn()

    def _spawn(self) -> _Process | None:
        """A new process; None where the system gives none now (the next task tries again)."""
        try:
            process = _Process(self.limits, pickle.dumps(self._warm) if self._warm else b"")
        except OSError:
            return None
        self._processes.add(process)
        if self._closed:
            process.kill()
        return process

    def _discard(self, process: _Process | None) -> None:
        if process is not None:
            process.kill()
            self._processes.discard(process)


class _Lost(Exception):
    """The process is of no more use; the message says why."""


class _Died(_Lost):
    """It ended by itself, or something else ended it: not for what its task took."""


class _Process:
    """A worker process and the connection to it."""

    def __init__(self, limits: Limits, warm: bytes) -> None:
        hello = worker.Hello(
            path=sys.path,
            memory_bytes=limits.memory_mb * 2**20,
            timeout_s=limits.timeout_s * limits.patience,
            nice=limits.nice,
            warm=warm,
        )
        self._connection, theirs = Pipe()
        self._process = subprocess.Popen(  # noqa: S603  this interpreter, a file of ours
            [sys.executable, "-P", str(Path(worker.__file__)), str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=_environment(limits.threads),
            process_group=0,  # Ctrl-C in the terminal is the parent's to handle
        )
        theirs.close()
        self._connection.send_bytes(pickle.dumps(hello))

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, payload: bytes, limits: Limits) -> bytes:
        """Send a task and wait for its reply. Raises `_Died` or `_Lost`, and then the process is gone."""
        lost: _Lost
        patient = limits.patience > 1
        before_s = _processor_s(self._process.pid) if patient else None
        try:
            self._connection.send_bytes(payload)
            waited_s = 0.0
            while waited_s < limits.patience * limits.timeout_s:
                waited_s += limits.timeout_s
                if _ready(self._connection, limits.timeout_s):
                    return self._connection.recv_bytes(_MAX_REPLY_BYTES)
                now_s = _processor_s(self._process.pid) if patient else None
                if before_s is None or now_s is None or now_s - before_s >= limits.timeout_s / 2:
                    break
            lost = _Lost(f"took longer than {waited_s:g} s and was stopped")
        except (EOFError, OSError):
            lost = _Died(f"its worker process died ({self._obituary()})")
        self.kill()
        raise lost

    def kill(self) -> None:
        """End it at once; there is nothing in it to save. May be called again, and from another thread."""
        self._process.kill()
        self._process.wait()

    def _obituary(self) -> str:
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "its connection broke"
        return f"signal {-status}" if status < 0 else f"exit status {status}"


def _processor_s(pid: int) -> float | None:
    """Seconds of the processor that it had so far; None where that cannot be told."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def _ready(connection: Connection, timeout_s: float) -> bool:
    """Whether a reply or the end came in time; `poll` alone would take an early wake-up for a time-out."""
    deadline = time.monotonic() + timeout_s
    while (left := deadline - time.monotonic()) > 0:
        if connection.poll(left):
            return True
    return False


def _environment(threads: int) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k in _KEPT or k.startswith(("LANG", "LC_", "PYTHON"))}
    native = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS"),
        str(threads),
    )
    return {**kept, **native}
