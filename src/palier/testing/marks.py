"""What every store must do that knows the texts of documents again: subclass `MarksSuite`, give it a `store` fixture.

    class TestMine(MarksSuite):
        @pytest.fixture
        async def store(self, tmp_path):
            store = MyStore(tmp_path, encoder=ENCODER, dimension=DIMENSION, analyse=analyse, marker=MARKER)
            yield store
            await store.close()

A store is `Documents`, and its `marks` are `Marks`, ready to be asked. It is empty at the start of each test.
Asynchronous tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from palier.interfaces import Documents, MarkNumbers, Marks
from palier.testing.documents import DIMENSION
from palier.types import Document, Label


class WordMarker:
    """One mark a word."""

    name = "words of the suite"

    def __call__(self, texts: Sequence[str]) -> bytes:
        """See `interfaces.Marker`."""
        return marks_of(*" ".join(texts).split()).tobytes()


MARKER = WordMarker()


class Store(Documents, Protocol):
    """Documents, and by what they are known again."""

    @property
    def marks(self) -> Marks: ...


def marks_of(*words: str) -> MarkNumbers:
    """The marks of `words`, sorted, each once."""
    digests = [hashlib.blake2b(word.encode(), digest_size=8).digest() for word in words]
    return np.unique(np.frombuffer(b"".join(digests), "<i8"))


class MarksSuite:
    """The contract of `interfaces.Marks` for documents."""

    async def put(self, store: Store, id: str, text: str, label: Label, collection: str = "c") -> None:
        """Put one document, which has no passages."""
        document = Document(id=id, collection=collection, text=text, title="titre", label=label)
        await store.put([(document, [], np.empty((0, DIMENSION), np.float32))])

    async def ranks(self, store: Store, *words: str) -> list[int | None]:
        """The rank of each word; None where it is not known."""
        found = await store.marks.ranks_of(marks_of(*words))
        return [found.get(int(marks_of(word)[0])) for word in words]

    async def test_nothing_is_known_of_nothing(self, store: Store) -> None:
        assert store.marks.highest is Label.PUBLIC
        assert await self.ranks(store, "a") == [None]
        assert await store.marks.ranks_of(marks_of()) == {}

    async def test_what_is_put_is_known_by_its_label(self, store: Store) -> None:
        await self.put(store, "one", "a b", Label.CONFIDENTIAL)
        assert await self.ranks(store, "a", "b", "c", "titre") == [2, 2, None, 2]
        assert store.marks.highest is Label.CONFIDENTIAL

    async def test_the_least_restrictive_of_several_counts(self, store: Store) -> None:
        await self.put(store, "one", "a b", Label.RESTRICTED)
        await self.put(store, "two", "b c", Label.PUBLIC, collection="other")
        await self.put(store, "three", "c d a", Label.CONFIDENTIAL)
        assert await self.ranks(store, "a", "b", "c", "d") == [2, 0, 0, 2]

    async def test_the_label_of_now_counts(self, store: Store) -> None:
        for label in (Label.RESTRICTED, Label.PUBLIC, Label.CONFIDENTIAL):
            await self.put(store, "one", "a", label)
            assert await self.ranks(store, "a") == [label.rank]
            assert store.marks.highest.allows(label)
        await self.put(store, "one", "b", Label.CONFIDENTIAL)
        assert await self.ranks(store, "a", "b") == [None, 2]

    async def test_what_is_deleted_is_known_no_more(self, store: Store) -> None:
        await self.put(store, "one", "a b", Label.RESTRICTED)
        await self.put(store, "two", "b", Label.PUBLIC)
        await store.delete("c", ["two"])
        assert await self.ranks(store, "a", "b") == [3, 3]
        await store.delete("c", ["one"])
        assert await self.ranks(store, "a", "b") == [None, None]

    async def test_many_marks_of_many_documents(self, store: Store) -> None:
        for number in range(30):
            words = " ".join(f"w{number}-{i}" for i in range(200))
            await self.put(store, f"d{number}", f"{words} everywhere", Label.CONFIDENTIAL)
        asked = marks_of("everywhere", *(f"w{i % 60}-{i}" for i in range(200)), *(f"unknown-{i}" for i in range(5_000)))
        assert len(await store.marks.ranks_of(asked)) == 111

    async def test_whoever_asks_at_once_is_told_the_same(self, store: Store) -> None:
        await self.put(store, "one", "a", Label.RESTRICTED)
        assert await asyncio.gather(*(self.ranks(store, "a", "b") for _ in range(32))) == [[3, None]] * 32
