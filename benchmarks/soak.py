"""Ten minutes at constant load: does anything grow?

    python -m benchmarks.soak [--minutes 10] [--rate 20]

The sample company behind a real gateway, its tiers quoting and replaying; two requests in three are streamed, one in
ten is left in the middle. Resident memory of the gateway and its children is read every second; the slope over the
second half is printed with its interval, and open files and threads with their first and last count.
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
    """MiB of the gateway alone, and of its children together."""
    children = process.children(recursive=True)
    return process.memory_info().rss / 2**20, sum(c.memory_info().rss for c in children) / 2**20


def slope(samples: list[tuple[float, float]]) -> dict[str, float]:
    """MiB per hour over the second half, with a 95 % interval from ten blocks (samples are correlated)."""
    half = np.array(samples[len(samples) // 2 :])
    blocks = np.array_split(half, 10)
    points = np.array([block.mean(axis=0) for block in blocks if len(block)])
    (per_second, _), covariance = np.polyfit(points[:, 0], points[:, 1], 1, cov=True)
    error = 1.96 * float(np.sqrt(covariance[0, 0]))
    return {"mib_per_hour": round(float(per_second) * 3600, 2), "interval": round(error * 3600, 2)}


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
            return await soak(arguments, port, key, questions, psutil.Process(gateway.pid))
        finally:
            gateway.terminate()
            gateway.wait(20)


async def soak(
    arguments: argparse.Namespace, port: int, key: str, questions: list[str], process: psutil.Process
) -> dict[str, object]:
    statuses: dict[int, int] = {}
    alone: list[tuple[float, float]] = []
    children: list[tuple[float, float]] = []
    counts: list[tuple[int, int]] = []
    tasks: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
        status = await ask(port, key, questions[number % len(questions)], number)
        statuses[status] = statuses.get(status, 0) + 1

    started = time.perf_counter()
    number = 0
    while (elapsed := time.perf_counter() - started) < arguments.minutes * 60:
        while number < elapsed * arguments.rate and len(tasks) < 64:
            task = asyncio.create_task(one(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        if len(alone) < elapsed:
            mine, theirs = memory(process)
            alone.append((elapsed, mine))
            children.append((elapsed, theirs))
            counts.append((process.num_fds() if os.name == "posix" else 0, process.num_threads()))
        await asyncio.sleep(0.01)
    await asyncio.gather(*tasks)
    return {
        "minutes": arguments.minutes,
        "requests": number,
        "statuses": {str(k): v for k, v in statuses.items()},
        "gateway_mib": {
            "start": round(alone[10][1], 1),
            "end": round(alone[-1][1], 1),
            "peak": round(max(m for _, m in alone), 1),
        },
        "gateway_slope": slope(alone),
        "children_mib": {"start": round(children[10][1], 1), "end": round(children[-1][1], 1)},
        "children_slope": slope(children),
        "open_files": {"start": counts[10][0], "end": counts[-1][0]},
        "threads": {"start": counts[10][1], "end": counts[-1][1]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=20, help="requests per second")
    keep("soak", asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
