"""Vectors in memory: the file's answers, within the limit, of one moment."""

from __future__ import annotations

import asyncio
import threading

import pytest

from palier.stores import vectors
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.passages import nearest_passages
from palier.testing.documents import ADMIN, DIMENSION, ENCODER, analyse, entry, vectors_of

QUERY = vectors_of([1.0])[0]
ROW = DIMENSION * 4


@pytest.fixture
async def store(tmp_path):
    """Holds sixteen passages at most."""
    opened = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse, vector_memory=16 * ROW)
    yield opened
    await opened.close()


async def put(store, collection: str, passages: int, *, document: str = "d", towards: float = 1.0) -> None:
    await store.put([entry(document, collection, ["fibre"] * passages, [[towards, 1.0]] * passages)])


async def search(store, collection: str) -> list[str]:
    return [hit.document for hit in await store.by_vector([collection], QUERY, 100, ADMIN)]


async def test_the_limit_holds_and_the_least_recent_leaves(store):
    for name in ("a", "b", "c"):
        await put(store, name, 6)
        assert len(await search(store, name)) == 6
    assert store._memory.size == 12 * ROW
    assert list(store._memory._held) == [2, 3]
    await search(store, "b")
    await search(store, "a")
    assert list(store._memory._held) == [2, 1]


async def test_what_is_too_large_is_read_from_the_file(store):
    await put(store, "a", 16)
    await search(store, "a")
    assert store._memory.size == 16 * ROW
    await put(store, "a", 1, document="one more")
    assert len(await search(store, "a")) == 17
    assert store._memory.size == 0


async def test_without_memory_everything_is_read_from_the_file(tmp_path):
    store = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse, vector_memory=0)
    await put(store, "a", 3)
    assert len(await search(store, "a")) == 3
    assert store._memory.size == 0
    await store.close()


async def test_a_reader_of_an_earlier_moment_gets_that_moment(store):
    await put(store, "a", 1, document="old")
    entered, through = threading.Event(), threading.Event()

    def late(connection):
        connection.execute("SELECT count(*) FROM passage").get  # noqa: B018  the snapshot starts with the first read
        entered.set()
        assert through.wait(30)
        return nearest_passages(connection, store._memory, ["a"], QUERY, (ENCODER, DIMENSION), 10, ADMIN)

    reading = asyncio.create_task(store._database.read(late))
    await asyncio.to_thread(entered.wait, 30)
    await store.delete("a", ["old"])
    await put(store, "a", 1, document="new")
    assert await search(store, "a") == ["new"]
    through.set()
    assert [hit.document for hit in await reading] == ["old"]
    assert await search(store, "a") == ["new"]


async def test_versions_share_what_did_not_change(store, monkeypatch):
    monkeypatch.setattr(vectors, "BLOCK_ROWS", 4)

    def blocks() -> tuple[vectors.Block, ...]:
        return store._memory._held[1].blocks

    for i in range(9):
        await put(store, "a", 1, document=f"d{i}")
        assert len(await search(store, "a")) == i + 1
    assert [len(block.passages) for block in blocks()] == [4, 4, 1]
    before = blocks()
    await store.delete("a", ["d8", "d5"])
    assert sorted(await search(store, "a")) == ["d0", "d1", "d2", "d3", "d4", "d6", "d7"]
    assert blocks()[0] is before[0]
    assert [len(block.passages) for block in blocks()] == [4, 3]
