"""Search on a connection, by vector and by terms: only what a principal may read is looked at, never sorted out after.

BM25 weighs a term by how rare it is in the whole collection, unreadable documents included, as everywhere that one
index serves all: a score may tell that, and nothing more.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import apsw

from palier.interfaces import Vectors
from palier.stores.documents import Collection, as_json, find_collection, readable
from palier.stores.schema import statements
from palier.stores.vectors import VectorMemory
from palier.types import Hit, Label, Principal

MAX_QUERY_TERMS = 128
"""Different terms of a query at most; the rest is dropped."""
MAX_QUERY_AUDIENCES = 64
"""Beyond them, the index is not asked to pass over what may not be read."""
Found = tuple[float, int, Collection]
"""Score, passage, collection."""
_SEPARATORS = dict.fromkeys((*range(32), 127), " ")


def nearest_passages(
    connection: apsw.Connection,
    memory: VectorMemory,
    names: Iterable[str],
    query: Vectors,
    encoder: tuple[str, int],
    limit: int,
    principal: Principal,
) -> list[Hit]:
    """The `limit` passages nearest to `query` by cosine. Raises `ConfigurationError` for another encoder's vectors."""
    audiences = readable(connection, principal)
    found: list[Found] = []
    for collection in _existing(connection, names):
        collection.check(*encoder)
        nearest = memory.nearest(connection, collection, query, audiences, limit)
        if nearest is None:
            nearest = _nearest_in_file(connection, collection, query, audiences, limit)
        found.extend((cosine, passage, collection) for passage, cosine in nearest)
    return [
        _hit(connection, collection, passage, score=cosine, cosine=cosine)
        for cosine, passage, collection in heapq.nsmallest(limit, found, key=lambda row: (-row[0], row[1]))
    ]


def best_passages(
    connection: apsw.Connection, names: Iterable[str], terms: Sequence[str], limit: int, principal: Principal
) -> list[Hit]:
    """The `limit` best passages that hold any of `terms` (already stemmed), by BM25 within their collection."""
    words = dict.fromkeys(tokens(terms).split(" "))
    words.pop("", None)
    if not words:
        return []
    audiences = readable(connection, principal)
    if not audiences:
        return []
    values = {"query": _match(connection, words, audiences), "readable": as_json(audiences), "limit": limit}
    found: list[Found] = []
    for collection in _existing(connection, names):
        rows = connection.execute(collection.statement("best"), values)
        found.extend((bm25, passage, collection) for passage, bm25 in rows)
    return [
        _hit(connection, collection, passage, score=bm25, bm25=bm25)
        for bm25, passage, collection in heapq.nsmallest(limit, found, key=lambda row: (-row[0], row[1]))
    ]


def readable_collections(connection: apsw.Connection, principal: Principal) -> list[dict[str, Any]]:
    """Collections of which `principal` may read something, counting only that."""
    audiences = as_json(readable(connection, principal))
    rows = connection.execute(statements("knowledge")["collections"], {"readable": audiences})
    names = ("name", "documents", "passages", "encoder", "dimension")
    return [dict(zip(names, row, strict=True)) for row in rows]


def tokens(terms: Iterable[str]) -> str:
    """Terms as the full-text index parts them: at spaces and control characters, whatever stands in them."""
    return " ".join(terms).translate(_SEPARATORS).encode("utf-8", "replace").decode()


def _match(connection: apsw.Connection, words: Iterable[str], audiences: Sequence[int]) -> str:
    """A full-text query for any of `words`, narrowed to the audiences where that spares work.

    It only has to let through all that may be read: the statement itself looks at each passage's audience.
    """
    terms = " OR ".join('"' + word.replace('"', '""') + '"' for word in islice(words, MAX_QUERY_TERMS))
    everything = connection.execute(statements("knowledge")["reads_everything"], (as_json(audiences),)).get
    if everything or len(audiences) > MAX_QUERY_AUDIENCES:
        return f"terms : ({terms})"
    return f"terms : ({terms}) AND audience : ({' OR '.join(map(str, audiences))})"


def _nearest_in_file(
    connection: apsw.Connection, collection: Collection, query: Vectors, audiences: Sequence[int], limit: int
) -> list[tuple[int, float]]:
    values = {
        "collection": collection.id,
        "vector": query.tobytes(),
        "readable": as_json(audiences),
        "limit": limit,
    }
    return list(connection.execute(statements("knowledge")["nearest"], values))


def _existing(connection: apsw.Connection, names: Iterable[str]) -> list[Collection]:
    found = (find_collection(connection, name) for name in dict.fromkeys(names))
    return [collection for collection in found if collection]


def _hit(
    connection: apsw.Connection,
    collection: Collection,
    passage: int,
    *,
    score: float,
    cosine: float = 0.0,
    bm25: float = 0.0,
) -> Hit:
    row = connection.execute(statements("knowledge")["hit"], (passage,))
    document, position, text, label, title, url, heading, language = next(row)
    return Hit(
        collection=collection.name,
        document=document,
        passage=position,
        text=text,
        label=Label(label),
        title=title,
        url=url,
        heading=heading,
        language=language,
        score=score,
        cosine=cosine,
        bm25=bm25,
    )
