"""`/openapi.json`: our own OpenAPI 3.1 document, made from the types that decode and encode, so that it stays true."""

from __future__ import annotations

from typing import Literal

import msgspec

from palier import __version__
from palier.server.feedback_api import FeedbackFacts, FeedbackPost
from palier.server.models import ModelEntry, ModelList
from palier.server.palier_api import (
    DocumentDeleted,
    DocumentFacts,
    DocumentList,
    DocumentPut,
    Search,
    SearchResult,
)
from palier.server.probes import Alive, Readiness
from palier.server.reply_chat import ChatCompletion
from palier.server.reply_completions import TextCompletion
from palier.server.traces_api import TraceList
from palier.server.wire import Sent
from palier.server.wire_chat import ChatRequest
from palier.server.wire_completions import CompletionRequest
from palier.server.wire_embeddings import EmbeddingRequest, Embeddings
from palier.types import JSON, Label, Trace


class ErrorFacts(Sent, frozen=True, kw_only=True):
    """`param` names the field at fault; `code` is a stable word."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(Sent, frozen=True, kw_only=True):
    error: ErrorFacts


class CollectionFacts(Sent, frozen=True, kw_only=True):
    """A collection and the vector space of its index."""

    name: str
    documents: int
    passages: int
    encoder: str
    dimension: int


class CollectionList(Sent, frozen=True, kw_only=True):
    object: Literal["list"] = "list"
    data: list[CollectionFacts]


_EVENT = {
    "type": "object",
    "description": "One server-sent event, with `stream: true`.",
    "required": ["data"],
    "properties": {
        "data": {"type": "string", "description": "A chunk as JSON, `[DONE]` at the end, or an error object."},
        "event": {"type": "string", "enum": ["message", "error"]},
    },
}
_LABEL = {
    "name": "X-Palier-Label",
    "in": "header",
    "description": "Raises the label of what the client wrote above the route's; never lowers it.",
    "schema": {"type": "string", "enum": list(Label)},
}
_LOCAL_ONLY = {
    "name": "X-Palier-Local-Only",
    "in": "header",
    "description": "With `true`, nothing of the request leaves the premises.",
    "schema": {"type": "string", "enum": ["true", "false"]},
}
_CONVERSATION = {
    "name": "X-Palier-Conversation",
    "in": "header",
    "description": "A name of the conversation, by which a `sticky` route knows it again.",
    "schema": {"type": "string", "maxLength": 200},
}
_ASKED = (_LABEL, _LOCAL_ONLY, _CONVERSATION)
_COLLECTION = {
    "name": "collection",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
}
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "May contain slashes.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 512},
}
_AFTER = {"name": "after", "in": "query", "description": "Ids after this one.", "schema": {"type": "string"}}


def _limit(default: int) -> JSON:
    schema = {"type": "integer", "minimum": 1, "maximum": 1000, "default": default}
    return {"name": "limit", "in": "query", "schema": schema}


_TRACES: tuple[JSON, ...] = (
    _limit(50),
    {"name": "route", "in": "query", "schema": {"type": "string"}},
    {"name": "before", "in": "query", "description": "Older than this time.", "schema": {"type": "number"}},
    {
        "name": "before_id",
        "in": "query",
        "description": "Of that time, those before this.",
        "schema": {"type": "string"},
    },
)


class _Operation(msgspec.Struct, frozen=True):
    """One method of one path: its name, what it takes and what it gives."""

    name: str
    summary: str
    gives: type[msgspec.Struct] | None
    takes: type[msgspec.Struct] | None = None
    parameters: tuple[JSON, ...] = ()
    streams: bool = False
    open: bool = False
    text: bool = False
    """It gives plain text."""


_OPERATIONS: dict[str, dict[str, _Operation]] = {
    "/v1/chat/completions": {
        "post": _Operation("chat", "Answer a conversation", ChatCompletion, ChatRequest, _ASKED, streams=True)
    },
    "/v1/completions": {
        "post": _Operation("complete", "Complete a text", TextCompletion, CompletionRequest, _ASKED, streams=True)
    },
    "/v1/embeddings": {"post": _Operation("embed", "Texts to vectors", Embeddings, EmbeddingRequest)},
    "/v1/models": {"get": _Operation("listModels", "Routes, tiers and the embedding model", ModelList)},
    "/v1/models/{id}": {"get": _Operation("getModel", "One of them", ModelEntry, parameters=(_ID,))},
    "/v1/palier/search": {"post": _Operation("search", "The passages that fit a question", SearchResult, Search)},
    "/v1/palier/feedback": {
        "post": _Operation("rate", "What whoever asked thinks of an answer", FeedbackFacts, FeedbackPost)
    },
    "/v1/palier/traces": {
        "get": _Operation("listTraces", "What was asked, newest first", TraceList, parameters=_TRACES)
    },
    "/v1/palier/traces/{id}": {
        "get": _Operation("getTrace", "One request, with its words while they are kept", Trace, parameters=(_ID,))
    },
    "/v1/palier/collections": {"get": _Operation("listCollections", "The collections", CollectionList)},
    "/v1/palier/collections/{collection}/documents": {
        "get": _Operation(
            "listDocuments", "Documents in order of id", DocumentList, parameters=(_COLLECTION, _AFTER, _limit(100))
        )
    },
    "/v1/palier/collections/{collection}/documents/{id}": {
        "put": _Operation("putDocument", "Insert or replace", DocumentFacts, DocumentPut, (_COLLECTION, _ID)),
        "get": _Operation("getDocument", "A document with its text", DocumentFacts, parameters=(_COLLECTION, _ID)),
        "delete": _Operation("deleteDocument", "Delete", DocumentDeleted, parameters=(_COLLECTION, _ID)),
    },
    "/metrics": {"get": _Operation("metrics", "What routes promise, for Prometheus", None, text=True)},
    "/healthz": {"get": _Operation("alive", "The process answers", Alive, open=True)},
    "/readyz": {"get": _Operation("ready", "Every route could be answered (else 503)", Readiness, open=True)},
    "/openapi.json": {"get": _Operation("document", "This document", None, open=True)},
}


def document() -> JSON:
    """The OpenAPI 3.1 document."""
    operations = [operation for methods in _OPERATIONS.values() for operation in methods.values()]
    kinds = {kind for operation in operations for kind in (operation.gives, operation.takes) if kind is not None}
    kinds.add(Error)
    _, schemas = msgspec.json.schema_components(
        sorted(kinds, key=lambda kind: kind.__name__), ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "palier",
            "version": __version__,
            "description": "The OpenAI API over a staircase of models, and the documents they answer from.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"key": []}],
        "paths": {
            path: {method: _operation(operation) for method, operation in methods.items()}
            for path, methods in _OPERATIONS.items()
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
        },
    }


def _operation(operation: _Operation) -> JSON:
    content: JSON = {"application/json": {"schema": _reference(operation.gives)}}
    if operation.text:
        content = {"text/plain": {"schema": {"type": "string"}}}
    if operation.streams:
        content["text/event-stream"] = {"schema": _EVENT}
    out: JSON = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {
            "200": {"description": "Done", "content": content},
            "default": {"description": "An error", "content": {"application/json": {"schema": _reference(Error)}}},
        },
    }
    if operation.gives is Readiness:
        out["responses"]["503"] = {"description": "Not ready", "content": content}
    if operation.parameters:
        out["parameters"] = list(operation.parameters)
    if operation.takes is not None:
        out["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(operation.takes)}},
        }
    if operation.open:
        out["security"] = []
    return out


def _reference(kind: type[msgspec.Struct] | None) -> JSON:
    return {"$ref": f"#/components/schemas/{kind.__name__}"} if kind is not None else {"type": "object"}
