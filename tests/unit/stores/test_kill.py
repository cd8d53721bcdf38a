"""kill -9 while writing: what was acknowledged is there, and the file is sound."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from palier.stores.knowledge import SqliteKnowledge
from palier.stores.traces import SqliteTraces
from palier.testing.documents import ADMIN, DIMENSION, ENCODER, analyse
from palier.testing.traces import content_of, trace_of

CHILD = """
import asyncio, os, pathlib, sys
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.traces import SqliteTraces
from palier.testing.documents import DIMENSION, ENCODER, analyse, entry
from palier.testing.traces import content_of, trace_of

folder, start = pathlib.Path(sys.argv[1]), sys.argv[2]

async def record(traces, task):
    for i in range(10**9):
        trace = trace_of(f"{start}-{task}-{i}", content=content_of())
        await traces.record(trace)
        os.write(1, f"trace {trace.id}\\n".encode())

async def put(store, task):
    for i in range(10**9):
        name = f"{start}-{task}-{i % 7}"  # most puts replace a document
        await store.put([entry(name, "c", ["fibre", f"mot{i}"], [[1.0], [0.0, 1.0]], ["hr"] if i % 2 else [])])
        os.write(1, f"document {name}\\n".encode())

async def main():
    traces = SqliteTraces.open(folder / "traces.db")
    store = SqliteKnowledge.open(folder / "knowledge.db", ENCODER, DIMENSION, analyse)
    await asyncio.gather(*(record(traces, t) for t in range(8)), *(put(store, t) for t in range(4)))

asyncio.run(main())
"""


def _killed_in_mid_write(folder, start: str, after: int) -> set[tuple[str, str]]:
    """Run the child until it has acknowledged `after` writes; all that it acknowledged before it died."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), start], stdout=subprocess.PIPE, text=True
    ) as child:
        lines = [child.stdout.readline() for _ in range(after)]
        child.kill()
        lines += child.stdout.readlines()
    acknowledged = [line.split() for line in lines if line.endswith("\n")]
    assert len(acknowledged) >= after
    return {(kind, name) for kind, name in acknowledged}


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_acknowledged_is_lost(tmp_path, seed):
    draw = random.Random(seed)
    acknowledged = set()
    for start in ("one", "two"):  # the second starts on what the first left behind
        acknowledged |= _killed_in_mid_write(tmp_path, start, draw.randint(50, 800))

    traces = SqliteTraces.open(tmp_path / "traces.db")
    store = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse)
    for kind, name in acknowledged:
        if kind == "trace":
            assert await traces.get(name) == trace_of(name, content=content_of())
        else:
            assert await store.get("c", name, ADMIN) is not None
    documents = await store.list("c", ADMIN)
    assert len(await store.by_terms(["c"], ["fibre"], 1_000, ADMIN)) == len(documents)
    counts = await store._database.read(
        lambda c: c.execute("SELECT (SELECT count(*) FROM passage), (SELECT count(*) FROM vector)").get
    )
    assert counts == (2 * len(documents), 2 * len(documents))
    for part in (traces, store):
        assert await part._database.read(lambda connection: connection.pragma("integrity_check")) == "ok"
        await part.close()
