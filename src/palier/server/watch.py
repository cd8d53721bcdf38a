"""Requests at work, looked after: their time is limited, and their clients are watched.

One timer serves all of them, and looks at a request only from its second look on: most are answered by then, and under
load a timer and a task for each would cost as much as the rest of a short request here.
"""

from __future__ import annotations

import asyncio

from starlette.types import Receive

TICK_S = 0.1
"""Seconds between two looks: who leaves, or takes too long, is noticed after twice that at most."""


class Watch:
    """One request, the work of the current task, which is cancelled when its client leaves or its time is over."""

    def __init__(self, ends: float) -> None:
        self.left = self.late = False
        """Whether the client left, and whether the time was over."""
        self.over = False
        self._ends = ends
        self._worker = asyncio.current_task()
        self._receive: Receive | None = None
        self._begun = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def reading(self) -> bool:
        """Whether the body is still being read."""
        return self._receive is None

    def listen(self, receive: Receive) -> None:
        """The body is read: what `receive` gives from now on is that the client left."""
        self._receive = receive
        if self._begun:
            self._task = asyncio.create_task(self._wait(receive))

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """The request takes its time."""
        self._begun = True
        self._timer = loop.call_at(self._ends, self._expire)
        if self._receive is not None:
            self._task = asyncio.create_task(self._wait(self._receive))

    def stop(self) -> None:
        """The work is done.

        What is cancelled is let go too: a cancelled task holds its error, whose frames hold this watch, and with it all
        of the request and its connection.
        """
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self._worker = self._task = self._timer = None

    def ended(self) -> bool:
        """Whether this watch cancelled the work, and nobody else did: to be asked once, when it is cancelled."""
        if self._worker is None or not (self.left or self.late):
            return False
        return self._worker.uncancel() == 0

    async def _wait(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if not self.late:
            self.left = True
            self._cancel()

    def _expire(self) -> None:
        if not self.left:
            self.late = True
            self._cancel()

    def _cancel(self) -> None:
        if not self.over and self._worker is not None:
            self._worker.cancel()


class Patrol:
    """Looks after all requests of a gateway, each of which may take `limit_s`."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._new: list[Watch] = []
        self._seen: list[Watch] = []
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> Watch:
        """Look after the request that the current task works on, until `stop`."""
        loop = asyncio.get_running_loop()
        watch = Watch(loop.time() + self.limit_s)
        self._new.append(watch)
        if self._timer is None:
            self._timer = loop.call_later(TICK_S, self._look, loop)
        return watch

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        for watch in self._seen:
            if not watch.over:
                watch.begin(loop)
        self._seen, self._new = self._new, []
        self._timer = loop.call_later(TICK_S, self._look, loop) if self._seen else None
