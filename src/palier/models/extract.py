"""Kind `extract`: answers with the sentences of the documents that answer, cited. It generates and invents nothing.

Sentences are weighed by words (`quoting`), the best of them by meaning too (sentence embeddings), by a linear model
fitted as a choice among the sentences of one question (conditional logit; McFadden, 1974): benchmarks/extract_piaf.py.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palier.config import Model as Settings
from palier.interfaces import Encoder, Resources, Vectors, Workers
from palier.models import catalogue
from palier.models.composing import compose
from palier.models.quoting import SIGNALS, Evidence, Weighed, weigh
from palier.text import detect
from palier.types import Cited, Delta, Event, Features, Finish, Hit, Metered, ModelCard, Prompt, Usage

_EMBEDDED = 8
"""Sentences of a question that are compared by meaning: the best by words."""
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


class Scorer(NamedTuple):
    """A linear model over standardised signals, read from weights/extract.json."""

    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    weights: NDArray[np.float64]

    def scores(self, signals: NDArray[np.float64], cosines: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """One a row of `signals` (n, len(SIGNALS)); without `cosines` (n,), as if each were ordinary."""
        last = np.full((len(signals), 1), self.means[-1]) if cosines is None else cosines.reshape(-1, 1)
        scores: NDArray[np.float64] = ((np.hstack([signals, last]) - self.means) / self.scales) @ self.weights
        return scores


@cache
def scorer() -> Scorer:
    """The fitted weights. Raises `ValueError` where they are not for the signals of `quoting`."""
    fitted = json.loads(files("palier.models").joinpath("weights/extract.json").read_text(encoding="utf-8"))
    if tuple(fitted["signals"]) != (*SIGNALS, "cosine"):
        raise ValueError("weights/extract.json was fitted on other signals: run benchmarks/extract_piaf.py --fit")
    return Scorer(*(np.array(fitted[name], np.float64) for name in ("means", "scales", "weights")))


class Quotation(NamedTuple):
    """What is answered: the text, the passages it cites (1-based), the signals of its confidence."""

    text: str
    passages: tuple[int, ...]
    features: Features


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
            return Quotation("", (), dict.fromkeys(FEATURES, 0.0))
        kept = shortlist(weighed)
        texts = [evidence[s.passage].text[s.start : s.end] for s in (weighed.sentences[i] for i in kept)]
        vectors = await self._encode([question, *texts])
        return choose(weighed, kept, np.asarray(vectors[1:] @ vectors[0], np.float64), evidence)

    async def _encode(self, texts: Sequence[str]) -> Vectors:
        few = [texts[start : start + _TOGETHER] for start in range(0, len(texts), _TOGETHER)]
        return np.concatenate(await asyncio.gather(*map(self._encoder.encode, few)))


def shortlist(weighed: Weighed) -> list[int]:
    """The best candidates by words, best first: positions in `weighed.sentences`."""
    scores = scorer().scores(weighed.signals)
    return [int(i) for i in np.argsort(-scores, kind="stable")[:_EMBEDDED]]


def choose(
    weighed: Weighed, kept: Sequence[int], cosines: NDArray[np.float64], evidence: Sequence[Evidence]
) -> Quotation:
    """The best of the candidates `kept`, with what belongs to it; `cosines` (len(kept),) are with the question."""
    signals = weighed.signals[list(kept)]
    scores = scorer().scores(signals, cosines)
    best = int(np.argmax(scores))
    sentence = weighed.sentences[kept[best]]
    text = compose(evidence[sentence.passage].text, sentence.start, sentence.end, sentence.passage + 1)
    return Quotation(text, (sentence.passage + 1,), _features(weighed, signals, scores, cosines, best))


FEATURES = (
    "quoted",
    "coverage",
    "near",
    "passage_coverage",
    "title_coverage",
    "kind_met",
    "kind_missed",
    "length",
    "score",
    "score_margin",
    "cosine",
    "best",
    "margin",
    "share",
    "agreement",
    "terms",
)
"""What the confidence of a quotation is made of."""


def _features(
    weighed: Weighed,
    signals: NDArray[np.float64],
    scores: NDArray[np.float64],
    cosines: NDArray[np.float64],
    best: int,
) -> Features:
    row = dict(zip(SIGNALS, (float(value) for value in signals[best]), strict=True))
    weights = np.exp(scores - scores.max())
    others = np.delete(scores, best)
    tops = {round(float(value), 9) for value in weighed.signals[:, SIGNALS.index("score")]}
    ranked = sorted(tops, reverse=True)
    return {
        "quoted": 1.0,
        **{name: row[name] for name in FEATURES if name in row},
        "score_margin": row["score"] - next((score for score in ranked if score < row["score"] - 1e-6), ranked[-1]),
        "cosine": float(cosines[best]),
        "best": float(scores[best]),
        "margin": float(scores[best] - others.max()) if len(others) else 0.0,
        "share": float(weights[best] / weights.sum()),
        "agreement": float(int(np.argmax(cosines)) == best),
        "terms": math.log1p(weighed.terms),
    }


def as_evidence(hit: Hit) -> Evidence:
    """What the scoring needs of a passage that was found."""
    title = " ".join(filter(None, (hit.title, hit.heading)))
    return Evidence(hit.text, title, hit.language, hit.score, hit.cosine, hit.bm25)


def _cut(text: str, stop: Sequence[str], max_tokens: int | None) -> tuple[str, str]:
    """`text` before the first of `stop`, and its first `max_tokens` words; and why it ends."""
    ends = [end for mark in stop if mark and (end := text.find(mark)) >= 0]
    text = text[: min(ends)] if ends else text
    if max_tokens is None:
        return text, "stop"
    words = text.split(" ")
    return (text, "stop") if len(words) <= max_tokens else (" ".join(words[:max_tokens]), "length")
