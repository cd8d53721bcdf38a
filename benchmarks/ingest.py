"""Ingestion end to end, what the event loop and the questions feel of it, and hybrid search at 50,000 passages.

    python -m benchmarks.ingest [--documents 300] [--repeats 3] [--passages 50000] [--queries 200]

Documents are sentences of the sample company put together anew, seven sections each, written as Markdown files and brought in by `ingest`
as `palier ingest` does: read, parsed, cut, embedded, stemmed, stored. A ticker wakes every millisecond meanwhile and
notes how late it is; a question is searched for every 50 ms. The 50,000 passages are short ones, embedded once.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from benchmarks.results import keep, mean_and_error
from palier import text
from palier.ingest import Options, ingest
from palier.interfaces import Vectors, Workers
from palier.jobs.pool import ProcessWorkers
from palier.retrieval import sentence_model
from palier.retrieval.encoder import SentenceEncoder
from palier.retrieval.hybrid import HybridRetriever
from palier.retrieval.indexing import index_documents
from palier.stores.knowledge import SqliteKnowledge
from palier.types import Document, Passage, Principal

ADMIN = Principal(admin=True)
SHARES = {"100 %": ADMIN, "50 %": Principal(groups=("half",)), "2.5 %": Principal(groups=("few",))}
COMPANY = Path(__file__).parent.parent / "examples" / "armorique" / "documents"


class Writer:
    """Sentences of the sample company, put together anew by a seed."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.sentences = [
            page[start:end]
            for file in sorted(COMPANY.rglob("*.md"))
            for page in [file.read_text(encoding="utf-8")]
            for start, end in text.sentences(page)
            if end - start >= 40 and page[start].isalpha()
        ]

    def sentence(self) -> str:
        return str(self.random.choice(self.sentences))

    def question(self) -> str:
        """A few words of a sentence, with a number that makes it new."""
        words = self.sentence().split()[:8]
        return f"{' '.join(words)} {self.random.integers(1_000_000)} ?"

    def page(self, number: int) -> str:
        sections = (f"## {self.sentence()[:60]}\n\n{' '.join(self.sentence() for _ in range(6))}" for _ in range(7))
        return f"# Document {number}\n\n" + "\n\n".join(sections) + "\n"


class TimedEncoder:
    """The sentence encoder, with the time it was waited for."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self.encoder = encoder
        self.name, self.dimension = encoder.name, encoder.dimension
        self.seconds = 0.0

    async def encode(self, texts: Sequence[str]) -> Vectors:
        begun = time.perf_counter()
        try:
            return await self.encoder.encode(texts)
        finally:
            self.seconds += time.perf_counter() - begun


class Door:
    """A `Knowledge` on the store."""

    def __init__(self, store: SqliteKnowledge, encoder: TimedEncoder, workers: Workers) -> None:
        self.store, self.encoder, self.workers = store, encoder, workers
        self.passages = 0

    async def list_documents(self, collection: str, *, after: str = "", limit: int = 1000) -> list[Document]:
        return await self.store.list(collection, ADMIN, after=after, limit=limit)

    async def put_documents(self, documents: Sequence[Document]) -> None:
        self.passages += await index_documents(documents, self.encoder, self.store, workers=self.workers)

    async def delete_documents(self, collection: str, documents: Sequence[str]) -> int:
        return await self.store.delete(collection, documents)


@asynccontextmanager
async def opened(folder: Path, workers: ProcessWorkers) -> AsyncIterator[tuple[SqliteKnowledge, SentenceEncoder]]:
    """A store and an encoder as `Palier.open` wires them."""
    encoder = SentenceEncoder(workers, workers.batch)
    store = SqliteKnowledge.open(
        folder / "knowledge.db", encoder.name, encoder.dimension, text.terms, workers=workers.batch
    )
    try:
        yield store, encoder
    finally:
        await store.close()


async def lags(into: list[float]) -> None:
    """How late, in ms, a sleep of 1 ms ends, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        begun = loop.time()
        await asyncio.sleep(0.001)
        into.append((loop.time() - begun - 0.001) * 1000)


async def asked(retriever: HybridRetriever, writer: Writer, into: list[float]) -> None:
    """How long, in ms, a question takes, one every 50 ms, until cancelled."""
    while True:
        query = writer.question()
        begun = time.perf_counter()
        await retriever.search(query, ["c"], 6, ADMIN)
        into.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(0.05)


async def ingestion(documents: int, repeats: int, workers: ProcessWorkers) -> dict[str, object]:
    """Passages a second into an empty collection, alone; then once more with the ticker and the questions."""
    rates, shares = [], []
    writer = Writer(1)
    with tempfile.TemporaryDirectory() as name:
        pages = Path(name) / "pages"
        pages.mkdir()
        for i in range(documents):
            (pages / f"{i:04}.md").write_text(writer.page(i))
        await asyncio.gather(
            workers.run(sentence_model.embed, ["warm"]), workers.batch.run(sentence_model.embed, ["warm"])
        )
        text.terms("warm", "fr")  # its stemmers are loaded at first use
        for repeat in range(repeats):
            seconds, door = await one_ingestion(Path(name) / str(repeat), pages, workers)
            rates.append(door.passages / seconds)
            shares.append(door.encoder.seconds / seconds)
        idle, late, waits = [], [], []
        ticker = asyncio.create_task(lags(idle))
        await asyncio.sleep(5)
        ticker.cancel()
        seconds, door = await one_ingestion(Path(name) / "watched", pages, workers, late, waits)
    return {
        "documents": documents,
        "passages": door.passages,
        "passages_per_s": mean_and_error(rates),
        "share_embedding": mean_and_error(shares),
        "passages_per_s_while_questions_are_asked": round(door.passages / seconds, 1),
        "loop_lag_ms": {**quantiles(late), "ticks": len(late)},
        "loop_lag_idle_ms": quantiles(idle),
        "question_ms_meanwhile": quantiles(waits),
    }


async def one_ingestion(
    folder: Path,
    pages: Path,
    workers: ProcessWorkers,
    late: list[float] | None = None,
    waits: list[float] | None = None,
) -> tuple[float, Door]:
    """Seconds and what was brought in; `late` and `waits` are filled meanwhile where they are given."""
    folder.mkdir()
    async with opened(folder, workers) as (store, encoder):
        door = Door(store, TimedEncoder(encoder), workers.batch)
        watchers = []
        if late is not None and waits is not None:
            watchers = [
                asyncio.create_task(lags(late)),
                asyncio.create_task(asked(HybridRetriever(store, encoder), Writer(2), waits)),
            ]
        begun = time.perf_counter()
        summary = await ingest(door, workers.batch, [pages], Options(collection="c"))
        seconds = time.perf_counter() - begun
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        if summary.failed:
            raise SystemExit(f"{summary.failed} documents failed: {summary.failures[:3]}")
    return seconds, door


async def search(passages: int, queries: int, workers: ProcessWorkers) -> dict[str, object]:
    """Hybrid questions over many passages, each new to the encoder, for readers of a share of them."""
    writer = Writer(3)
    with tempfile.TemporaryDirectory() as name:
        async with opened(Path(name), workers) as (store, encoder):
            for batch in made(writer, passages):
                await store.put(batch)
            retriever = HybridRetriever(store, encoder)
            measured: dict[str, object] = {"passages": passages, "queries": queries}
            for share, reader in SHARES.items():
                times = []
                for _ in range(queries):
                    query = writer.question()
                    begun = time.perf_counter()
                    hits = await retriever.search(query, ["c"], 6, reader)
                    times.append((time.perf_counter() - begun) * 1000)
                    if len(hits) != 6:
                        raise SystemExit(f"{len(hits)} hits for a reader of {share}")
                measured[f"ms, readable {share}"] = quantiles(times)
    return measured


def made(writer: Writer, passages: int) -> Iterator[list[tuple[Document, list[Passage], Vectors]]]:
    """Documents of ten short passages, embedded in this process, a hundred at a time."""
    for first in range(0, passages // 10, 100):
        batch = []
        for number in range(first, min(first + 100, passages // 10)):
            groups = ("few",) if number % 40 == 0 else ("half",) if number % 2 == 0 else ("others",)
            document = Document(id=f"{number:05}", collection="c", text="", language="fr", groups=groups)
            found, position = [], 0
            for index in range(10):
                words = writer.sentence()
                found.append(
                    Passage(document=document.id, index=index, text=words, start=position, end=position + len(words))
                )
                position += len(words) + 1
            batch.append((document, found, sentence_model.embed([passage.text for passage in found])))
        yield batch


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p99 and the greatest."""
    p50, p99, most = np.quantile(values, [0.5, 0.99, 1.0])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "max": round(float(most), 2)}


async def measure(arguments: argparse.Namespace) -> dict[str, object]:
    workers = ProcessWorkers(1, warm=(sentence_model.embed, (["warm"],)))
    try:
        figures: dict[str, object] = {"ingest": await ingestion(arguments.documents, arguments.repeats, workers)}
        if arguments.passages:
            figures["search"] = await search(arguments.passages, arguments.queries, workers)
        return figures
    finally:
        await workers.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--passages", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=200)
    keep("ingest", asyncio.run(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
