"""Search on a connection, by vector and by terms: only what a principal may read is looked at, never sorted out after.

BM25 weighs a term by how rare it is in the collections that are searched and that whoever asks may read, documents of
them that it may not read included: a score may tell that, and nothing more. A collection that it may not read at all
weighs nothing.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import apsw

from palier.interfaces import Vectors
from palier.stores.documents import Collection, opened_collection, opened_collections
from palier.stores.readers import as_json, readable
from palier.stores.schema import statements
from palier.stores.vectors import VectorMemory
from palier.types import Hit, Label, Principal

MAX_QUERY_TERMS = 128
"""Different terms of a query at most; the rest is dropped."""
K1, B = 1.2, 0.75
"""How soon a repeated term counts no more, and how much a long passage has to hold (Robertson and Zaragoza, 2009)."""


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
    found: list[tuple[int, float]] = []
    for collection in opened_collections(connection, principal, names):
        collection.check(*encoder)
        nearest = memory.nearest(connection, collection, query, audiences, limit)
        if nearest is None:
            nearest = _nearest_in_file(connection, collection, query, audiences, limit)
        found.extend(nearest)
    best = heapq.nsmallest(limit, found, key=lambda row: (-row[1], row[0]))
    return [_hit(connection, passage, score=cosine, cosine=cosine) for passage, cosine in best]


def best_passages(
    connection: apsw.Connection, names: Iterable[str], terms: Iterable[str], limit: int, principal: Principal
) -> list[Hit]:
    """The `limit` best passages that hold any of `terms` (already stemmed), by BM25 within all of the collections."""
    audiences = readable(connection, principal)
    if not audiences:
        return []
    sql = statements("knowledge")
    searched = as_json([collection.id for collection in opened_collections(connection, principal, names)])
    passages, length = next(connection.execute(sql["corpus"], (searched,)))
    blocks = as_json(list(connection.execute(sql["blocks"], (searched,))))
    words = islice(filter(_is_unicode, dict.fromkeys(terms)), MAX_QUERY_TERMS)
    frequencies = connection.execute(sql["frequencies"], {"blocks": blocks, "terms": as_json(list(words))})
    weights = [(term, rarity(passages, frequency)) for term, frequency in frequencies]
    if not weights:
        return []
    values = {
        "blocks": blocks,
        "weights": as_json(weights),
        "mean_length": length / passages,
        "k1": K1,
        "b": B,
        "readable": as_json(audiences),
        "limit": limit,
    }
    best = list(connection.execute(sql["best"], values))
    return [_hit(connection, passage, score=bm25, bm25=bm25) for passage, bm25 in best]


def rarity(passages: float, frequency: int) -> float:
    """The weight of a term that stands in `frequency` of `passages`: above 0 even where it stands in all.

    Lucene's form of the inverse document frequency; the older one, without `1 +`, is below 0 for a term of every other
    passage, and leaves nothing to be found by in a collection of one document.
    """
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


def readable_collections(connection: apsw.Connection, principal: Principal) -> list[dict[str, Any]]:
    """Collections of which `principal` may read something, counting only that."""
    opened = [collection.id for collection in opened_collections(connection, principal, None)]
    values = {"opened": as_json(opened), "readable": as_json(readable(connection, principal))}
    rows = connection.execute(statements("knowledge")["collections"], values)
    names = ("name", "documents", "passages", "encoder", "dimension")
    return [dict(zip(names, row, strict=True)) for row in rows]


def label_of(connection: apsw.Connection, hit: Hit, principal: Principal) -> Label | None:
    """The label that what was found has now; None where it stands there no more in the same words."""
    if (collection := opened_collection(connection, hit.collection, principal)) is None:
        return None
    values = {
        "collection": collection.id,
        "name": hit.document,
        "title": hit.title,
        "heading": hit.heading,
        "text": hit.text,
        "readable": as_json(readable(connection, principal)),
    }
    label = connection.execute(statements("knowledge")["standing"], values).get
    return None if label is None else Label(label)


def standing_documents(connection: apsw.Connection, keys: Sequence[str], principal: Principal) -> list[bool]:
    """Whether the document of each `Hit.key` is there, and `principal` may read it.

    The names in a key may hold `/`: where it can be read as several documents that are there, all must be readable.
    """
    anybody = Principal(admin=True)
    answers = []
    for key in keys:
        name = key.rpartition("#")[0]
        splits = [(name[:i], name[i + 1 :]) for i, character in enumerate(name) if character == "/"]
        there = [each for each in splits if _is_there(connection, *each, anybody)]
        answers.append(bool(there) and all(_is_there(connection, *each, principal) for each in there))
    return answers


def _is_there(connection: apsw.Connection, collection: str, document: str, principal: Principal) -> bool:
    found = opened_collection(connection, collection, principal)
    if found is None:
        return False
    values = {"collection": found.id, "name": document, "readable": as_json(readable(connection, principal))}
    return connection.execute(statements("knowledge")["is_there"], values).fetchone() is not None


def _is_unicode(term: str) -> bool:
    """Half of a surrogate pair stands in no text that is kept."""
    return not any("\ud800" <= character <= "\udfff" for character in term)


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


def _hit(connection: apsw.Connection, passage: int, *, score: float, cosine: float = 0.0, bm25: float = 0.0) -> Hit:
    row = next(connection.execute(statements("knowledge")["hit"], (passage,)))
    collection, document, position, text, label, title, url, heading, language = row
    return Hit(
        collection=collection,
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
