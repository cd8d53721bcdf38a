"""The worker processes of one installation, in lanes: questions never wait behind documents, nor behind strangers'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from palier.jobs.lane import Lane, Limits

T = TypeVar("T")
STRICT_S, STRICT_MB = 3.0, 512
"""Of a task in the strict lane. Most take a millisecond; the first waits for its process."""


class ProcessWorkers:
    """Implements `interfaces.Workers` by the interactive lane; `batch` is a second one, for ingestion.

    Each lane has up to `count` processes. Those of the interactive lane are kept warm by `warm`, a function and its
    arguments, run once as each starts; a task whose process died is tried once more, which costs a question time and
    no answer. Those of the batch lane have a low priority, and a time and a memory limit for each task, for they parse
    files that strangers wrote, and one that kills its process does not get a second; they end when they have been idle
    for a while, and give their memory back. `strict` is a third lane of one process, for what a client wrote and may
    never end: seconds for each task, and no second try.
    """

    def __init__(
        self,
        count: int = 1,
        max_queue: int = 256,
        *,
        batch_timeout_s: float = 60.0,
        batch_memory_mb: int = 2048,
        warm: tuple[Callable[..., Any], tuple[Any, ...]] | None = None,
    ) -> None:
        self.interactive = Lane("interactive", count, max_queue, Limits(timeout_s=30.0, retry=True), warm)
        batch = Limits(timeout_s=batch_timeout_s, memory_mb=batch_memory_mb, idle_s=30.0, nice=10, patience=5)
        self.batch = Lane("batch", count, max_queue, batch)
        self.strict = Lane("strict", 1, max_queue, Limits(timeout_s=STRICT_S, memory_mb=STRICT_MB, idle_s=300.0))

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a module-level function in the interactive lane; see `Lane.run`."""
        return await self.interactive.run(function, *arguments)

    def start(self) -> None:
        """Start the interactive processes now, so that the first question finds them warm."""
        self.interactive.start()

    async def close(self) -> None:
        """End every process; tasks that were waiting or running fail with `Unavailable`."""
        await self.interactive.close()
        await self.batch.close()
        await self.strict.close()
