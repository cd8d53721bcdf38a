"""The most requests a second within a latency limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from tests.installation import Scripted, entrant, suite

from palier.errors import ConfigurationError
from palier.evals.figures import Throughput
from palier.evals.runs import running
from palier.evals.runs.throughput import MOST_CLIENTS, Pace, limit, throughput
from palier.types import Completed, Event, Request

QUICK = Pace(step_s=0.03, longest_s=0.3, enough=8)


async def found(asker: Scripted, limit_ms: float, *inputs: str) -> Throughput:
    asked = suite(*inputs)
    requests = [running.pose(asked, entrant(), case, asker).request for case in asked.cases]
    return await throughput(asker, requests, limit_ms, pace=QUICK)


class OneAtATime(Scripted):
    """Each request waits for all that came before it."""

    def __init__(self) -> None:
        super().__init__()
        self._place = asyncio.Lock()

    async def stream(self, request: Request) -> AsyncGenerator[Event | Completed, None]:
        async with self._place:
            await asyncio.sleep(0.005)
            async for event in super().stream(request):
                yield event


async def test_more_clients_are_tried_until_the_slow_answers_take_too_long() -> None:
    made = await found(OneAtATime(), 30.0, "a", "b")
    tried = [step["concurrency"] for step in made.steps]
    assert tried == [2**n for n in range(len(tried))]
    assert made.steps[-1]["latency_ms"] > 30.0
    assert made.concurrency in tried[:-1]
    assert made.per_second is not None
    assert 50 < made.per_second < 200


async def test_failures_never_came_back() -> None:
    made = await found(Scripted(), 1000.0, "a", "down")
    assert (made.per_second, made.concurrency) == (None, None)
    assert made.steps[0]["failed"] > 0
    assert made.steps[0]["latency_ms"] is None


async def test_it_ends_where_clients_are_enough() -> None:
    made = await found(Scripted(takes_s=0.001), 10_000.0, "a")
    assert made.steps[-1]["concurrency"] == MOST_CLIENTS


def test_limits_in_words() -> None:
    assert [limit(text) for text in ("2s", "500ms", "1.5 s")] == [2000.0, 500.0, 1500.0]
    for wrong in ("2", "fast", "0s", "-1s"):
        with pytest.raises(ConfigurationError):
            limit(wrong)
