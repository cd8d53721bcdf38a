"""What an open palier does with documents: find, list, keep, delete; and who reads them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from palier import ingest
from palier.access import OWNER, Readers
from palier.app.students import Students
from palier.config import Settings, least_label
from palier.interfaces import Retriever
from palier.interfaces.drift import Counted
from palier.jobs.pool import ProcessWorkers
from palier.retrieval import indexing
from palier.retrieval.encoder import SentenceEncoder
from palier.stores.browsing import Wanted
from palier.stores.knowledge import SqliteKnowledge
from palier.types import Document, FailingSource, Hit, Principal, Shelved

LOCAL = OWNER
DAY_S = 86_400.0


class Knowing:
    """The part of `Palier` that knows documents."""

    settings: Settings
    encoder: SentenceEncoder
    workers: ProcessWorkers
    students: Students
    _knowledge: SqliteKnowledge
    _retriever: Retriever

    async def search(
        self, query: str, collections: Sequence[str] = (), limit: int = 10, principal: Principal = LOCAL
    ) -> list[Hit]:
        """The passages that best fit `query` among `collections` (all when empty), best first."""
        names = collections or [c["name"] for c in await self.list_collections(principal)]
        return await self._retriever.search(query, names, limit, principal) if names and query.strip() else []

    async def list_collections(self, principal: Principal = LOCAL) -> list[dict[str, Any]]:
        """One {name, documents, passages, encoder, dimension} a collection."""
        return await self._knowledge.collections(principal)

    async def census(self, principal: Principal = LOCAL) -> list[Counted]:
        """The collections, and how many documents of each are stale, empty or twice there: of those it may read."""
        return await self._knowledge.census(principal, self._stale_before())

    async def browse(self, collection: str, wanted: Wanted, principal: Principal = LOCAL) -> list[Shelved]:
        """The documents of a collection that are wanted, in order of id, with what is wrong with each."""
        return await self._knowledge.browse(collection, principal, wanted, self._stale_before())

    async def note_failing(self, collection: str, roots: Sequence[str], failures: Sequence[tuple[str, str]]) -> None:
        """Keep which files at or below `roots` an ingestion could not read, and why; the others are well again."""
        await self._knowledge.note_failing(collection, roots, failures, time.time())

    async def failing_sources(self, principal: Principal = LOCAL) -> list[FailingSource]:
        """Files that could not be read when they were last ingested, of collections that `principal` may read."""
        return await self._knowledge.failing(principal)

    def _stale_before(self) -> float:
        return time.time() - self.settings.drift.stale_days * DAY_S

    async def upload(
        self,
        files: Sequence[tuple[str, bytes]],
        options: ingest.Options,
        writer: Principal = LOCAL,
        report: Callable[[ingest.Outcome], None] | None = None,
        told: indexing.Told | None = None,
    ) -> ingest.Summary:
        """Bring files, by name, into a collection; what is wrong with one is reported, and the rest goes on.

        Those that are refused are failing sources until one of their name is taken; `told` hears how far the passages
        of what is being put are. Raises `NotFound` and `Forbidden` where `writer` may not put what is in them.
        """
        options = msgspec.structs.replace(
            options,
            label=least_label(self.settings, options.collection, options.label),
            max_file_bytes=self.settings.workers.max_file_mb * 2**20,
        )
        writing = _Writing(self, writer, told)
        summary = await ingest.upload(writing, self.workers.batch, files, options, report=report)
        if writer.admin or any(one["name"] == options.collection for one in await self.list_collections(writer)):
            failures = [(source, error) for source, error in summary.failures if source and source.isprintable()]
            sent = [ingest.kept_name(name) for name, _ in files]
            await self.note_failing(options.collection, sent, failures)
        return summary

    async def put_documents(
        self, documents: Sequence[Document], writer: Principal = LOCAL, told: indexing.Told | None = None
    ) -> None:
        """Cut, embed and store; visible to the next search, and students that were taught on them carry their labels.

        Raises `NotFound` and `Forbidden` as the store does.
        """
        labelled = [
            msgspec.structs.replace(d, label=least_label(self.settings, d.collection, d.label)) for d in documents
        ]
        await indexing.index_documents(
            labelled, self.encoder, self._knowledge, writer=writer, workers=self.workers.batch, told=told
        )
        await self.students.relabelled([(one.collection, one.id) for one in labelled])

    async def get_document(self, collection: str, document: str, principal: Principal = LOCAL) -> Document | None:
        """A document with its text, or None."""
        return await self._knowledge.get(collection, document, principal)

    async def delete_documents(self, collection: str, documents: Sequence[str], writer: Principal = LOCAL) -> int:
        """Delete those that exist and that `writer` may read; how many there were."""
        return await self._knowledge.delete(collection, documents, writer)

    async def readers(self) -> list[Readers]:
        """Who reads each collection for which that was said; every other is everybody's."""
        return await self._knowledge.readers()

    async def change_readers(
        self, collection: str, *, allow: Sequence[str] = (), remove: Sequence[str] = (), everyone: bool | None = None
    ) -> Readers:
        """Who reads `collection` from the next query on; see `interfaces.Access`."""
        return await self._knowledge.change_readers(collection, allow=allow, remove=remove, everyone=everyone)

    async def list_documents(
        self, collection: str, principal: Principal = LOCAL, after: str = "", limit: int = 1000
    ) -> list[Document]:
        """Documents in order of id, without their text."""
        return await self._knowledge.list(collection, principal, after=after, limit=limit)


class _Writing:
    """`ingest.Replaceable`: what one writer may read and put."""

    def __init__(self, palier: Knowing, writer: Principal, told: indexing.Told | None = None) -> None:
        self._palier = palier
        self._writer = writer
        self._told = told

    async def list_documents(self, collection: str, *, after: str = "", limit: int = 1000) -> list[Document]:
        return await self._palier.list_documents(collection, self._writer, after, limit)

    async def get_document(self, collection: str, document: str) -> Document | None:
        return await self._palier.get_document(collection, document, self._writer)

    async def put_documents(self, documents: Sequence[Document]) -> None:
        await self._palier.put_documents(documents, self._writer, self._told)

    async def delete_documents(self, collection: str, documents: Sequence[str]) -> int:
        return await self._palier.delete_documents(collection, documents, self._writer)
