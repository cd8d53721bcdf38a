"""Whether what an answer says stands in what it cites, by words and figures. No model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from palier.cases import Case, Outcome, Suite
from palier.metrics.means import Mean, answer
from palier.text import figures, sentences
from palier.text.support import SHORT, read, share, stands, values

ENOUGH = 0.6
"""Of the words of a sentence that the evidence must have (measured: `benchmarks/metric_agreement.py`)."""
_SAY_NOTHING = frozenset({"oui", "non"})
_MOST_SENTENCES = 400
_LONGEST_EVIDENCE = 50_000
_MOST_EVIDENCE = 50


class _Evidence(NamedTuple):
    lines: str
    stems: frozenset[str]
    values: frozenset[str]


class Grounding(Mean):
    """The share of the answer's sentences that their evidence supports; the mean over the answers that have sentences.
    A failure supports nothing.

    A sentence is supported where at least `ENOUGH` of its words stand in the evidence or the question, by their first
    six letters, and all of its numbers, dates, amounts and names. Evidence is what the case gives, with the passages
    that the answer cites; of a summary or a rewriting also the text that was put in. Passages that were found and not
    cited support nothing. Where there is neither evidence nor anything found, nothing is known.
    """

    name = "grounding"

    def __init__(self, suite: Suite) -> None:
        super().__init__(suite)
        self._from_input = suite.task in ("summary", "rewriting")

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        given = (*case.evidence, *([case.question] if self._from_input else []))
        evidence = (*given, *(passage.text for passage in outcome.cited if passage.text))
        if outcome.status == "failed":
            return 0.0
        if not evidence and not outcome.retrieved:
            return None
        text = answer(outcome)
        said = [text[start:end] for start, end in sentences(text)[:_MOST_SENTENCES]]
        judged = [supported(sentence, case.question, evidence) for sentence in said]
        counted = [one for one in judged if one is not None]
        return sum(counted) / len(counted) if counted else None


def supported(sentence: str, question: str, evidence: Sequence[str]) -> bool | None:
    """Whether the evidence has what `sentence` says; None where it says nothing ("Yes.")."""
    cut = (question, *evidence[:_MOST_EVIDENCE])
    known = _known(tuple(text[:_LONGEST_EVIDENCE] for text in cut))
    words, facts = read(sentence).stems - _SAY_NOTHING, figures(sentence)
    if not words and not facts:
        return None
    if words and share(words, known.stems) < ENOUGH:
        return False
    return all(
        f" {fact.value} " in known.lines
        if fact.kind == "name"
        else len(fact.value) < SHORT or stands(fact, known.values)
        for fact in facts
    )


@lru_cache(maxsize=64)
def _known(texts: tuple[str, ...]) -> _Evidence:
    every = [read(text) for text in texts]
    return _Evidence(
        "".join(one.line for one in every),
        frozenset().union(*(one.stems for one in every)),
        frozenset().union(*(values(text) for text in texts)),
    )
