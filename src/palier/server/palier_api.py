"""palier's own part of the wire: documents of collections, search, and whether the gateway is well."""

from __future__ import annotations

import re
import time
from typing import Annotated, Literal
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from palier.config import least_label
from palier.errors import InvalidRequest, NotFound
from palier.server.endpoint import Call
from palier.server.replies import Reply, json_reply
from palier.server.wire import Sent, Wire, check_depth, decode
from palier.types import JSON, Document, Hit, Label

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_ID = 512
_MAX_LIST = 1000


class DocumentPut(Wire, frozen=True, kw_only=True):
    """A document's content. Without a `label` it has that of its collection, else it is confidential: it stays home."""

    text: Annotated[str, Meta(min_length=1)]
    title: Annotated[str, Meta(max_length=2000)] = ""
    url: Annotated[str, Meta(max_length=4000)] = ""
    language: Annotated[str, Meta(pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$")] = ""
    label: Label | None = None
    groups: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=100)] = ()
    metadata: JSON = msgspec.field(default_factory=dict)


class DocumentFacts(Sent, frozen=True, kw_only=True):
    """A document; `text` is left out of lists and of the answer to a PUT."""

    id: str
    object: Literal["palier.document"] = "palier.document"
    collection: str
    title: str
    url: str
    language: str
    label: Label
    groups: tuple[str, ...]
    metadata: JSON
    updated: float
    text: str | msgspec.UnsetType = msgspec.UNSET


class DocumentList(Sent, frozen=True, kw_only=True):
    """Documents in order of id. `has_more`: ask again with `after` the last id."""

    object: Literal["list"] = "list"
    data: list[DocumentFacts]
    has_more: bool


class DocumentDeleted(Sent, frozen=True, kw_only=True):
    id: str
    object: Literal["palier.document.deleted"] = "palier.document.deleted"
    deleted: Literal[True] = True


class Search(Wire, frozen=True, kw_only=True):
    """A question to the passages of `collections`, all of them where none is named.

    `user` is who asks, where the key speaks for users so; else it is ignored.
    """

    query: Annotated[str, Meta(min_length=1, max_length=4000)]
    collections: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    user: Annotated[str, Meta(max_length=512)] | None = None


class SearchResult(Sent, frozen=True, kw_only=True):
    """Passages, best first."""

    object: Literal["list"] = "list"
    data: list[Hit]


_PUT = msgspec.json.Decoder(DocumentPut)
_SEARCH = msgspec.json.Decoder(Search)


async def put_document(call: Call) -> Reply:
    """`PUT /v1/palier/collections/{collection}/documents/{id}`: visible to the next search when it returns."""
    collection, name = _collection(call), _id(call)
    wire = decode(_PUT, call.body)
    check_depth(wire.metadata, "metadata")
    if not wire.text.strip():
        raise InvalidRequest("`text` is blank", param="text")
    document = Document(
        id=name,
        collection=collection,
        text=wire.text,
        title=wire.title,
        url=wire.url,
        language=wire.language,
        label=least_label(call.palier.settings, collection, wire.label) or Label.CONFIDENTIAL,
        groups=wire.groups,
        metadata=wire.metadata,
        source="http",
        updated=time.time(),
    )
    await call.palier.put_documents([document], call.principal)
    return json_reply(_facts(document))


async def get_document(call: Call) -> Reply:
    """`GET /v1/palier/collections/{collection}/documents/{id}`."""
    collection, name = _collection(call), _id(call)
    document = await call.palier.get_document(collection, name, call.principal)
    if document is None:
        raise _no_document(collection, name)
    return json_reply(msgspec.structs.replace(_facts(document), text=document.text))


async def delete_document(call: Call) -> Reply:
    """`DELETE /v1/palier/collections/{collection}/documents/{id}`."""
    collection, name = _collection(call), _id(call)
    if not await call.palier.delete_documents(collection, [name], call.principal):
        raise _no_document(collection, name)
    return json_reply(DocumentDeleted(id=name))


async def list_documents(call: Call) -> Reply:
    """`GET /v1/palier/collections/{collection}/documents?after=ID&limit=N`."""
    collection = _collection(call)
    query = query_of(call, {"after", "limit"})
    limit = query_limit(query.get("limit", "100"))
    found = await call.palier.list_documents(collection, call.principal, query.get("after", ""), limit + 1)
    return json_reply(DocumentList(data=[_facts(document) for document in found[:limit]], has_more=len(found) > limit))


async def list_collections(call: Call) -> Reply:
    """`GET /v1/palier/collections`."""
    return json_reply({"object": "list", "data": await call.palier.list_collections(call.principal)})


async def search(call: Call) -> Reply:
    """`POST /v1/palier/search`."""
    wire = decode(_SEARCH, call.body)
    principal = call.caller.asking_for(wire.user)
    hits = await call.palier.search(wire.query, wire.collections, wire.limit, principal)
    return json_reply(SearchResult(data=list(hits)))


def _facts(document: Document) -> DocumentFacts:
    return DocumentFacts(
        id=document.id,
        collection=document.collection,
        title=document.title,
        url=document.url,
        language=document.language,
        label=document.label,
        groups=document.groups,
        metadata=document.metadata,
        updated=document.updated,
    )


def _no_document(collection: str, id: str) -> NotFound:
    return NotFound(f"collection `{collection}` has no document `{id}`", param="id")


def _collection(call: Call) -> str:
    return check_collection(call.path["collection"])


def check_collection(name: str) -> str:
    """`name`, if a collection can be called that. Raises `InvalidRequest`."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"`{name[:80]}` is no name of a collection",
            hint="letters, digits, '.', '_', '-'; 64 at most",
            param="collection",
        )
    return name


def _id(call: Call) -> str:
    name = call.path["id"]
    if not 0 < len(name) <= _MAX_ID or not name.isprintable():
        raise InvalidRequest(f"the document's id must be printable, {_MAX_ID} characters at most", param="id")
    return name


def query_of(call: Call, known: set[str]) -> dict[str, str]:
    """The parameters of the query string. Raises `InvalidRequest` for one that is not `known`."""
    try:
        pairs = parse_qsl(call.query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10)
    except ValueError:
        raise InvalidRequest("the query string is not valid") from None
    for name, value in pairs:
        if name not in known:
            raise InvalidRequest(
                f"unknown parameter `{name[:80]}`", hint=f"known: {', '.join(sorted(known))}", param=name
            )
        if "\0" in value:
            raise InvalidRequest(f"`{name}` holds the character U+0000", param=name)
    return dict(pairs)


def query_limit(text: str) -> int:
    """How many at most. Raises `InvalidRequest`."""
    if not re.fullmatch(r"\d{1,4}", text) or not 1 <= int(text) <= _MAX_LIST:
        raise InvalidRequest(f"`limit` is `{text[:40]}`: a number from 1 to {_MAX_LIST}", param="limit")
    return int(text)
