"""Ten minutes at constant load: does anything grow?

    python -m benchmarks.soak [--minutes 10] [--rate 20] [--warm-up 60000]

The sample company behind a real gateway, its tiers quoting and replaying; two requests in three are streamed, one in
ten is left in the middle. First a warm-up of so many requests, 64 at once and as fast as they go: every cache that has
a bound fills to it (the slowest are the interpreter's free tuples, 2,000 of each length), and the allocators see as many
requests at once as they ever will here. Then the constant load, and after its first minute the memory of the gateway and
of its children every second. Open files and threads are given with their first and last count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.gateway import free_ports, wait_for
from benchmarks.results import ROOT, keep

ARMORIQUE = ROOT / "examples" / "armorique"
AT_ONCE = 64
"""Requests in flight at most; more than come together at a rate that the gateway can bear."""
SETTLE_S = 60
"""Of constant load before it is measured: what the warm-up took and is not needed any more goes back."""
PARTS = 20
STUDENT = 2.101
"""The 97.5th percentile of Student's t for the 18 degrees of freedom of 19 differences."""
CONFIG = """
data = "data"
[server]
port = {port}
[models.quote]
kind = "extract"
[models.teacher]
kind = "recorded"
file = "{teacher}"
[routes.support]
collections = ["armorique"]
[[routes.support.tiers]]
model = "quote"
threshold = 0.6
[[routes.support.tiers]]
model = "teacher"
highest_label = "internal"
"""


async def ask(port: int, key: str, question: str, number: int) -> int:
    """One exchange; its HTTP status."""
    body = json.dumps(
        {
            "model": "support",
            "stream": number % 3 != 0,
            "messages": [{"role": "user", "content": question}],
        }
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    status = int((await reader.readline()).split()[1])
    if number % 10:
        await reader.read()
    writer.close()
    return status


def memory(process: psutil.Process) -> tuple[float, float]:
    """MiB of resident memory of the gateway alone, and of its children together."""
    children = process.children(recursive=True)
    return _resident(process), sum(map(_resident, children))


def _resident(process: psutil.Process) -> float:
    """Exact where the system tells: /proc/PID/statm is some 0.2 MiB off on recent kernels, and psutil reads that.

    The memory a process has for itself would not do: it jumps as others come and go that map the same libraries.
    """
    rollup = Path(f"/proc/{process.pid}/smaps_rollup")
    if not rollup.exists():
        return float(process.memory_info().rss) / 2**20
    lines = rollup.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Rss:")) / 2**10


def growth(samples: list[tuple[float, float]]) -> dict[str, float | bool]:
    """MiB an hour with a 95 % interval, and whether it grows: whether that interval is above 0.

    From the means of 20 parts of the time, one after the other, by Student's t of their 19 differences. The memory of
    a process moves by steps that stay, so that the distances to a straight line are no independent errors, and the
    interval of a fitted slope is far too narrow; differences are independent where such steps are.
    """
    parts = np.array([part.mean(axis=0) for part in np.array_split(np.array(samples), PARTS)])
    steps = np.diff(parts[:, 1])
    an_hour = 3600 / float(np.diff(parts[:, 0]).mean())
    mean, error = float(steps.mean()), STUDENT * float(steps.std(ddof=1)) / len(steps) ** 0.5
    return {
        "mib_per_hour": round(mean * an_hour, 2),
        "interval": round(error * an_hour, 2),
        "grows": mean - error > 0,
    }


async def run(arguments: argparse.Namespace) -> dict[str, object]:
    questions = [json.loads(line)["question"] for line in (ARMORIQUE / "teacher.jsonl").read_text().splitlines()]
    port = free_ports(1)[0]
    with tempfile.TemporaryDirectory() as temporary:
        config = Path(temporary) / "palier.toml"
        config.write_text(CONFIG.format(port=port, teacher=ARMORIQUE / "teacher.jsonl"))
        palier = [sys.executable, "-m", "palier"]
        for label in ("public", "internal"):
            folder = str(ARMORIQUE / "documents" / label)
            command = [
                *palier,
                "ingest",
                folder,
                "--collection",
                "armorique",
                "--label",
                label,
                "--config",
                str(config),
            ]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        gateway = subprocess.Popen([*palier, "serve", "--config", str(config)], stdout=subprocess.DEVNULL)
        try:
            await wait_for(port)
            key = (Path(temporary) / "data" / "key").read_text().strip()
            warmed = await warm_up(Load(port, key, questions), arguments.warm_up)
            figures = await soak(arguments, Load(port, key, questions), psutil.Process(gateway.pid))
            return {"warm_up": warmed, **figures}
        finally:
            gateway.terminate()
            gateway.wait(20)


class Load:
    """Requests to the gateway, never more than `AT_ONCE` at a time, and what became of them."""

    def __init__(self, port: int, key: str, questions: list[str]) -> None:
        self._port = port
        self._key = key
        self._questions = questions
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.most = 0
        """In flight at once, at most."""
        self.statuses: dict[int, int] = {}

    def send_up_to(self, number: float) -> None:
        """Send until so many are sent, as far as there is room."""
        while self.sent < number and len(self._tasks) < AT_ONCE:
            task = asyncio.create_task(self._one(self.sent))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self.sent += 1
        self.most = max(self.most, len(self._tasks))

    async def end(self) -> None:
        """Wait for all that is in flight."""
        await asyncio.gather(*self._tasks)

    async def _one(self, number: int) -> None:
        status = await ask(self._port, self._key, self._questions[number % len(self._questions)], number)
        self.statuses[status] = self.statuses.get(status, 0) + 1


async def warm_up(load: Load, requests: int) -> dict[str, float]:
    """Send `requests` as fast as they go."""
    started = time.perf_counter()
    while load.sent < requests:
        load.send_up_to(requests)
        await asyncio.sleep(0.005)
    await load.end()
    return {"requests": requests, "seconds": round(time.perf_counter() - started, 1), "at_once": load.most}


async def soak(arguments: argparse.Namespace, load: Load, process: psutil.Process) -> dict[str, object]:
    alone: list[tuple[float, float]] = []
    children: list[tuple[float, float]] = []
    counts: list[tuple[int, int]] = []
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < SETTLE_S + arguments.minutes * 60:
        load.send_up_to(elapsed * arguments.rate)
        if len(alone) <= elapsed - SETTLE_S:
            mine, theirs = memory(process)
            alone.append((elapsed, mine))
            children.append((elapsed, theirs))
            counts.append((process.num_fds() if os.name == "posix" else 0, process.num_threads()))
        await asyncio.sleep(0.01)
    await load.end()
    return {
        "minutes": arguments.minutes,
        "requests": load.sent,
        "at_once": load.most,
        "statuses": {str(k): v for k, v in load.statuses.items()},
        "gateway_mib": _ends(alone),
        "gateway_growth": growth(alone),
        "children_mib": _ends(children),
        "children_growth": growth(children),
        "open_files": {"start": counts[0][0], "end": counts[-1][0]},
        "threads": {"start": counts[0][1], "end": counts[-1][1]},
        "every_half_minute_mib": [round(m, 2) for _, m in alone[::30]],
    }


def _ends(samples: list[tuple[float, float]]) -> dict[str, float]:
    values = [value for _, value in samples]
    return {"start": round(values[0], 1), "end": round(values[-1], 1), "peak": round(max(values), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=20, help="requests per second")
    parser.add_argument("--warm-up", type=int, default=60000, help="requests before anything is measured")
    keep("soak", asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
