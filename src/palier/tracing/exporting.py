"""Spans on their way to a collector: gathered, sent in batches, tried again, dropped before anything waits for them.

No request waits for a collector, nor fails with it. What is not sent yet is bounded: beyond that the oldest go, and are
counted. What is kept here, in the stores, does not depend on any of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

import msgspec

from palier.config import Telemetry
from palier.errors import PalierError
from palier.tracing.spans import JSON, batch, sampled, spans_of
from palier.types import Trace

log = logging.getLogger("palier.tracing")

MOST = 5_000
"""Requests that wait to be sent."""
BATCH = 100
RETRY_S, LONGEST_S = 5.0, 300.0
"""After a failure, and twice as long after each further one, up to the second."""
LAST_S = 3.0
"""How long what is left may take when palier stops."""
_AGAIN = frozenset({408, 429, 502, 503, 504})
"""Statuses after which OTLP sends again."""

Post = Callable[[bytes], Awaitable[int]]
"""POST an export request through the connector; the status."""
Became = Literal["sent", "dropped", "refused"]


class Exporter:
    """Takes traces, and sends their spans. `became` counts what came of requests."""

    def __init__(self, settings: Telemetry, providers: Mapping[str, str], post: Post, version: str) -> None:
        self.became: Counter[Became] = Counter()
        self.failing = ""
        """Why nothing was sent the last time; empty where it was."""
        self._settings = settings
        self._providers = providers
        self._post = post
        self._version = version
        self._waiting: deque[list[JSON]] = deque()
        self._task: asyncio.Task[None] | None = None

    def take(self, trace: Trace) -> None:
        """Gather its spans, unless who asked says that nothing of it is kept."""
        if not sampled(trace):
            return
        content = self._settings.highest_label if self._settings.content else None
        self._waiting.append(spans_of(trace, self._providers, content=content))
        if len(self._waiting) > MOST:
            self._waiting.popleft()
            self.became["dropped"] += 1

    def start(self) -> None:
        """Send until `stop`."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_sending(), name="palier-tracing")

    async def stop(self) -> None:
        """Send what is left, if that goes quickly."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        try:
            async with asyncio.timeout(LAST_S):
                while self._waiting and await self._send():
                    pass
        except TimeoutError:
            pass
        if self._waiting:
            log.warning(
                "spans of %d requests were not sent: %s", len(self._waiting), self.failing or "no time was left"
            )

    async def _keep_sending(self) -> None:
        wait_s = RETRY_S
        while True:
            await asyncio.sleep(self._settings.every_s)
            while self._waiting:
                if await self._send():
                    wait_s = RETRY_S
                    continue
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, LONGEST_S)

    async def _send(self) -> bool:
        """One batch; False where it is to be tried again."""
        some = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        body = msgspec.json.encode(batch([span for spans in some for span in spans], self._version))
        try:
            status = await self._post(body)
        except asyncio.CancelledError:
            self._back(some)
            raise
        except (PalierError, OSError) as error:
            return self._failed(str(error), some)
        except Exception as error:
            log.exception("spans could not be sent")
            return self._failed(type(error).__name__, some)
        if status in _AGAIN:
            return self._failed(f"the collector answered {status}", some)
        if not 200 <= status < 300:
            self.became["refused"] += len(some)
            self._say(f"the collector refused {len(some)} requests with {status}")
            return True
        self.became["sent"] += len(some)
        self.failing = ""
        return True

    def _failed(self, why: str, some: Sequence[list[JSON]]) -> bool:
        self._back(some)
        self._say(why)
        return False

    def _back(self, some: Sequence[list[JSON]]) -> None:
        """To the front again, as far as there is room: the oldest go first."""
        room = max(MOST - len(self._waiting), 0)
        kept = list(some)[len(some) - room :] if room < len(some) else list(some)
        if lost := len(some) - len(kept):
            self.became["dropped"] += lost
        self._waiting.extendleft(reversed(kept))

    def _say(self, why: str) -> None:
        if why != self.failing:
            log.warning("spans are not sent: %s", why)
        self.failing = why
