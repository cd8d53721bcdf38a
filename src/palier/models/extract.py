"""Kind `extract`: answers with the sentences of the documents that answer, cited. It generates and invents nothing.

Sentences are weighed by words (`quoting`), the best of them by meaning too (sentence embeddings), and the best of all
is quoted (`choosing`) with what it cannot be read without (`composing`). Measured by benchmarks/extract_piaf.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import numpy as np

from palier.cards import ModelCard
from palier.config import Model as Settings
from palier.interfaces import Encoder, Resources, Vectors, Workers
from palier.models import catalogue
from palier.models.choosing import NOTHING, Quotation, choose, shortlist
from palier.models.quoting import Evidence, weigh
from palier.text import detect
from palier.types import Cited, Delta, Event, Finish, Hit, Metered, Prompt, Usage

_TOGETHER = 4
"""Texts that an encoder takes as questions, before documents that wait (`SentenceEncoder`)."""
_MAX_QUESTION = 2000
"""Characters of a question that are read."""

CARD = ModelCard(
    name="extract",
    kind="extract",
    title="quotes the sentences of the documents that answer",
    licence="Apache-2.0",
    capabilities=frozenset({"chat", "max_tokens", "stop", "seed", "temperature", "top_p"}),
    on_premises=True,
    generates=False,
)
"""`seed`, `temperature` and `top_p` are honoured because nothing here is left to chance."""


def build(name: str, settings: Settings, resources: Resources) -> Extract:
    """An `Extract` from `[models.NAME]`."""
    return Extract(resources.workers, resources.encoder, catalogue.card(name, settings, CARD))


class Extract:
    """`interfaces.Model`."""

    def __init__(self, workers: Workers, encoder: Encoder, card: ModelCard = CARD) -> None:
        self.card = card
        self._workers = workers
        self._encoder = encoder

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `interfaces.Model`: one `Delta` with the quotation, empty where there is nothing to quote from."""
        quotation = await self.quote(prompt)
        text, reason = _cut(quotation.text, prompt.parameters.stop, prompt.parameters.max_tokens)
        yield Delta(text=text)
        yield Cited(passages=quotation.passages, features=quotation.features)
        yield Finish(reason=reason)
        yield Metered(usage=Usage())

    async def health(self) -> tuple[bool, str]:
        return True, "ready"

    async def close(self) -> None:
        """Nothing is held."""

    async def quote(self, prompt: Prompt) -> Quotation:
        """The sentences that answer `prompt.question` best. Raises as the workers and the encoder do."""
        question = prompt.question[:_MAX_QUESTION]
        language = prompt.language or detect(question)
        evidence = [as_evidence(hit) for hit in prompt.passages]
        weighed = await self._workers.run(weigh, question, language, evidence)
        if not weighed.sentences:
            return NOTHING
        kept = shortlist(weighed)
        texts = [evidence[s.passage].text[s.start : s.end] for s in (weighed.sentences[i] for i in kept)]
        vectors = await self._encode([question, *texts])
        return choose(weighed, kept, np.asarray(vectors[1:] @ vectors[0], np.float64), evidence)

    async def _encode(self, texts: Sequence[str]) -> Vectors:
        few = [texts[start : start + _TOGETHER] for start in range(0, len(texts), _TOGETHER)]
        return np.concatenate(await asyncio.gather(*map(self._encoder.encode, few)))


def as_evidence(hit: Hit) -> Evidence:
    """What the scoring needs of a passage that was found."""
    title = " ".join(filter(None, (hit.title, hit.heading)))
    return Evidence(hit.text, title, hit.language, hit.score, hit.bm25)


def _cut(text: str, stop: Sequence[str], max_tokens: int | None) -> tuple[str, str]:
    """`text` before the first of `stop`, and its first `max_tokens` words; and why it ends."""
    ends = [end for mark in stop if mark and (end := text.find(mark)) >= 0]
    text = text[: min(ends)] if ends else text
    if max_tokens is None:
        return text, "stop"
    words = text.split(" ")
    return (text, "stop") if len(words) <= max_tokens else (" ".join(words[:max_tokens]), "length")
