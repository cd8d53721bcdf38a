"""What is done to documents on a connection: put, delete, get, list. Each is one job of a `Database`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import apsw
import msgspec

from palier.access import NOBODY_NAME
from palier.errors import ConfigurationError
from palier.interfaces import SourceDocument, Vectors
from palier.stores.readers import as_json, check_writable, list_readers, names_of, readable, stay_open
from palier.stores.schema import statements
from palier.types import Document, Label, Passage, Principal
from palier.versions import Labelled


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection's row. Its encoder is that of its first document, for as long as it has one."""

    id: int
    name: str
    encoder: str
    dimension: int

    def check(self, encoder: str, dimension: int) -> None:
        """Raise `ConfigurationError` unless vectors of this encoder may be compared with those that are kept."""
        if (encoder, dimension) != (self.encoder, self.dimension):
            raise ConfigurationError(
                f"collection `{self.name}` was indexed by {self.encoder} ({self.dimension} dimensions), "
                f"not by {encoder} ({dimension})",
                hint="delete its documents and ingest them again, or configure the encoder it was indexed by",
            )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be written: for each passage a row of `vectors`, and in `terms` how often each one stands.

    `marks` are those of its text, with the name of who made them; None where nobody does.
    """

    document: Document
    passages: Sequence[Passage]
    vectors: Vectors
    terms: Sequence[Mapping[str, int]]
    marks: tuple[str, bytes] | None = None


def find_collection(connection: apsw.Connection, name: str) -> Collection | None:
    """The collection called `name`, if it holds anything."""
    row = connection.execute(statements("knowledge")["collection"], (name,)).fetchone()
    return Collection(*row) if row else None


def opened_collections(
    connection: apsw.Connection, principal: Principal, names: Iterable[str] | None
) -> list[Collection]:
    """Those of `names` (None: of all) that hold anything and that `principal` may read: no other is looked at."""
    values = {
        "names": None if names is None else as_json(list(names)),
        "groups": as_json(names_of(principal)),
        "admin": principal.admin,
    }
    return [Collection(*row) for row in connection.execute(statements("knowledge")["opened"], values)]


def opened_collection(connection: apsw.Connection, name: str, principal: Principal) -> Collection | None:
    """The collection called `name`, if it holds anything and `principal` may read it."""
    return next(iter(opened_collections(connection, principal, [name])), None)


def put_documents(
    connection: apsw.Connection, batch: Sequence[Prepared], encoder: str, dimension: int, writer: Principal
) -> None:
    """Write each document in the place of the one of its name, where `writer` may."""
    for prepared in batch:
        check_writable(connection, prepared.document, writer)
        collection = _own_collection(connection, prepared.document.collection, encoder, dimension)
        _remove(connection, collection, prepared.document.id, None)
        _insert(connection, collection, prepared)


def delete_documents(connection: apsw.Connection, name: str, documents: Sequence[str], writer: Principal) -> int:
    """Delete those that exist and `writer` may read, and their collection with the last; how many there were."""
    collection = opened_collection(connection, name, writer)
    if collection is None:
        return 0
    audiences = frozenset(readable(connection, writer))
    deleted = sum(_remove(connection, collection, document, audiences) for document in documents)
    connection.execute(statements("knowledge")["drop_empty_collection"], {"collection": collection.id})
    if connection.changes() and not writer.admin:
        stay_open(connection, name)
    for _ in connection.execute(statements("knowledge")["vacuum"]):
        pass
    return deleted


def raise_labels(connection: apsw.Connection, least: Mapping[str, Label]) -> None:
    """Give the documents of each collection at least its label."""
    for name, label in least.items():
        lower = as_json([other for other in Label if other.rank < label.rank])
        connection.execute(statements("knowledge")["raise_labels"], {"name": name, "label": label, "lower": lower})


def get_document(connection: apsw.Connection, collection: str, document: str, principal: Principal) -> Document | None:
    """The document, if it exists and `principal` may read it."""
    if (found := opened_collection(connection, collection, principal)) is None:
        return None
    values = {"collection": found.id, "name": document, "readable": as_json(readable(connection, principal))}
    row = connection.execute(statements("knowledge")["get"], values).fetchone()
    return document_of(collection, row) if row else None


def list_documents(
    connection: apsw.Connection, collection: str, principal: Principal, after: str, limit: int
) -> list[Document]:
    """Documents that `principal` may read, in order of id, without their text."""
    if (found := opened_collection(connection, collection, principal)) is None:
        return []
    values = {
        "collection": found.id,
        "after": after,
        "limit": max(limit, 0),
        "readable": as_json(readable(connection, principal)),
    }
    return [document_of(collection, row) for row in connection.execute(statements("knowledge")["list"], values)]


def source_document(connection: apsw.Connection, collection: str, document: str) -> SourceDocument | None:
    """A document as lessons see it, whoever may read it."""
    sql = statements("knowledge")
    row = connection.execute(sql["source"], (collection, document)).fetchone()
    if row is None:
        return None
    number, title, label, updated, groups = row
    readers = [found for found in list_readers(connection, collection) if not found.everyone]
    return SourceDocument(
        collection=collection,
        document=document,
        title=title,
        label=Label(label),
        updated=updated,
        groups=msgspec.json.decode(groups, type=tuple[str, ...]),
        readers=(readers[0].readers or (NOBODY_NAME,)) if readers else (),
        passages=dict(connection.execute(sql["source_passages"], (number,))),
    )


def labelled_documents(connection: apsw.Connection, documents: Sequence[tuple[str, str]]) -> Iterator[Labelled]:
    """Those of `documents` that are there, with how confidential they are."""
    for collection, document in documents:
        row = connection.execute(statements("knowledge")["source"], (collection, document)).fetchone()
        if row is not None:
            groups = msgspec.json.decode(row[4], type=tuple[str, ...])
            yield Labelled(collection=collection, document=document, label=Label(row[2]), groups=groups)


def _own_collection(connection: apsw.Connection, name: str, encoder: str, dimension: int) -> Collection:
    if found := find_collection(connection, name):
        found.check(encoder, dimension)
        return found
    values = {"name": name, "encoder": encoder, "dimension": dimension}
    number = int(connection.execute(statements("knowledge")["create_collection"], values).get)
    return Collection(number, name, encoder, dimension)


def _insert(connection: apsw.Connection, collection: Collection, prepared: Prepared) -> None:
    sql = statements("knowledge")
    document = prepared.document
    audience = _audience(connection, document.groups)
    row = {
        **{field: getattr(document, field) for field in ("title", "url", "language", "digest", "source", "updated")},
        "collection": collection.id,
        "audience": audience,
        "passages": len(prepared.passages),
        "name": document.id,
        "label": document.label.value,
        "groups": as_json(document.groups),
        "metadata": as_json(document.metadata),
        "text": document.text,
    }
    number = connection.execute(sql["insert_document"], row).get
    if prepared.marks:
        connection.execute(sql["insert_mark"], (number, *prepared.marks))
    for passage, vector, terms in zip(prepared.passages, prepared.vectors, prepared.terms, strict=True):
        values = (number, audience, passage.index, passage.heading, passage.start, passage.end, passage.text)
        row_id = connection.execute(sql["insert_passage"], values).get
        connection.execute(sql["insert_vector"], (row_id, collection.id, audience, vector.tobytes()))
        length = sum(terms.values())
        postings = (
            (collection.id, row_id, term, row_id, audience, frequency, length) for term, frequency in terms.items()
        )
        connection.executemany(sql["insert_posting"], postings)
    terms_added = sum(sum(terms.values()) for terms in prepared.terms)
    _count(connection, collection, added=len(prepared.passages), terms=terms_added)


def _remove(
    connection: apsw.Connection, collection: Collection, document: str, audiences: Container[int] | None
) -> bool:
    """Take a document (of `audiences`) away with all that was made of it, and its audience with the last of it."""
    sql = statements("knowledge")
    row = connection.execute(sql["find_document"], (collection.id, document)).fetchone()
    if row is None or (audiences is not None and row[1] not in audiences):
        return False
    number, audience, passages = row
    gone = connection.execute(sql["delete_postings"], {"collection": collection.id, "document": number})
    terms = sum(frequency for (frequency,) in gone)
    connection.execute(sql["delete_document"], (number,))
    connection.execute(sql["drop_empty_audience"], {"audience": audience})
    _count(connection, collection, removed=passages, terms=-terms)
    return True


def _count(
    connection: apsw.Connection, collection: Collection, *, added: int = 0, removed: int = 0, terms: int = 0
) -> None:
    values = {"collection": collection.id, "added": added, "removed": removed, "terms": terms}
    connection.execute(statements("knowledge")["changed"], values)


def _audience(connection: apsw.Connection, groups: Sequence[str]) -> int:
    sql = statements("knowledge")
    names = as_json(sorted(set(groups)))
    if row := connection.execute(sql["audience"], (names,)).fetchone():
        return int(row[0])
    number = int(connection.execute(sql["create_audience"], (names,)).get)
    connection.execute(sql["create_members"], {"audience": number, "groups": names})
    return number


def document_of(collection: str, row: tuple[str, str, str, str, str, str, str, str, str, float, str]) -> Document:
    name, title, url, language, label, groups, metadata, digest, source, updated, text = row
    return Document(
        id=name,
        collection=collection,
        title=title,
        url=url,
        language=language,
        label=Label(label),
        groups=msgspec.json.decode(groups, type=tuple[str, ...]),
        metadata=msgspec.json.decode(metadata),
        digest=digest,
        source=source,
        updated=updated,
        text=text,
    )
