"""What a student in shadow costs those who are served: the same gateway with one in shadow and with none.

    python -m benchmarks.shadow_cost [--share 0.2] [--rate 20] [--seconds 4] [--rounds 24]

Both gateways serve a route whose tiers are a head on sentence embeddings and a scripted model, with everything recorded;
one of them puts a share of its requests to another head in shadow, which reads by the same encoder. Requests come one
after the other, at random moments, each in words of its own, so that none is remembered. Rounds alternate between the
two, so that a slow minute of the machine hits both. The intervals draw rounds anew, both of a pair together.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from benchmarks.gateway import Client, free_ports, wait_for
from benchmarks.results import keep
from palier.interfaces import Vectors
from palier.retrieval import sentence_model
from palier.stores.folder import DataFolder
from palier.stores.versions import SqliteVersions
from palier.training import heads
from palier.training.examples import Example, gathered
from palier.types import Label
from palier.versions import Version

CONFIG = """
data = "data-{name}"
[learning]
shadow = {share}
[server]
port = {port}
max_concurrent = 256
[models.intents]
kind = "head"
file = "own.head"
[models.large]
kind = "fake"
[routes.bench]
audit = 0
tiers = [{{ model = "intents", threshold = 0.0 }}, {{ model = "large", highest_label = "internal" }}]
"""
TOPICS = {"leave": ("cancel", "end", "stop"), "failure": ("broken", "down", "dead"), "price": ("cost", "much", "euros")}
THINGS = ("the box", "my fibre", "our line", "the modem")
DRAWS, SEED = 2_000, 7
PERCENTILES = {"p50_ms": 50, "p99_ms": 99}


def head() -> bytes:
    """A small head."""
    rows = [
        Example(text=f"please {words[i % 3]} {THINGS[i % 4]} number {i}", label=topic)
        for topic, words in TOPICS.items()
        for i in range(20)
    ]

    def embed(texts: Sequence[str]) -> Vectors:
        return sentence_model.embed(list(texts))

    encoder = sentence_model.name()
    return heads.teach(gathered(rows), embed, encoder, reads=("embedding",), ridges=(0.1,)).content


async def put_in_shadow(folder: Path, content: bytes) -> None:
    """A version of the route that passed."""
    data = DataFolder(folder).prepared()
    version = Version(
        id="head-shadow",
        route="bench",
        tier="tier-1",
        student="head",
        files={"student.head": hashlib.sha256(content).hexdigest()},
        label=Label.PUBLIC,
        created=time.time(),
    )
    place = data.students / version.id
    place.mkdir(parents=True)
    (place / "student.head").write_bytes(content)
    versions = SqliteVersions.open(data.state)
    await versions.add(version)
    await versions.shadow(version.id, {"passed": True})
    await versions.close()


@contextlib.contextmanager
def gateways(folder: Path, ports: dict[str, int], share: float) -> Iterator[None]:
    """Both, each a process on the first core; the load has the second."""
    started = []
    try:
        for name, port in ports.items():
            config = folder / f"{name}.toml"
            config.write_text(CONFIG.format(name=name, port=port, share=share if name == "shadow" else 0.0))
            command = [sys.executable, "-m", "palier", "serve", "--config", str(config)]
            started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            with contextlib.suppress(AttributeError, OSError):
                os.sched_setaffinity(started[-1].pid, {0})
        with contextlib.suppress(AttributeError, OSError):
            os.sched_setaffinity(0, {1})
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(15)


async def paced(port: int, key: str, seconds: float, rate: float, drawn: random.Random) -> list[float]:
    """Milliseconds of requests that come one after the other, at random moments."""
    client = Client(port, "/v1/chat/completions", key, b"")
    await client.open()
    took = []
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop:
        words = f"please {drawn.choice(list(TOPICS))} {drawn.choice(THINGS)} number {drawn.random()}"
        body = json.dumps({"model": "bench", "messages": [{"role": "user", "content": words}]}).encode()
        client.request = Client(port, "/v1/chat/completions", key, body).request
        took.append((await client.exchange())[1] * 1000)
        await asyncio.sleep(drawn.expovariate(rate))
    client.writer.close()
    return took


def shadowed(port: int, key: str) -> dict[str, int]:
    """What became of the requests that were put to the student, so far."""
    page = httpx2.get(f"http://127.0.0.1:{port}/metrics", headers={"authorization": f"Bearer {key}"}).text
    rows = re.findall(r'^palier_shadow_requests_total\{.*outcome="(\w+)"\} (\d+)', page, re.MULTILINE)
    return {outcome: int(count) for outcome, count in rows}


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    ports = dict(zip(("alone", "shadow"), free_ports(2), strict=True))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        content = head()
        (folder / "own.head").write_bytes(content)
        for name in ports:
            await put_in_shadow(folder / f"data-{name}", content)
        with gateways(folder, ports, arguments.share):
            for port in ports.values():
                await ready(port)
            keys = {name: (folder / f"data-{name}" / "key").read_text().strip() for name in ports}
            rounds = await by_turns(ports, keys, arguments)
            done = shadowed(ports["shadow"], keys["shadow"])
    return {
        "share": arguments.share,
        "rate": arguments.rate,
        "requests": {name: sum(map(len, some)) for name, some in rounds.items()},
        **compared(rounds),
        "put_to_the_student": done,
    }


async def ready(port: int) -> None:
    """A busy machine takes its time to start two of them."""
    for _ in range(4):
        with contextlib.suppress(RuntimeError):
            await wait_for(port)
            return
    raise RuntimeError(f"nothing listens on port {port}")


async def by_turns(
    ports: dict[str, int], keys: dict[str, str], arguments: argparse.Namespace
) -> dict[str, list[list[float]]]:
    drawn = random.Random(SEED)
    rounds: dict[str, list[list[float]]] = {"alone": [], "shadow": []}

    async def once(name: str, seconds: float) -> list[float]:
        return await paced(ports[name], keys[name], seconds, arguments.rate, drawn)

    for name in rounds:
        await once(name, 3)
    for turn in range(arguments.rounds):
        for name in sorted(rounds, reverse=bool(turn % 2)):
            rounds[name].append(await once(name, arguments.seconds))
    return rounds


def compared(rounds: dict[str, list[list[float]]]) -> dict[str, Any]:
    """Percentiles of each side, and by how much they differ, with 95 % intervals."""
    rng, count = np.random.default_rng(SEED), len(rounds["alone"])
    draws = [rng.integers(0, count, count) for _ in range(DRAWS)]
    found: dict[str, Any] = {name: {} for name in (*rounds, "difference")}

    def of(name: str, q: float, places: Any) -> float:
        return float(np.percentile(np.concatenate([rounds[name][n] for n in places]), q))

    for figure, q in PERCENTILES.items():
        drawn = {name: np.array([of(name, q, places) for places in draws]) for name in rounds}
        whole = {name: of(name, q, range(count)) for name in rounds}
        drawn["difference"] = drawn["shadow"] - drawn["alone"]
        whole["difference"] = whole["shadow"] - whole["alone"]
        for name, value in whole.items():
            low, high = np.percentile(drawn[name], (2.5, 97.5))
            found[name][figure] = {"value": round(value, 2), "low": round(low, 2), "high": round(high, 2)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.2, help="of the requests, put to the student (0.2)")
    parser.add_argument("--rate", type=float, default=20.0, help="pauses a second (20)")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=24)
    keep("shadow_cost", asyncio.run(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
