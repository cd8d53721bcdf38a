"""The most requests a second within a latency limit: so many clients that each asks again as soon as it is answered,
first 1, then 2, 4, 8..., until the slow answers take longer than they may.

A closed loop on this machine: the clients wait for answers, so that what it finds is what such clients get, and an
upper figure for requests that come whatever became of those before. Nothing of it is kept but the figures.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from palier.cases import Outcome
from palier.errors import ConfigurationError
from palier.evals.figures import Throughput
from palier.evals.runs.asking import Asker, ask
from palier.types import Request

QUANTILE = 0.95
MOST_CLIENTS = 64
FAILED_SHARE = 0.01
"""Of a step that counts, at most so many of the requests failed."""
STEP_S, LONGEST_STEP_S = 5.0, 30.0
"""How long a step takes: the first, or until there are `ENOUGH` answers, but not longer than the second."""
ENOUGH = 40
"""Answers by which the quantile is more than the slowest of them."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a step takes, and how many answers it needs."""

    step_s: float = STEP_S
    longest_s: float = LONGEST_STEP_S
    enough: int = ENOUGH


async def throughput(
    asker: Asker,
    requests: Sequence[Callable[[], Request]],
    limit_ms: float,
    *,
    timeout_s: float = 300.0,
    pace: Pace = Pace(),
    told: Callable[[int, float, float], None] = lambda clients, rate, latency: None,
) -> Throughput:
    """Of one candidate, over its cases again and again. `told` hears (clients, requests a second, ms) of each step.

    A request that fails counts as one that never came back: too many of them, and the step does not count.
    """
    asking = itertools.cycle(requests)
    steps = []
    best: tuple[float, int] | None = None
    clients = 1
    while clients <= MOST_CLIENTS:
        started = time.perf_counter()
        outcomes = await _step(asker, asking, clients, pace, timeout_s)
        seconds = time.perf_counter() - started
        failed = sum(outcome.status == "failed" for outcome in outcomes)
        latency = _quantile(outcomes)
        rate = (len(outcomes) - failed) / seconds
        holds = latency <= limit_ms and failed <= FAILED_SHARE * len(outcomes)
        steps.append(
            {
                "concurrency": clients,
                "per_second": rate,
                "latency_ms": latency if math.isfinite(latency) else None,
                "failed": failed,
                "asked": len(outcomes),
            }
        )
        told(clients, rate, latency)
        if not holds:
            break
        if best is None or rate > best[0]:
            best = rate, clients
        clients *= 2
    return Throughput(
        limit_ms=limit_ms,
        quantile=QUANTILE,
        per_second=best[0] if best else None,
        concurrency=best[1] if best else None,
        steps=tuple(steps),
    )


async def _step(
    asker: Asker, asking: Iterator[Callable[[], Request]], clients: int, pace: Pace, timeout_s: float
) -> list[Outcome]:
    """What came back of `clients` that each ask again at once, those included that were on their way at the end."""
    outcomes: list[Outcome] = []
    started = time.perf_counter()

    async def client() -> None:
        while True:
            outcomes.append(await ask(asker, next(asking)(), timeout_s, read=False))
            passed = time.perf_counter() - started
            if passed >= pace.longest_s or (passed >= pace.step_s and len(outcomes) >= pace.enough):
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    return outcomes


def _quantile(outcomes: Sequence[Outcome]) -> float:
    """Milliseconds that `QUANTILE` of the requests took at most; a failed one took for ever."""
    took = sorted(
        math.inf if outcome.status == "failed" or outcome.latency_ms is None else outcome.latency_ms
        for outcome in outcomes
    )
    return took[math.ceil(QUANTILE * len(took)) - 1]


def limit(text: str) -> float:
    """Milliseconds of `2s`, `500ms`, `1.5 s`. Raises `ConfigurationError`."""
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s)\s*", text)
    value = float(found[1]) * (1.0 if found[2] == "ms" else 1000.0) if found else 0.0
    if value <= 0:
        raise ConfigurationError(f"`{text}` is no latency", hint="2s, 500ms")
    return value
