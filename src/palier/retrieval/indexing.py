"""Documents to what is searched: cut into passages, embedded, stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

from palier.access import OWNER, check_reader
from palier.errors import InvalidRequest
from palier.interfaces import Documents, Encoder, Vectors, Workers
from palier.retrieval import chunking
from palier.types import Document, Passage, Principal

_TOLD = 256
"""Passages that are embedded between two words of how far it is."""

Told = Callable[[int, int], None]
"""Is told how many passages are embedded, of how many."""


async def index_documents(
    documents: Sequence[Document],
    encoder: Encoder,
    store: Documents,
    *,
    writer: Principal = OWNER,
    workers: Workers | None = None,
    told: Told | None = None,
) -> int:
    """Cut, embed and store `documents` for `writer`; how many passages they have.

    Raises `InvalidRequest` for readers that nobody can be: such a document would be there for administrators alone.
    A passage is embedded under its heading, or its document's title: "29,99 € par mois" alone says too little. What a
    document says again, word for word under the same heading, is one passage. Texts are cut in `workers` (the batch
    lane) where they are given, else in a thread.
    """
    _check_readers(documents)
    texts = [(document.id, document.text) for document in documents]
    if workers is None:
        cut = await asyncio.to_thread(chunking.split_all, texts)
    else:
        cut = await workers.run(chunking.split_all, texts)
    pairs = list(zip(documents, map(_once, cut), strict=True))
    said = [_embedded(document, passage) for document, found in pairs for passage in found]
    vectors = await encoder.encode(said) if told is None else await _encode(encoder, said, told)
    batch, position = [], 0
    for document, found in pairs:
        batch.append((document, found, vectors[position : position + len(found)]))
        position += len(found)
    await store.put(batch, writer)
    return position


def _check_readers(documents: Sequence[Document]) -> None:
    for reader in {reader for document in documents for reader in document.groups}:
        try:
            check_reader(reader)
        except InvalidRequest as error:
            error.param = "groups"
            raise


def _once(passages: Sequence[Passage]) -> list[Passage]:
    """Without what was said before: it would be found together with that, in the place of what else there is."""
    first: dict[tuple[str, str], Passage] = {}
    for passage in passages:
        first.setdefault((passage.heading, passage.text), passage)
    return list(first.values())


async def _encode(encoder: Encoder, texts: Sequence[str], told: Told) -> Vectors:
    parts = []
    for start in range(0, len(texts), _TOLD):
        told(start, len(texts))
        parts.append(await encoder.encode(texts[start : start + _TOLD]))
    told(len(texts), len(texts))
    return np.concatenate(parts) if parts else await encoder.encode([])


def _embedded(document: Document, passage: Passage) -> str:
    return f"{passage.heading or document.title}\n{passage.text}"
