"""What a student in shadow costs those who are served: the same gateway with one in shadow and with none.

    python -m benchmarks.shadow_cost [--seconds 4] [--rounds 12]

Both gateways serve a route whose only tiers are a head and a scripted model, with everything recorded; one of them puts
every request (a share of 1, five times the default) to another head in shadow. Rounds alternate between the two, so
that a slow minute of the machine hits both. `paced`: twenty requests a second, one after the other, so that every
request may meet the shadow of the one before. `full`: 32 connections that ask again at once: shadows are to be dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from benchmarks.gateway import Client, free_ports, load, wait_for
from benchmarks.results import keep, mean_and_error
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
BODY = b'{"model":"bench","messages":[{"role":"user","content":"please cancel the box number 3"}]}'
TOPICS = {"leave": ("cancel", "end", "stop"), "failure": ("broken", "down", "dead"), "price": ("cost", "much", "euros")}
THINGS = ("the box", "my fibre", "our line", "the modem")
GAP_S = 0.05


def head() -> bytes:
    """A small head: by n-grams, so that what is measured is the gateway and not an encoder."""
    rows = [
        Example(text=f"please {words[i % 3]} {THINGS[i % 4]} number {i}", label=topic)
        for topic, words in TOPICS.items()
        for i in range(20)
    ]
    embed = sentence_model.embed
    return heads.teach(
        gathered(rows), lambda texts: embed(list(texts)), "none", reads=("ngrams",), ridges=(0.1,)
    ).content


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
def gateways(folder: Path, ports: dict[str, int]):  # type: ignore[no-untyped-def]
    """Both, each a process on the first core; the load has the second."""
    started = []
    try:
        for name, port in ports.items():
            config = folder / f"{name}.toml"
            config.write_text(CONFIG.format(name=name, port=port, share=float(name == "shadow")))
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


async def paced(port: int, key: str, seconds: float) -> dict[str, float]:
    """Milliseconds of requests that come one after the other, `GAP_S` apart."""
    client = Client(port, "/v1/chat/completions", key, BODY)
    await client.open()
    took = []
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop:
        took.append((await client.exchange())[1] * 1000)
        await asyncio.sleep(GAP_S)
    client.writer.close()
    return {"p50_ms": float(np.percentile(took, 50)), "p99_ms": float(np.percentile(took, 99))}


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
        with gateways(folder, ports):
            for port in ports.values():
                await wait_for(port)
            keys = {name: (folder / f"data-{name}" / "key").read_text().strip() for name in ports}
            figures: dict[str, Any] = {}
            for kind in ("paced", "full"):
                before = shadowed(ports["shadow"], keys["shadow"])
                figures[kind] = await compare(kind, ports, keys, arguments)
                after = shadowed(ports["shadow"], keys["shadow"])
                figures[kind]["put_to_the_student"] = {
                    name: count - before.get(name, 0) for name, count in after.items()
                }
    return figures


async def compare(
    kind: str, ports: dict[str, int], keys: dict[str, str], arguments: argparse.Namespace
) -> dict[str, Any]:
    async def once(name: str, seconds: float) -> dict[str, float]:
        if kind == "paced":
            return await paced(ports[name], keys[name], seconds)
        return await load(ports[name], "/v1/chat/completions", keys[name], BODY, 32, seconds)

    rounds: dict[str, list[dict[str, float]]] = {"alone": [], "shadow": []}
    for name in rounds:
        await once(name, 2)
    for turn in range(arguments.rounds):
        for name in sorted(rounds, reverse=bool(turn % 2)):
            rounds[name].append(await once(name, arguments.seconds))
    pairs = list(zip(rounds["alone"], rounds["shadow"], strict=True))
    kept = [name for name in rounds["alone"][0] if name != "first_p50_ms"]
    return {
        **{name: {k: mean_and_error([r[k] for r in some]) for k in kept} for name, some in rounds.items()},
        "ratio": {k: mean_and_error([b[k] / a[k] for a, b in pairs]) for k in kept},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=12)
    keep("shadow_cost", asyncio.run(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
