"""PIAF (French questions on encyclopedia paragraphs) as a collection: split by article, indexed and searched by the real parts."""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from palier import text
from palier.interfaces import Vectors
from palier.retrieval import chunking, sentence_model
from palier.retrieval.hybrid import HybridRetriever
from palier.stores.knowledge import SqliteKnowledge
from palier.types import Document, Hit, Label, Principal

READER = Principal(name="bench", admin=True)
COLLECTION = "piaf"


@dataclass(frozen=True, slots=True)
class Paragraph:
    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """`paragraph` is the one it was asked on; `answers` are its accepted spans."""

    text: str
    answers: tuple[str, ...]
    paragraph: str
    title: str

    @property
    def fits(self) -> bool:
        """Whether it belongs to the part that weights may be fitted on: six articles of ten, by a hash of the title."""
        return int(hashlib.sha256(self.title.encode()).hexdigest(), 16) % 10 < 6

    @property
    def block(self) -> int:
        """Its fold of five for choices made within the fitting part; whole articles again."""
        return int(hashlib.sha256(f"fold {self.title}".encode()).hexdigest(), 16) % 5


def load(folder: Path) -> tuple[list[Paragraph], list[Question]]:
    """Every paragraph and question of `folder`/piaf_fr/dev.jsonl.gz."""
    with gzip.open(folder / "piaf_fr" / "dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    paragraphs = [Paragraph(f"{row['doc_id']}", row["title"], row["context"]) for row in rows]
    questions = [
        Question(qa["question"], tuple(qa["answers"]), row["doc_id"], row["title"]) for row in rows for qa in row["qas"]
    ]
    return paragraphs, questions


def holds(passage: str, answers: Sequence[str]) -> bool:
    """Whether one of `answers` stands in `passage`, word for word."""
    words = f" {' '.join(text.tokens(passage))} "
    return any(answer and f" {answer} " in words for answer in (" ".join(text.tokens(a)) for a in answers))


class LocalEncoder:
    """`interfaces.Encoder` in this process: a benchmark has no event loop to keep free."""

    dimension = sentence_model.DIMENSION

    def __init__(self) -> None:
        self.name = sentence_model.name()

    async def encode(self, texts: Sequence[str]) -> Vectors:
        return sentence_model.embed(list(texts))


@asynccontextmanager
async def indexed(paragraphs: Sequence[Paragraph]) -> AsyncIterator[HybridRetriever]:
    """A retriever over `paragraphs`, cut and indexed as `palier ingest` does; gone afterwards."""
    encoder = LocalEncoder()
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteKnowledge.open(Path(folder) / "knowledge.db", encoder.name, encoder.dimension, text.terms)
        try:
            for start in range(0, len(paragraphs), 32):
                batch = []
                for paragraph in paragraphs[start : start + 32]:
                    document = Document(
                        id=paragraph.id,
                        collection=COLLECTION,
                        text=paragraph.text,
                        title=paragraph.title,
                        language="fr",
                        label=Label.PUBLIC,
                    )
                    passages = chunking.split(paragraph.id, paragraph.text)
                    batch.append((document, passages, await encoder.encode([p.text for p in passages])))
                await store.put(batch)
            yield HybridRetriever(store, encoder)
        finally:
            await store.close()


async def search(retriever: HybridRetriever, question: str, limit: int = 6) -> list[Hit]:
    """What a route with default settings would find."""
    return await retriever.search(question, [COLLECTION], limit, READER)
