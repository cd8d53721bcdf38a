"""Documents and their passages in SQLite, found by vector (sqlite-vec) and by terms (BM25)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from palier.access import OWNER, Readers
from palier.errors import ConfigurationError, InvalidRequest
from palier.interfaces import Marker, SourceDocument, Vectors, Workers
from palier.interfaces.drift import Counted
from palier.stores.browsing import Wanted, browse, census, list_failing, note_failing
from palier.stores.documents import (
    Prepared,
    delete_documents,
    get_document,
    labelled_documents,
    list_documents,
    put_documents,
    raise_labels,
    source_document,
)
from palier.stores.marks import Markable, SqliteDocumentMarks, mark_all
from palier.stores.passages import (
    best_passages,
    label_of,
    nearest_passages,
    readable_collections,
    standing_documents,
)
from palier.stores.readers import change_readers, list_readers, names_of
from palier.stores.schema import Schema
from palier.stores.sqlite import Database
from palier.stores.vectors import VectorMemory
from palier.types import Document, FailingSource, Hit, Label, Passage, Principal, Shelved
from palier.versions import Labelled

KNOWLEDGE = Schema(name="knowledge", application_id=0x706C6B6E, page_size=16_384, vectors=True)
"""Pages of 16 KiB hold seven vectors of 512 dimensions; of 4 KiB one, and the file is twice the size."""
VECTOR_MEMORY = 128 * 2**20
"""Bytes: 65,536 passages of 512 dimensions."""
Analyse = Callable[[str, str], Sequence[str]]
Resolve = Callable[[Principal], Principal]
"""A principal with all its groups, as they are when it is called."""


class SqliteKnowledge:
    """`Documents` and `PassageIndex` in one file of SQLite."""

    def __init__(
        self,
        database: Database,
        encoder_name: str,
        dimension: int,
        analyse: Analyse,
        workers: Workers | None,
        vector_memory: int,
        resolve: Resolve,
        marker: Marker | None,
    ) -> None:
        self._database = database
        self._memory = VectorMemory(vector_memory)
        self._encoder = (encoder_name, dimension)
        self._analyse = analyse
        self._workers = workers
        self._resolve = resolve
        self._marker = marker
        self.marks = SqliteDocumentMarks(database, marker, workers)

    @classmethod
    def open(
        cls,
        path: str | Path,
        encoder_name: str,
        dimension: int,
        analyse: Analyse,
        *,
        workers: Workers | None = None,
        vector_memory: int = VECTOR_MEMORY,
        resolve: Resolve = lambda principal: principal,
        marker: Marker | None = None,
    ) -> SqliteKnowledge:
        """Open or make the file. Raises `StoreError`.

        `analyse(text, language)` gives the stemmed terms of a text, in the workers where there are any (then it must
        be a module's function), else in a thread. Vectors come from the encoder of that name and dimension.
        Collections are searched in memory as far as `vector_memory` bytes go, and in the file beyond. Whoever asks has
        the groups that `resolve` gives at that moment. With a `marker`, texts are known again by their `marks` (await
        `marks.fill()` first).
        """
        database = Database.open(path, KNOWLEDGE)
        return cls(database, encoder_name, dimension, analyse, workers, vector_memory, resolve, marker)

    @property
    def database(self) -> Database:
        """The file."""
        return self._database

    async def close(self) -> None:
        """Finish what is queued, then close."""
        await self._database.close()

    async def put(
        self, documents: Sequence[tuple[Document, Sequence[Passage], Vectors]], writer: Principal = OWNER
    ) -> None:
        """Insert or replace whole documents, all or none; durable, and visible to the next search.

        A document's vectors have the shape (passages, dimension); their length does not matter. Raises
        `InvalidRequest` for a document that cannot be kept and `ConfigurationError` for another encoder's collection;
        and what `readers.check_writable` raises where `writer` may not put it.
        """
        checked = [_checked(document, found, vectors, self._encoder[1]) for document, found, vectors in documents]
        terms, marks = await self._read(checked)
        analysed = iter(terms)
        batch = [
            Prepared(document, found, vectors, [next(analysed) for _ in found], made)
            for (document, found, vectors), made in zip(checked, marks, strict=True)
        ]
        self.marks.expect([document.label for document, _, _ in checked])
        writer = self._resolve(writer)
        await self._database.write(lambda connection: put_documents(connection, batch, *self._encoder, writer))

    async def raise_labels(self, least: Mapping[str, Label]) -> None:
        """Give the documents of each collection at least its label; what is more restrictive stays."""
        if least:
            self.marks.expect(list(least.values()))
            await self._database.write(lambda connection: raise_labels(connection, least))

    async def get(self, collection: str, document: str, principal: Principal) -> Document | None:
        """The document, if it exists and `principal` may read it."""
        principal = self._resolve(principal)
        return await self._database.read(lambda connection: get_document(connection, collection, document, principal))

    async def delete(self, collection: str, documents: Sequence[str], writer: Principal = OWNER) -> int:
        """Delete those that exist and that `writer` may read; how many there were."""
        writer = self._resolve(writer)
        return await self._database.write(
            lambda connection: delete_documents(connection, collection, documents, writer)
        )

    async def by_vector(
        self, collections: Sequence[str], vector: Vectors, limit: int, principal: Principal
    ) -> list[Hit]:
        """Nearest passages by cosine; `Hit.cosine` is set, best first.

        Raises `ConfigurationError` for a vector, or a collection, of another encoder.
        """
        name, dimension = self._encoder
        query = np.ascontiguousarray(vector, dtype=np.float32).reshape(-1)
        if query.size != dimension:
            raise ConfigurationError(f"a vector of {query.size} dimensions was given, and {name} has {dimension}")
        if not np.isfinite(query).all():
            raise InvalidRequest("the vector to search by holds what is no finite number")
        if limit <= 0:
            return []
        principal = self._resolve(principal)
        return await self._database.read(
            lambda connection: nearest_passages(
                connection, self._memory, collections, query, self._encoder, limit, principal
            )
        )

    async def by_terms(
        self, collections: Sequence[str], terms: Sequence[str], limit: int, principal: Principal
    ) -> list[Hit]:
        """Best passages by BM25 over stemmed terms; `Hit.bm25` is set, always above 0, best first.

        A term is weighed by how rare it is in all of `collections` together that `principal` may read, whichever of
        their documents it may read.
        """
        if limit <= 0:
            return []
        principal = self._resolve(principal)
        return await self._database.read(
            lambda connection: best_passages(connection, collections, terms, limit, principal)
        )

    async def collections(self, principal: Principal) -> list[dict[str, Any]]:
        """One {name, documents, passages, encoder, dimension} a collection, counting what `principal` may read."""
        principal = self._resolve(principal)
        return await self._database.read(lambda connection: readable_collections(connection, principal))

    async def census(self, principal: Principal, stale_before: float) -> list[Counted]:
        """The collections, and how many documents of each are at fault, of those that `principal` may read."""
        principal = self._resolve(principal)
        return await self._database.read(lambda connection: census(connection, principal, stale_before))

    async def browse(self, collection: str, principal: Principal, wanted: Wanted, stale_before: float) -> list[Shelved]:
        """The documents that are wanted and that `principal` may read, in order of id, without their text."""
        principal = self._resolve(principal)
        return await self._database.read(
            lambda connection: browse(connection, collection, principal, wanted, stale_before)
        )

    async def note_failing(
        self, collection: str, roots: Sequence[str], failures: Sequence[tuple[str, str]], at: float
    ) -> None:
        """Keep which files at or below `roots` could not be read, and why, in the place of what was known of these."""
        await self._database.write(lambda connection: note_failing(connection, collection, roots, failures, at))

    async def failing(self, principal: Principal) -> list[FailingSource]:
        """Files that could not be read when they were last ingested, of collections that `principal` may read."""
        principal = self._resolve(principal)
        return await self._database.read(lambda connection: list_failing(connection, principal))

    async def label_of(self, hit: Hit, principal: Principal) -> Label | None:
        """The label that a passage has now.

        None where its document is gone, or has other words, another heading there or another title by now, or where
        `principal` may not read it any more.
        """
        principal = self._resolve(principal)
        return await self._database.read(lambda connection: label_of(connection, hit, principal))

    async def standing(self, keys: Sequence[str], principal: Principal) -> list[bool]:
        """Whether the document of each `Hit.key` is still there, for `principal` to read."""
        principal = self._resolve(principal)
        return await self._database.read(lambda connection: standing_documents(connection, keys, principal))

    async def sources(self, documents: Sequence[tuple[str, str]]) -> list[SourceDocument | None]:
        """What lessons stand on, as it is now; see `interfaces.Sources`."""
        return await self._database.read(lambda connection: [source_document(connection, *one) for one in documents])

    async def labels(self, documents: Sequence[tuple[str, str]]) -> list[Labelled]:
        """How confidential documents are; see `interfaces.versions.Labels`."""
        return await self._database.read(lambda connection: list(labelled_documents(connection, documents)))

    def names_of(self, principal: Principal) -> frozenset[str]:
        """By what `principal` reads: its groups as the directory knows them, and itself."""
        return frozenset(names_of(self._resolve(principal)))

    async def readers(self) -> list[Readers]:
        """Who reads each collection for which that was said; every other is everybody's."""
        return await self._database.read(list_readers)

    async def change_readers(
        self, collection: str, *, allow: Sequence[str] = (), remove: Sequence[str] = (), everyone: bool | None = None
    ) -> Readers:
        """Who reads `collection` from the next query on; see `readers.change_readers`."""
        if not collection:
            raise InvalidRequest("a collection has a name", param="collection")
        return await self._database.write(
            lambda connection: change_readers(connection, collection, allow, remove, everyone)
        )

    async def _read(
        self, checked: Sequence[tuple[Document, Sequence[Passage], Vectors]]
    ) -> tuple[list[dict[str, int]], Sequence[tuple[str, bytes] | None]]:
        """The terms of each passage, and the marks of each document: one task of the workers."""
        marked = [Markable(one.title, one.text, one.url, one.id) for one, _, _ in checked] if self._marker else []
        arguments = (self._analyse, _texts(checked), self._marker, marked)
        if self._workers is None:
            terms, made = await asyncio.to_thread(_analyse_all, *arguments)
        else:
            terms, made = await self._workers.run(_analyse_all, *arguments)
        return terms, [(self._marker.name, marks) for marks in made] if self._marker else [None] * len(checked)

    async def list(
        self, collection: str, principal: Principal, *, after: str = "", limit: int = 1000
    ) -> list[Document]:
        """Documents in order of id, without their text (`text` is "")."""
        principal = self._resolve(principal)
        return await self._database.read(
            lambda connection: list_documents(connection, collection, principal, after, limit)
        )


def _texts(checked: Sequence[tuple[Document, Sequence[Passage], Vectors]]) -> list[tuple[str, str]]:
    """What each passage is found by: its words, under its heading, in a document of its title."""
    return [
        ("\n".join((document.title, passage.heading, passage.text)), document.language)
        for document, found, _ in checked
        for passage in found
    ]


def _analyse_all(
    analyse: Analyse, texts: Sequence[tuple[str, str]], marker: Marker | None, marked: Sequence[Markable]
) -> tuple[list[dict[str, int]], list[bytes]]:
    """How often each term stands in each of `texts`, and the marks of each of `marked`."""
    terms = [dict(Counter(analyse(text, language))) for text, language in texts]
    return terms, mark_all(marker, marked) if marker else []


def _checked(
    document: Document, found: Sequence[Passage], vectors: Vectors, dimension: int
) -> tuple[Document, Sequence[Passage], Vectors]:
    where = f"document `{document.id}` of `{document.collection}`"
    if not document.id or not document.collection:
        raise InvalidRequest(f"{where} needs an id and a collection", param="id")
    if len({passage.index for passage in found}) < len(found):
        raise InvalidRequest(f"{where} has two passages of one index", param="passages")
    matrix = np.ascontiguousarray(vectors, dtype=np.float32)
    if matrix.shape != (len(found), dimension) and (found or matrix.size):
        raise InvalidRequest(
            f"{where}: vectors have the shape {matrix.shape}, not ({len(found)}, {dimension})", param="vectors"
        )
    if not np.isfinite(matrix).all():
        raise InvalidRequest(f"{where}: a vector holds what is no finite number", param="vectors")
    lengths = np.linalg.norm(matrix, axis=-1, keepdims=True)
    return document, found, np.divide(matrix, lengths, out=matrix.copy(), where=lengths > 0)
