"""What is known, and how it is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from palier.access import Readers
from palier.interfaces.models import Vectors
from palier.types import Document, Hit, Passage, Principal


class Documents(Protocol):
    """The documents of collections, with their passages and vectors. A write is durable when it returns.

    A principal reads a document where both hold: it reads the collection, and the document has no groups or one that it
    is in, or `user:` and its name. What it may not read is for it what is not there.
    """

    async def put(
        self, documents: Sequence[tuple[Document, Sequence[Passage], Vectors]], writer: Principal = ...
    ) -> None:
        """Insert or replace whole documents, atomically, visible to the next search.

        Who is no administrator writes only to collections that are there and that it reads (`NotFound`), not over what
        it may not read, and nothing that it could not read itself (`Forbidden`).
        """
        ...

    async def get(self, collection: str, document: str, principal: Principal) -> Document | None: ...

    async def delete(self, collection: str, documents: Sequence[str], writer: Principal = ...) -> int:
        """Delete those that exist and that `writer` may read; how many there were."""
        ...

    async def list(
        self, collection: str, principal: Principal, *, after: str = "", limit: int = 1000
    ) -> list[Document]:
        """Documents in order of id, without their text (`text` is "")."""
        ...


class PassageIndex(Protocol):
    """Search by vector and by terms: only what `principal` may read, and exactly `limit` if there are so many."""

    async def by_vector(
        self, collections: Sequence[str], vector: Vectors, limit: int, principal: Principal
    ) -> list[Hit]:
        """Nearest passages by cosine; `Hit.cosine` is set, best first."""
        ...

    async def by_terms(
        self, collections: Sequence[str], terms: Sequence[str], limit: int, principal: Principal
    ) -> list[Hit]:
        """Best passages by BM25 over stemmed terms; `Hit.bm25` is set (higher is better), best first.

        Collections that `principal` may not read weigh nothing.
        """
        ...

    async def collections(self, principal: Principal) -> list[dict[str, Any]]:
        """One {name, documents, passages, encoder, dimension} a collection that `principal` may read."""
        ...


class Access(Protocol):
    """Who reads which collection. A change acts on the next query."""

    async def readers(self) -> list[Readers]:
        """Who reads each collection for which that was said; every other is everybody's."""
        ...

    async def change_readers(
        self, collection: str, *, allow: Sequence[str] = (), remove: Sequence[str] = (), everyone: bool | None = None
    ) -> Readers:
        """With `everyone` True all read it, False nobody but those allowed; to allow somebody closes it to others.

        A collection whose last reader was removed is the administrators'. It may hold nothing yet, or nothing any more.
        """
        ...


class Retriever(Protocol):
    """Question to passages."""

    async def search(
        self, query: str, collections: Sequence[str], limit: int, principal: Principal, *, context: str = ""
    ) -> list[Hit]:
        """The best passages, fused. `context` is the user turn before, which weighs less than `query`."""
        ...
