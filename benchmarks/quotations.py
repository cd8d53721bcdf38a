"""What the extract tier answers on PIAF, question by question: the rows that its weights and its confidence are fitted on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.piaf import Question, holds
from palier.models import choosing, extract
from palier.models.quoting import Evidence, Weighed, weigh
from palier.retrieval import sentence_model
from palier.types import Features, Hit

PASSAGES = 6
"""A route's default."""
SEARCHED = 10
"""Enough to have `PASSAGES` left when those of the question's own paragraph are taken out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One answer: the sentence chosen, its signals, and whether it holds an accepted answer.

    `answerable` False: the question's own paragraph was not in the collection, and nothing is right.
    """

    question: Question
    sentence: str
    features: Features
    right: bool
    right_there: bool
    """`right`, in the very paragraph that the question was asked on."""
    any_of: bool
    """Whether one of the three best sentences holds it."""
    answerable: bool


def rows(pairs: Iterable[tuple[Question, Sequence[Hit]]]) -> Iterator[Row]:
    """Two rows a question: with its own paragraph in the collection, and without."""
    for question, hits in pairs:
        yield row(question, hits[:PASSAGES], answerable=True)
        yield row(question, [h for h in hits if h.document != question.paragraph][:PASSAGES], answerable=False)


def row(question: Question, hits: Sequence[Hit], *, answerable: bool) -> Row:
    """What `Extract.quote` answers, by the same functions."""
    evidence = [extract.as_evidence(hit) for hit in hits]
    weighed = weigh(question.text, "fr", evidence)
    kept = choosing.shortlist(weighed)
    texts = sentences_of(weighed, kept, evidence)
    cosines = np.array([vector(text) @ vector(question.text) for text in texts])
    order = np.argsort(-choosing.scorer().scores(weighed.signals[kept], cosines))
    quotation = choosing.choose(weighed, kept, cosines, evidence)
    best = weighed.sentences[kept[order[0]]]
    right = answerable and holds(texts[order[0]], question.answers)
    return Row(
        question=question,
        sentence=texts[order[0]],
        features=quotation.features,
        right=right,
        right_there=right and hits[best.passage].document == question.paragraph,
        any_of=answerable and any(holds(texts[i], question.answers) for i in order[:3]),
        answerable=answerable,
    )


def sentences_of(weighed: Weighed, kept: Sequence[int], evidence: Sequence[Evidence]) -> list[str]:
    return [evidence[s.passage].text[s.start : s.end] for s in (weighed.sentences[i] for i in kept)]


@cache
def vector(text: str) -> NDArray[np.float32]:
    """Its sentence embedding; each text is embedded once."""
    return sentence_model.embed([text])[0]
