"""What palier's engine tier costs: tokens/s through `Engine` against the very same engine asked directly.

    python -m benchmarks.engine [--tokens 64] [--error 0.03] [--rounds 100]

Both ask one and the same child process, in turns, so that a slow minute of the machine hits both; rounds go on until the
ratio is known to within `--error` (95 %), or there were `--rounds`. The floor is 0.95, alone and four at once.
`ask_directly` is what another benchmark compares a whole gateway with.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from benchmarks.results import keep
from palier.config import Model as Settings
from palier.interfaces import Resources
from palier.models import engine, weights
from palier.models.engine import Engine
from palier.privacy.connector import HttpConnector
from palier.types import Message, Metered, Parameters, Prompt

WEIGHTS = "smollm2-135m"
QUESTION = "Write a long story about a lighthouse, its keeper and the sea."
FLOOR = 0.95


def body(tokens: int) -> dict[str, Any]:
    """The request that both sides make: greedy, and never stopped before its last token."""
    return {
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": tokens,
        "temperature": 0.0,
        # The end-of-text tokens of SmolLM2 are forbidden, so that every answer has the same length.
        "logit_bias": {"0": -100.0, "2": -100.0},
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def ask_directly(session: aiohttp.ClientSession, address: str, key: str, tokens: int) -> int:
    """Ask an engine (or whatever speaks its wire) as a plain client would; how many tokens came."""
    headers = {"Authorization": f"Bearer {key}"}
    async with session.post(f"{address}/v1/chat/completions", json=body(tokens), headers=headers) as reply:
        count = 0
        async for line in reply.content:
            if line.startswith(b'data: {"choices":[]'):
                count = msgspec.json.decode(line[6:])["usage"]["completion_tokens"]
        return count


async def ask_palier(model: Engine, tokens: int) -> int:
    """The same through palier; how many tokens came."""
    wanted = body(tokens)
    parameters = Parameters(max_tokens=tokens, temperature=0.0, logit_bias=wanted["logit_bias"])
    prompt = Prompt(id="bench", messages=(Message(role="user", content=QUESTION),), parameters=parameters)
    count = 0
    async for event in model.stream(prompt):
        if isinstance(event, Metered):
            count = event.usage.completion
    return count


async def speed(ask: Callable[[], Awaitable[int]], at_once: int) -> float:
    """Tokens/s of `at_once` calls together."""
    start = time.perf_counter()
    counts = await asyncio.gather(*(ask() for _ in range(at_once)))
    return sum(counts) / (time.perf_counter() - start)


def interval(ratios: list[float]) -> float:
    """Half of the 95 % interval of the mean."""
    return 1.96 * statistics.stdev(ratios) / len(ratios) ** 0.5 if len(ratios) > 1 else float("inf")


async def compare(
    direct: Callable[[], Awaitable[int]], through: Callable[[], Awaitable[int]], at_once: int, error: float, rounds: int
) -> dict[str, Any]:
    """Rounds of direct, palier, palier, direct: each gives one ratio in which a drift of the machine cancels."""
    ratios: list[float] = []
    speeds: dict[str, list[float]] = {"direct": [], "palier": []}
    while len(ratios) < 5 or (interval(ratios) > error and len(ratios) < rounds):
        first, one, two, last = [await speed(ask, at_once) for ask in (direct, through, through, direct)]
        ratios.append((one + two) / (first + last))
        speeds["direct"] += [first, last]
        speeds["palier"] += [one, two]
        print(f"{at_once} at once, round {len(ratios)}: {ratios[-1]:.3f}", file=sys.stderr)
    mean = statistics.fmean(ratios)
    return {
        "at_once": at_once,
        "ratio": round(mean, 4),
        "interval_95": [round(mean - interval(ratios), 4), round(mean + interval(ratios), 4)],
        "rounds": len(ratios),
        "tokens_per_s": {side: round(statistics.fmean(values), 2) for side, values in speeds.items()},
        "floor": FLOOR,
        "passed": mean >= FLOOR,
    }


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    connector = HttpConnector()
    weights.pull(WEIGHTS)
    settings = Settings(kind="engine", weights=WEIGHTS, parallel=4)
    model = engine.build("bench", settings, Resources(connector, None, None, Path(), Path))  # type: ignore[arg-type]
    start = time.perf_counter()
    await model.start()
    figures: dict[str, Any] = {"model": WEIGHTS, "tokens": arguments.tokens}
    figures["ready_s"] = round(time.perf_counter() - start, 2)
    child = model._supervisor.child
    assert child is not None
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:

        def direct() -> Awaitable[int]:
            return ask_directly(session, child.address, child.key, arguments.tokens)

        def through() -> Awaitable[int]:
            return ask_palier(model, arguments.tokens)

        await speed(direct, 4)  # warm
        figures["runs"] = [
            await compare(direct, through, at_once, arguments.error, arguments.rounds) for at_once in (1, 4)
        ]
    await model.close()
    await connector.close()
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--error", type=float, default=0.03)
    parser.add_argument("--rounds", type=int, default=100)
    keep("engine", asyncio.run(main(parser.parse_args())))
