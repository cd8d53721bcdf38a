"""A store of a million traces: what looking at it takes, what recording another one does, and what retention leaves.

    python -m benchmarks.million_traces [--traces 1000000] [--rounds 80] [--seconds 3] [--rate 500]

The traces are made: 90 days of four routes of three tiers, twenty keys, a thousand users, in the order of time; words
are kept of the last 30 days. What people look at is measured twice: the store alone, and whole pages of the console, as
a browser gets them.

What recording costs is measured twice too. In a gateway before an upstream, at a steady rate, that records into the
store of a million and records nothing, in turns; the difference is of the processor's time of the whole process, and of
the time a request takes. (Two gateways, one of which records, differ by more than that for other reasons.) And alone:
the store records at that rate with nothing else at work, less what the same loop takes that records nothing; that is
set against what a request takes of the gateway that records nothing. The first says what there is at the rate that was
reached (`requests_per_s`), with the noise of a gateway; the second is more, for a processor that sleeps between records
does each of them out of empty caches.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import numpy as np
import psutil

from benchmarks.gateway import BODY, Client, free_ports, serve_upstream, wait_for
from benchmarks.results import keep, mean_and_error
from palier.accounting import report
from palier.budgets import Budgets
from palier.config import Budget, Route, Tier
from palier.stores.audits import SqliteAudits
from palier.stores.hours import SqliteHours
from palier.stores.journal import MOVED_EVERY_S
from palier.stores.rows import Row, record
from palier.stores.traces import SqliteTraces
from palier.testing.traces import trace_of
from palier.types import Label, Message, Quantity, Trace, TraceContent

DAY_S = 86_400
DAYS, KEPT_DAYS = 90, 30
ROUTES = dict.fromkeys(("support", "desk", "contracts", "search"), ("tier-1", "tier-2", "tier-3"))
BATCH, REPEATS, CONNECTIONS = 512, 30, 32
ALONE = 12
"""Rounds at most with nothing else at work, which differ less."""
CONFIG = """
[server]
port = {port}
[models.upstream]
kind = "endpoint"
base_url = "http://127.0.0.1:{upstream}/v1"
model = "upstream"
on_premises = true
[routes.bench]
audit = 0
tiers = [{{ model = "upstream", highest_label = "internal" }}]
"""
STAIRS = """
[routes.{route}]
audit = 0
tiers = [{tiers}]
"""
PAGES = {
    "overview, 24 hours": "/console/overview?span=24h",
    "overview, 7 days": "/console/overview?span=7d",
    "overview, 30 days": "/console/overview?span=30d",
    "the newest 50": "/console/traces",
    "of one route that failed": "/console/traces?route=desk&status=failed",
    "of a route that is not there": "/console/traces?route=none&status=failed&tier=tier-1",
    "words that are in many": "/console/traces?q=Goeland",
    "words that are in none": "/console/traces?q=no+such+words",
    "words that are in none, of those that failed": "/console/traces?status=failed&q=no+such+words",
}
"""What people look at in the console."""


def made(number: int, of: int, now: float, chance: random.Random) -> Trace:
    """The trace `number` of so many, the last of them of now."""
    created = now - DAYS * DAY_S * (1 - number / of)
    climbed = chance.choices((0, 1, 2), (70, 25, 5))[0]
    status = chance.choices(("answered", "abstained", "failed"), (96, 3.9, 0.1))[0]
    route = chance.choice(list(ROUTES))
    words = f"Question {number}: what does the Goeland fibre cost each month, and until when?"
    content = TraceContent(
        label=Label.INTERNAL,
        expires=created + KEPT_DAYS * DAY_S,
        messages=(Message(role="user", content=words),),
        answer="It costs 29.99 euros a month, with television included, for twelve months [1]. " * 3,
    )
    name = f"chatcmpl-{int(created * 1000):012x}{chance.getrandbits(48):012x}"  # as ids.new_id: in the order of time
    bare = trace_of(name, created, route=route, status=status)
    steps = tuple(
        msgspec.structs.replace(bare.steps[0], tier=ROUTES[route][n], cost=Quantity(value=n * 0.001, basis="measured"))
        for n in range(climbed + 1)
    )
    return msgspec.structs.replace(
        bare,
        tier=ROUTES[route][climbed] if status == "answered" else None,
        principal=f"user-{chance.randrange(1000)}",
        key=f"key-{chance.randrange(20)}",
        steps=steps,
        answers=(f"{number:032x}",),
        content=content if content.expires > now else None,
        guards=(),
    )


def later(trace: Trace, created: float) -> Trace:
    """The same of another time, which its id tells, too."""
    name = f"chatcmpl-{int(created * 1000):012x}{trace.id[-12:]}"
    return msgspec.structs.replace(trace, id=name, created=created)


async def fill(store: SqliteTraces, count: int, now: float) -> dict[str, Any]:
    chance, writing, started = random.Random(7), 0.0, time.perf_counter()
    for start in range(0, count, BATCH):
        rows = [Row.of(made(n, count, now, chance)) for n in range(start, min(start + BATCH, count))]
        before = time.perf_counter()
        await store.database.write(lambda connection, rows=rows: record(connection, rows))  # type: ignore[misc]
        writing += time.perf_counter() - before
        if start % (BATCH * 100) == 0:
            print(f"{start:,} of {count:,}, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return {"traces": count, "traces_per_s": round(count / writing)}


async def timed(ask: Callable[[], Awaitable[Any]], repeats: int = REPEATS) -> dict[str, float]:
    """Milliseconds."""
    await ask()
    took = []
    for _ in range(repeats):
        started = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - started) * 1000)
    return spread(took)


def spread(took: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(float(np.median(took)), 2),
        "p95_ms": round(float(np.percentile(took, 95)), 2),
        "most_ms": round(max(took), 2),
    }


async def looked(store: SqliteTraces, now: float) -> dict[str, Any]:
    """What overviews and searches take, the worst of each kind among them: where nothing is found all is read."""
    hours, middle = SqliteHours(store.database), now - 45 * DAY_S
    some = await store.list(before=middle, limit=1)
    routes = {name: Route(tiers=(Tier(model="m"),), budget=Budget(soft=1.0)) for name in ROUTES}

    async def overview(days: int, by: Any) -> None:
        report(await hours.went_by(now - days * DAY_S, now), by, ROUTES, {})

    return {
        "overview, 30 days by route": await timed(lambda: overview(30, "route")),
        "overview, 90 days by key": await timed(lambda: overview(90, "key")),
        "newest 50": await timed(lambda: store.list()),
        "newest 50 that failed, of one route": await timed(lambda: store.list(route="desk", status="failed")),
        "50 of the middle": await timed(lambda: store.list(before=middle)),
        "of a route that is not there": await timed(lambda: store.list(route="none", status="failed", tier="tier-1")),
        "by id": await timed(lambda: store.get(some[0].id)),
        "by the last twelve digits": await timed(lambda: store.get(some[0].id[-12:])),
        "by twelve digits that are none's": await timed(lambda: store.get("0" * 11 + "x")),
        "budgets of four routes, at a start": await timed(
            lambda: Budgets(routes).look(hours, SqliteAudits(store.database))
        ),
    }


def pages(port: int, secret: str) -> dict[str, Any]:
    """Milliseconds until the whole of a page is there, for the owner, who may see all; once the gateway is ready."""
    found: dict[str, Any] = {}
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        for _ in range(240):
            if client.get("/readyz").status_code == 200:
                break
            time.sleep(0.5)
        token = re.search(r'name="csrf" value="([^"]+)"', client.get("/console/sign-in").text)
        assert token is not None
        client.post("/console/sign-in", data={"csrf": token[1], "key": secret})
        for name, path in PAGES.items():
            took = []
            for _ in range(REPEATS + 1):
                started = time.perf_counter()
                client.get(path).raise_for_status()
                took.append((time.perf_counter() - started) * 1000)
            found[name] = spread(took[1:])
    return found


# --- recording -------------------------------------------------------------------------------------------------------


async def alone(store: SqliteTraces, asked: argparse.Namespace, now: float) -> dict[str, Any]:
    """Milliseconds of this process's processor that a record takes, at the rate asked for and with nothing else."""
    chance = random.Random(9)
    count = int(asked.rate * asked.seconds)

    async def paced(traces: list[Trace], record: Callable[[Trace], Awaitable[None]]) -> tuple[float, list[float]]:
        took: list[float] = []

        async def one(trace: Trace) -> None:
            started = time.perf_counter()
            await record(trace)
            took.append((time.perf_counter() - started) * 1000)

        started, spent, tasks = time.perf_counter(), time.process_time(), []
        for n, trace in enumerate(traces):
            wait = started + n / asked.rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(one(trace)))
        await asyncio.gather(*tasks)
        return (time.process_time() - spent) / len(traces) * 1000, took

    async def nothing(trace: Trace) -> None: ...

    costs, took = [], []
    for turn in range(min(asked.rounds, ALONE) + 1):
        traces = [made(n, count, now + DAY_S, chance) for n in range(count - 1, -1, -1)]
        traces = [later(trace, now + (turn * count + n) / asked.rate) for n, trace in enumerate(traces)]
        recorded, waited = await paced(traces, store.record)
        bare, _ = await paced(traces, nothing)
        if turn:  # the first is to warm up
            costs.append(recorded - bare)
            took += waited
    return {"cpu_ms": mean_and_error(costs), "until it is durable": spread(took)}


def serve(config: str) -> None:
    """A gateway that records into its store from SIGUSR1 on, and not from SIGUSR2 on."""
    from palier.cli import app

    record = SqliteTraces.record
    records = True

    async def nothing() -> None: ...

    def choose(signum: int, frame: object) -> None:
        nonlocal records
        records = signum == signal.SIGUSR1

    signal.signal(signal.SIGUSR1, choose)
    signal.signal(signal.SIGUSR2, choose)
    SqliteTraces.record = lambda self, trace: record(self, trace) if records else nothing()  # type: ignore[method-assign]
    sys.argv = ["palier", "serve", "--config", config]
    app()


async def at_rate(port: int, key: str, rate: float, seconds: float, process: psutil.Process) -> dict[str, float]:
    """Requests at a steady rate: milliseconds of each, and of the gateway's processor's time for each."""
    body = BODY
    clients: asyncio.Queue[Client] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        client = Client(port, "/v1/chat/completions", key, body)
        await client.open()
        clients.put_nowait(client)
    took: list[float] = []

    async def ask() -> None:
        client = await clients.get()
        took.append((await client.exchange())[1] * 1000)
        clients.put_nowait(client)

    spent, started = process.cpu_times(), time.perf_counter()
    asking = []
    for n in range(int(rate * seconds)):
        wait = started + n / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        asking.append(asyncio.create_task(ask()))
    await asyncio.gather(*asking)
    elapsed = time.perf_counter() - started
    await asyncio.sleep(2 * MOVED_EVERY_S)  # what waits in the journal is moved in on the account of who recorded it
    after = process.cpu_times()
    cpu = after.user + after.system - spent.user - spent.system
    for _ in range(CONNECTIONS):
        clients.get_nowait().writer.close()
    return {
        "cpu_ms": cpu / len(took) * 1000,
        "p50_ms": float(np.median(took)),
        "p99_ms": float(np.percentile(took, 99)),
        "requests_per_s": len(took) / elapsed,
    }


@contextlib.contextmanager
def gateway(folder: Path, port: int, upstream: int) -> Iterator[psutil.Process]:
    config = folder / "palier.toml"
    stairs = [
        STAIRS.format(route=route, tiers=", ".join(['{ model = "upstream" }'] * len(tiers)))
        for route, tiers in ROUTES.items()
    ]
    config.write_text(CONFIG.format(port=port, upstream=upstream) + "".join(stairs))
    command = [sys.executable, "-m", "benchmarks.million_traces", "--serve", str(config)]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(started.pid, {0})
    try:
        yield psutil.Process(started.pid)
    finally:
        started.terminate()
        started.wait(60)


async def recorded(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """One gateway that records and does not, in turns; of every pair what recording adds. Pages of the console first."""
    upstream, port = free_ports(2)
    serving = asyncio.create_task(serve_upstream(upstream))
    rounds: dict[str, list[dict[str, float]]] = {"recording": [], "not": []}
    with gateway(folder, port, upstream) as process:
        await wait_for(port)
        key = (folder / ".palier" / "key").read_text().strip()
        console = await asyncio.to_thread(pages, port, key)
        for turn in range(asked.rounds + 1):
            for name in sorted(rounds, reverse=bool(turn % 2)):
                process.send_signal(signal.SIGUSR1 if name == "recording" else signal.SIGUSR2)
                found = await at_rate(port, key, asked.rate, asked.seconds, process)
                if turn:  # the first is to warm up
                    rounds[name].append(found)
    serving.cancel()
    pairs = list(zip(rounds["recording"], rounds["not"], strict=True))
    adds = mean_and_error([a["cpu_ms"] - b["cpu_ms"] for a, b in pairs])
    takes = float(np.mean([a["cpu_ms"] for a, _ in pairs]))
    return {
        "console": console,
        "rate": asked.rate,
        **{name: {k: mean_and_error([one[k] for one in kept]) for k in kept[0]} for name, kept in rounds.items()},
        "cpu_ms_of_recording": adds,
        "cpu_share": {**adds, "mean": round(adds["mean"] / takes, 4), "error": round(adds["error"] / takes, 4)},
        "later_p50_ms": mean_and_error([a["p50_ms"] - b["p50_ms"] for a, b in pairs]),
    }


# --- retention -------------------------------------------------------------------------------------------------------


async def aged(path: Path, now: float) -> dict[str, Any]:
    """What is left of the file when words are past their retention: a month at once, which is the worst."""
    store = SqliteTraces.open(path)
    before, started = size(path), time.perf_counter()
    deleted = await store.expire(now + (KEPT_DAYS + 1) * DAY_S)
    took, after = time.perf_counter() - started, size(path)
    await fill_words(store, deleted, now)
    again = size(path)
    await store.close()
    return {
        "words_deleted": deleted,
        "took_s": round(took, 1),
        "file_mb": {"before": before, "after": after, "with as many traces of another month": again},
    }


async def fill_words(store: SqliteTraces, count: int, now: float) -> None:
    """As many again as words were deleted, of the days that follow."""
    chance = random.Random(8)
    for start in range(0, count, BATCH):
        some = [made(n, count, now + DAY_S, chance) for n in range(start, min(start + BATCH, count))]
        rows = [Row.of(one) for one in some]
        await store.database.write(lambda connection, rows=rows: record(connection, rows))  # type: ignore[misc]


def size(path: Path) -> int:
    """Megabytes of the file and its log."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return round(sum(file.stat().st_size for file in files if file.exists()) / 1e6)


async def measure(asked: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / ".palier").mkdir(mode=0o700)
        path, now = folder / ".palier" / "traces.db", time.time()
        store = SqliteTraces.open(path)
        figures: dict[str, Any] = {"filled": await fill(store, asked.traces, now)}
        started = time.perf_counter()
        days = await SqliteHours(store.database).roll(now)
        figures["rolled"] = {"days": days, "took_s": round(time.perf_counter() - started, 2)}
        started = time.perf_counter()
        indexed = await store.index()
        figures["indexed"] = {"traces": indexed, "took_s": round(time.perf_counter() - started, 2)}
        await store.database.truncate_log()
        figures["file_mb"] = size(path)
        figures["looked"] = await looked(store, now)
        recording = await alone(store, asked, now)
        await store.close()
        gateways = await recorded(folder, asked)
        figures |= {"console": gateways.pop("console"), "recording": gateways}
        own, rest = recording["cpu_ms"]["mean"], figures["recording"]["not"]["cpu_ms"]["mean"]
        figures["recording"]["alone"] = {**recording, "cpu_share": round(own / (own + rest), 4)}
        figures["retention"] = await aged(path, now)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
    else:
        keep("million_traces", asyncio.run(measure(asked)))


if __name__ == "__main__":
    main()
