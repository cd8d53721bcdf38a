"""The vectors of the questions of records, by the encoder that the gateway uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from palier.errors import InvalidRequest
from palier.interfaces import Vectors
from palier.retrieval import sentence_model
from palier.routing.records import Record

BATCH = 64


def vectors(records: Sequence[Record], *, done: Callable[[int], None] | None = None) -> Vectors:
    """Unit vectors (n, 512). `done` is told how many more there are. Raises `InvalidRequest` for one without `text`."""
    texts = [_text(record) for record in records]
    parts = []
    for start in range(0, len(texts), BATCH):
        parts.append(sentence_model.embed(texts[start : start + BATCH]))
        if done is not None:
            done(len(parts[-1]))
    return np.concatenate(parts) if parts else np.empty((0, sentence_model.DIMENSION), np.float32)


def _text(record: Record) -> str:
    if not record.text or not record.text.strip():
        raise InvalidRequest(
            f"record `{record.id}` has no `text`, and the policy goes by the question",
            hint="palier traces export --records --with-text writes it",
            param="text",
        )
    return record.text
