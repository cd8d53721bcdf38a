"""What palier costs its embedded tier: tokens/s through the whole gateway against the very same engine asked directly.

    python -m benchmarks.engine [--tokens 64] [--error 0.03] [--rounds 100]

Both ask one and the same child process by HTTP, in turns, so that a slow minute of the machine hits both; rounds go on
until the ratio is known to within `--error` (95 %), or there were `--rounds`. The floor is 0.95, alone and four at once.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from benchmarks.results import keep
from palier import Palier
from palier.models import weights
from palier.models.engine import Engine
from palier.server import http

WEIGHTS = "smollm2-135m"
QUESTION = "Write a long story about a lighthouse, its keeper and the sea."
FLOOR = 0.95


def body(tokens: int) -> dict[str, Any]:
    """The request that both sides make: greedy, and never stopped before its last token."""
    return {
        "model": "bench",
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": tokens,
        "temperature": 0.0,
        # The end-of-text tokens of SmolLM2 are forbidden, so that every answer has the same length.
        "logit_bias": {"0": -100.0, "2": -100.0},
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def ask(session: aiohttp.ClientSession, address: str, key: str, tokens: int) -> int:
    """Ask as a plain client would; how many tokens came."""
    headers = {"Authorization": f"Bearer {key}"}
    async with session.post(f"{address}/v1/chat/completions", json=body(tokens), headers=headers) as reply:
        count = 0
        async for line in reply.content:
            if line.startswith(b"data: {") and (usage := msgspec.json.decode(line[6:]).get("usage")):
                count = usage["completion_tokens"]
        return int(count)


async def speed(one: Callable[[], Awaitable[int]], at_once: int) -> float:
    """Tokens/s of `at_once` calls together."""
    start = time.perf_counter()
    counts = await asyncio.gather(*(one() for _ in range(at_once)))
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
        first, one, two, last = [await speed(call, at_once) for call in (direct, through, through, direct)]
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


CONFIG = """
data = "data"
[server]
port = 0
[models.small]
kind = "engine"
weights = "{weights}"
parallel = 4
[routes.bench]
tiers = [{{ model = "small", highest_label = "internal" }}]
"""


async def serve_gateway(config: Path) -> None:
    """A gateway that tells, on standard output, where it and its engine are and what opens them."""
    async with Palier.open(config) as p:
        await p.warm()
        engine = p.models["small"]
        assert isinstance(engine, Engine)
        child = engine._supervisor.child
        assert child is not None

        def ready(url: str) -> None:
            print(msgspec.json.encode([[url, p.key], [child.address, child.key]]).decode(), flush=True)

        await http.serve(p, ready=ready)


async def main(arguments: argparse.Namespace) -> dict[str, Any]:
    weights.pull(WEIGHTS)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "palier.toml"
        config.write_text(CONFIG.format(weights=WEIGHTS))
        command = [sys.executable, "-m", "benchmarks.engine", "--serve", str(config)]
        gateway = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        assert gateway.stdout is not None
        try:
            through, direct = msgspec.json.decode(await gateway.stdout.readline())
            return await measure(arguments, through, direct)
        finally:
            gateway.terminate()
            await gateway.wait()


async def measure(arguments: argparse.Namespace, through: list[str], direct: list[str]) -> dict[str, Any]:
    """`through` and `direct` are each an address and its key."""
    figures: dict[str, Any] = {"model": WEIGHTS, "tokens": arguments.tokens}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:

        def asking(address: str, key: str) -> Callable[[], Awaitable[int]]:
            return lambda: ask(session, address, key, arguments.tokens)

        await speed(asking(*through), 4)  # warm
        figures["runs"] = [
            await compare(asking(*direct), asking(*through), at_once, arguments.error, arguments.rounds)
            for at_once in (1, 4)
        ]
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--error", type=float, default=0.03)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve_gateway(options.serve))
    else:
        keep("engine", asyncio.run(main(options)))
