"""Documents to what is searched: what is said twice is found once, and how far it is can be heard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from palier import text
from palier.interfaces import Vectors
from palier.retrieval.indexing import index_documents
from palier.stores.knowledge import SqliteKnowledge
from palier.types import Document, Label, Principal

ADMIN = Principal(admin=True)


class Counting:
    """An encoder of one direction for all, which remembers what it was given."""

    name, dimension = "counting", 4

    def __init__(self) -> None:
        self.given: list[str] = []

    async def encode(self, texts: Sequence[str]) -> Vectors:
        self.given += texts
        return np.tile(np.array([1, 0, 0, 0], np.float32), (len(texts), 1))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteKnowledge]:
    opened = SqliteKnowledge.open(tmp_path / "knowledge.db", "counting", 4, text.terms)
    yield opened
    await opened.close()


def document(words: str) -> Document:
    return Document(id="d", collection="c", text=words, label=Label.PUBLIC)


async def test_what_a_document_says_again_is_one_passage_and_embedded_once(store: SqliteKnowledge) -> None:
    encoder = Counting()
    paragraph = "The bell of the old harbour rings at noon and at six. " * 8
    again = f"# One\n\n{paragraph}\n\n{paragraph}\n\n# Two\n\n{paragraph}\n\nAnd at midnight, once a year.\n"
    assert await index_documents([document(again)], encoder, store) == len(encoder.given) == len(set(encoder.given))
    headings = [given.partition("\n")[0] for given in encoder.given]
    assert headings.count("One") == 1
    assert "Two" in headings, "under another heading it is about something else"
    kept = await store.get("c", "d", ADMIN)
    assert kept is not None
    assert kept.text == again
    hits = await store.by_terms(["c"], ["harbour"], 40, ADMIN)
    assert len({(hit.heading, hit.text) for hit in hits}) == len(hits) == 2


async def test_how_far_it_is_is_told(store: SqliteKnowledge) -> None:
    told: list[tuple[int, int]] = []
    words = "\n\n".join(f"Rule {n}. {'The gull waits for the ferry. ' * 14}" for n in range(600))
    count = await index_documents([document(words)], Counting(), store, told=lambda *now: told.append(now))
    assert told[0] == (0, count)
    assert told[-1] == (count, count)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) > 2
    assert await index_documents([document(" ")], Counting(), store, told=lambda *now: None) == 0
