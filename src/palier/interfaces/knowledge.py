"""What is known, and how it is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from palier.interfaces.models import Vectors
from palier.types import Document, Hit, Passage, Principal


class Documents(Protocol):
    """The documents of collections, with their passages and vectors. A write is durable when it returns."""

    async def put(self, documents: Sequence[tuple[Document, Sequence[Passage], Vectors]]) -> None:
        """Insert or replace whole documents, atomically, visible to the next search."""
        ...

    async def get(self, collection: str, document: str, principal: Principal) -> Document | None: ...

    async def delete(self, collection: str, documents: Sequence[str]) -> int:
        """Delete those that exist; how many there were."""
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
        """Best passages by BM25 over stemmed terms; `Hit.bm25` is set (higher is better), best first."""
        ...

    async def collections(self, principal: Principal) -> list[dict[str, Any]]:
        """One {name, documents, passages, encoder, dimension} a collection that `principal` may read."""
        ...


class Retriever(Protocol):
    """Question to passages."""

    async def search(
        self, query: str, collections: Sequence[str], limit: int, principal: Principal, *, context: str = ""
    ) -> list[Hit]:
        """The best passages, fused. `context` is the user turn before, which weighs less than `query`."""
        ...
