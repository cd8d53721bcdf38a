"""Jobs that tasks wait for, on their way to a thread and back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from palier.errors import Busy, StoreError

MAX_BATCH = 512
"""Jobs of one commit at most, so that the first of them does not wait for ever."""


@dataclass(slots=True)
class Job:
    """Work that a task waits for; its outcome is kept here until it may be told."""

    run: Callable[..., Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    rows: tuple[Any, ...] = ()
    """What `run` takes besides its connection, where it takes the rows of its neighbours too."""
    value: Any = None
    error: Exception | None = None
    settled: bool = False
    """Whether it was committed, or failed alone."""
    alone: bool = False
    """Whether it is no part of a transaction."""


class _Wake:
    """Nothing to do but to look what there is."""


class Queue:
    """Jobs that wait for a thread, and how many may."""

    def __init__(self, limit: int) -> None:
        self._jobs: SimpleQueue[Job | _Wake | None] = SimpleQueue()
        self._limit = limit
        self._lock = threading.Lock()
        self._closed = False

    def add(self, jobs: Sequence[Job], path: Path) -> None:
        with self._lock:
            if self._closed:
                raise StoreError(f"{path} is closed")
            if self._jobs.qsize() + len(jobs) > self._limit:
                raise Busy(f"{path.name}: {self._limit} jobs are waiting", retry_after=1.0)
            for job in jobs:
                self._jobs.put(job)

    def close(self, threads: int) -> None:
        """What is queued is still done; nothing more comes in."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in range(threads):
                    self._jobs.put(None)

    def wake(self) -> None:
        """Have `take_batch` return, with what there is."""
        self._jobs.put(_Wake())

    def take(self) -> Job | None:
        """The next job, waited for; None at the end."""
        while isinstance(job := self._jobs.get(), _Wake):
            pass
        return job

    def take_batch(self, patience_s: float | None = None) -> tuple[list[Job], bool]:
        """All that is queued, waited for so long or until there is something; and whether this is the end."""
        batch: list[Job] = []
        try:
            job = self._jobs.get(timeout=patience_s)
        except Empty:
            return batch, False
        with self._lock:  # who is adding several adds them all: rows of one turn stay together
            while job is not None:
                if isinstance(job, Job):
                    batch.append(job)
                if len(batch) == MAX_BATCH:
                    break
                try:
                    job = self._jobs.get_nowait()
                except Empty:
                    break
        return batch, job is None
