"""`/v1/embeddings`: received and sent."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from palier.errors import InvalidRequest
from palier.interfaces import Vectors
from palier.server.wire import Sent, Wire, decode
from palier.server.wire_parameters import ShortText

MAX_INPUTS = 2048

TokenId = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class EmbeddingRequest(Wire, frozen=True, kw_only=True):
    """`dimensions` keeps the first of them and makes the vector a unit vector again."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    input: str | Annotated[list[str | TokenId | list[TokenId]], Meta(min_length=1, max_length=MAX_INPUTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: ShortText | None = None


class Embedding(Sent, frozen=True, kw_only=True):
    """`embedding` is a list of numbers, or base64 of little-endian float32."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Sent, frozen=True, kw_only=True):
    prompt_tokens: int
    total_tokens: int


class Embeddings(Sent, frozen=True, kw_only=True):
    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: EmbeddingUsage | UnsetType = UNSET


_DECODER = msgspec.json.Decoder(EmbeddingRequest)


def decode_embedding(body: bytes) -> EmbeddingRequest:
    """An embedding request, checked. Raises `InvalidRequest` naming the field."""
    return decode(_DECODER, body)


def inputs(wire: EmbeddingRequest) -> list[str] | list[list[int]]:
    """Texts, or the token arrays of texts. Raises `InvalidRequest` where they are mixed or empty."""
    given = [wire.input] if isinstance(wire.input, str) else wire.input
    for index, item in enumerate(given):
        if item == "" or item == []:
            raise InvalidRequest(f"`input[{index}]` is empty", param="input")
    texts = [item for item in given if isinstance(item, str)]
    arrays = [item for item in given if isinstance(item, list)]
    ids = [item for item in given if isinstance(item, int)]
    if len(texts) == len(given):
        return texts
    if len(arrays) == len(given):
        return arrays
    if len(ids) == len(given):
        return [ids]
    raise InvalidRequest("`input` mixes texts and token numbers", hint="send one kind", param="input")


def check_dimensions(wanted: int | None, dimension: int) -> None:
    """Raise `InvalidRequest` where the model has not so many."""
    if wanted is not None and wanted > dimension:
        raise InvalidRequest(
            f"`dimensions` is {wanted}: the vectors of this model have {dimension}", param="dimensions"
        )


def shortened(vectors: Vectors, dimensions: int | None) -> Vectors:
    """The first `dimensions` of each vector, made unit vectors again."""
    if dimensions is None or dimensions == vectors.shape[1]:
        return vectors
    cut = vectors[:, :dimensions]
    norms = np.linalg.norm(cut, axis=1, keepdims=True)
    return np.asarray(cut / np.where(norms == 0, 1, norms), np.float32)


def embeddings(vectors: Vectors, model: str, tokens: int | None, encoding: str | None) -> Embeddings:
    """The answer; vectors of shape (inputs, dimensions)."""
    shown: Sequence[list[float] | str]
    if encoding == "base64":
        shown = [base64.b64encode(np.ascontiguousarray(row, "<f4").tobytes()).decode() for row in vectors]
    else:
        shown = vectors.tolist()
    return Embeddings(
        model=model,
        data=[Embedding(index=index, embedding=row) for index, row in enumerate(shown)],
        usage=UNSET if tokens is None else EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens),
    )
