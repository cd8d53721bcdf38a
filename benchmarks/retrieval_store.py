"""What a search costs in the store itself: 50,000 passages of 512 dimensions, of which the asker may read a share.

    python -m benchmarks.retrieval_store [--passages 50000] [--dimension 512] [--queries 200] [--top 40] [--memory-mb 128]

The data are made: unit vectors around 500 centres, and 60 terms a passage drawn by Zipf's law with the stop words cut
off its head. Queries are drawn near a passage that exists. Terms come split, so that no stemming is measured here.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np
import psutil

from benchmarks.results import keep, mean_and_error
from palier.stores.knowledge import SqliteKnowledge
from palier.types import Document, Hit, Passage, Principal

SHARES = {"52 %": 0.52, "2.5 %": 0.025, "0.1 %": 0.001}
PRINCIPALS = {"100 %": Principal(admin=True), **{share: Principal(groups=(share,)) for share in SHARES}}
PER_DOCUMENT, TERMS, VOCABULARY, STOP_WORDS, CENTRES, BATCH = 10, 60, 30_000, 60, 500, 20


class Corpus:
    """Documents made from a seed, ten passages each; each is for one group, which has its share of them all."""

    def __init__(self, passages: int, dimension: int) -> None:
        self.random = np.random.default_rng(7)
        self.documents = passages // PER_DOCUMENT
        self.dimension = dimension
        ranks = np.arange(STOP_WORDS, STOP_WORDS + VOCABULARY)
        self.weights = (1 / ranks) / (1 / ranks).sum()
        self.centres = self.random.standard_normal((CENTRES, dimension), dtype=np.float32)
        groups, shares = [*SHARES, "others"], [*SHARES.values()]
        self.groups = self.random.choice(groups, self.documents, p=[*shares, 1 - sum(shares)])

    def vector(self) -> np.ndarray:
        centre = self.centres[self.random.integers(CENTRES)]
        return centre + 0.8 * self.random.standard_normal(self.dimension, dtype=np.float32)

    def terms(self, count: int) -> list[str]:
        return [f"w{word}" for word in self.random.choice(VOCABULARY, count, p=self.weights)]

    def document(self, number: int) -> tuple[Document, list[Passage], np.ndarray]:
        name = f"d{number:06}"
        texts = [" ".join(self.terms(TERMS)) for _ in range(PER_DOCUMENT)]
        vectors = np.stack([self.vector() for _ in texts])
        document = Document(id=name, collection="bench", text="\n".join(texts), groups=(str(self.groups[number]),))
        return document, [Passage(document=name, index=i, text=t, start=0, end=0) for i, t in enumerate(texts)], vectors


async def fill(store: SqliteKnowledge, corpus: Corpus) -> dict[str, float]:
    """Passages per second of put, the making of the data not counted."""
    rates = []
    for first in range(0, corpus.documents, BATCH):
        batch = [corpus.document(number) for number in range(first, min(first + BATCH, corpus.documents))]
        start = time.perf_counter()
        await store.put(batch)
        rates.append(len(batch) * PER_DOCUMENT / (time.perf_counter() - start))
    return mean_and_error(rates)


async def timed(search: Callable[[int], Awaitable[list[Hit]]], queries: int, top: int) -> dict[str, float]:
    """Milliseconds of one search after another, and the fewest hits one gave."""
    times, fewest = [], top
    await search(0)
    for number in range(queries):
        start = time.perf_counter()
        hits = await search(number)
        times.append((time.perf_counter() - start) * 1e3)
        fewest = min(fewest, len(hits))
    p50, p95 = np.percentile(times, [50, 95])
    return {"p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2), "fewest_hits": fewest}


async def searches(
    store: SqliteKnowledge, file: SqliteKnowledge, corpus: Corpus, queries: int, top: int
) -> dict[str, dict[str, object]]:
    """Every search at every share; by vector in memory, and in the file as it is beyond the limit of memory."""
    vectors = [corpus.vector() for _ in range(queries)]
    terms: list[Sequence[str]] = [corpus.terms(6) for _ in range(queries)]
    figures: dict[str, dict[str, object]] = {"by_vector": {}, "by_vector_in_file": {}, "by_terms": {}}
    for share, who in PRINCIPALS.items():
        for name, searched in (("by_vector", store), ("by_vector_in_file", file)):
            figures[name][share] = await timed(
                lambda n, who=who, searched=searched: searched.by_vector(["bench"], vectors[n], top, who), queries, top
            )
        figures["by_terms"][share] = await timed(
            lambda n, who=who: store.by_terms(["bench"], terms[n], top, who), queries, top
        )
    return figures


async def changes(store: SqliteKnowledge, corpus: Corpus) -> dict[str, object]:
    """Replacing and deleting 20 documents, and the first search by vector after it."""
    batch = [corpus.document(number) for number in range(BATCH)]
    figures: dict[str, object] = {}
    for name, change in (
        ("replace", lambda: store.put(batch)),
        ("delete", lambda: store.delete("bench", [document.id for document, _, _ in batch])),
    ):
        start = time.perf_counter()
        await change()
        middle = time.perf_counter()
        await store.by_vector(["bench"], corpus.vector(), 10, PRINCIPALS["100 %"])
        figures[f"{name}_passages_per_s"] = round(BATCH * PER_DOCUMENT / (middle - start))
        figures[f"first_search_after_{name}_ms"] = round((time.perf_counter() - middle) * 1e3, 1)
    return figures


async def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    corpus = Corpus(arguments.passages, arguments.dimension)

    def open_store(memory: int) -> SqliteKnowledge:
        return SqliteKnowledge.open(
            folder / "knowledge.db", "bench", arguments.dimension, lambda text, _: text.split(), vector_memory=memory
        )

    store = open_store(arguments.memory_mb * 2**20)
    before = psutil.Process().memory_info().rss
    figures: dict[str, object] = {
        "passages": arguments.passages,
        "dimension": arguments.dimension,
        "top": arguments.top,
        "put_passages_per_s": await fill(store, corpus),
        "file_mb": round((folder / "knowledge.db").stat().st_size / 1e6),
    }
    file = open_store(0)
    figures |= await searches(store, file, corpus, arguments.queries, arguments.top)
    await file.close()
    figures |= await changes(store, corpus)
    figures["memory_growth_mib"] = round((psutil.Process().memory_info().rss - before) / 2**20)
    await store.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=50_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--top", type=int, default=40)
    parser.add_argument("--memory-mb", type=int, default=128, help="for vectors; 0 searches the file only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        keep("retrieval_store", asyncio.run(measure(arguments, Path(folder))))


if __name__ == "__main__":
    main()
