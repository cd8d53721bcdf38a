"""Signals of a generated draft: how well its evidence covers the question, and whether what it says stands there."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

from palier.text import asking, figures, fold
from palier.text.declining import declining
from palier.text.support import SHORT, Read, read, share, stands, values
from palier.types import Draft, Features, Hit, Prompt, TokenLogprob

_MAX_DRAFT = 8000
"""Characters of a draft that are examined."""

_NEGATION = re.compile(r"\b(?:ne|n'\w+|pas|jamais|aucune?|rien|sans|not|no|never|none|without)\b|n't\b")
_CITATION = re.compile(r"\[(\d{1,3})\]")


def signals(prompt: Prompt, draft: Draft) -> Features:
    """Named signals of `draft`, all finite. About 2 ms for 200 tokens and six passages never seen before.

    Words are compared by their first letters: measured as good as stemming for this, without its time on the event
    loop, and the same for every language.
    """
    text = _CITATION.sub("", draft.text[:_MAX_DRAFT]).strip()
    asked, said = _read(prompt.question), _read(text)
    evidence = [_read(hit.text) for hit in prompt.passages]
    return {
        **_of_evidence(asked, evidence, prompt.passages),
        **_of_support(said, asked, evidence),
        **_of_facts(text, prompt, asked, evidence),
        **_of_kind(text, prompt.question),
        **_of_form(text, said, draft, len(prompt.passages)),
        **_of_tokens(draft.choices[0].logprobs if draft.choices else ()),
    }


def _of_evidence(asked: Read, evidence: Sequence[Read], hits: Sequence[Hit]) -> Features:
    """Whether there is anything to answer from."""
    scores = sorted((hit.score for hit in hits), reverse=True)
    best, second = [*scores, 0.0, 0.0][:2]
    together = frozenset().union(*(passage.stems for passage in evidence))
    return {
        "evidence": float(bool(evidence)),
        "evidence_coverage": share(asked.stems, together),
        "passage_coverage": max((share(asked.stems, passage.stems) for passage in evidence), default=0.0),
        "score": _logit(best),
        "score_margin": _logit(best) - _logit(second),
        "cosine": max((hit.cosine for hit in hits), default=0.0),
    }


def _of_support(said: Read, asked: Read, evidence: Sequence[Read]) -> Features:
    """How much of the draft's own words the evidence has, all of it and its best passage."""
    own = said.stems - asked.stems
    known = asked.stems.union(*(passage.stems for passage in evidence))
    return {
        "support": share(said.stems, known),
        "passage_support": max((share(own, passage.stems) for passage in evidence), default=0.0),
        "question_coverage": share(asked.stems, said.stems),
        "novelty": len(own) / max(len(said.stems), 1),
    }


def _of_facts(text: str, prompt: Prompt, asked: Read, evidence: Sequence[Read]) -> Features:
    """Numbers, dates, amounts, addresses and names of the draft that stand in the evidence or the question."""
    found = figures(text)
    names = [figure for figure in found if figure.kind == "name"]
    numbers = [figure for figure in found if figure.kind != "name" and len(figure.value) >= SHORT]
    known: frozenset[str] = frozenset()
    if numbers:
        known = _values(prompt.question).union(*(_values(hit.text) for hit in prompt.passages))
    unfounded = sum(not stands(figure, known) for figure in numbers)
    texts = (asked, *evidence)
    unheard = sum(not any(f" {name.value} " in text.line for text in texts) for name in names)
    return {
        "figures": math.log1p(len(numbers)),
        "figures_unfounded": math.log1p(unfounded),
        "figures_grounded": 1.0 - unfounded / len(numbers) if numbers else 1.0,
        "names": math.log1p(len(names)),
        "names_unfounded": math.log1p(unheard),
        "names_grounded": 1.0 - unheard / len(names) if names else 1.0,
    }


def _of_kind(text: str, question: str) -> Features:
    """Whether the draft holds the kind of thing that is asked: a number for "combien"."""
    sought = asking(question)
    met = sought.offered(text) if sought.kinds else 0.0
    return {"kind_met": met, "kind_missed": 1.0 - met if sought.kinds else 0.0}


def _of_form(text: str, said: Read, draft: Draft, passages: int) -> Features:
    folded = fold(text)
    cited = [int(number) for number in _CITATION.findall(draft.text[:_MAX_DRAFT])]
    finish = draft.choices[0].finish if draft.choices else ""
    return {
        "length": math.log1p(said.line.count(" ")),
        "empty": float(not text),
        "refusal": float(declining(folded)),
        "negation": float(_NEGATION.search(folded) is not None),
        "cites": float(any(1 <= number <= passages for number in cited)),
        "miscites": float(any(not 1 <= number <= passages for number in cited)),
        "unfinished": float(finish == "length"),
    }


def _of_tokens(tokens: Sequence[TokenLogprob]) -> Features:
    """Log-probabilities where the tier gave them. Alone they separate nothing on the smallest models."""
    finite = [max(token.logprob, -20.0) for token in tokens if not math.isnan(token.logprob)]
    entropies = [_entropy([max(p, -20.0) for _, p in token.top]) for token in tokens if len(token.top) > 1]
    return {
        "logprobs": float(bool(finite)),
        "mean_logprob": sum(finite) / len(finite) if finite else 0.0,
        "least_logprob": min(finite, default=0.0),
        "entropy": sum(entropies) / len(entropies) if entropies else 0.0,
    }


def _entropy(logprobs: Sequence[float]) -> float:
    """Of the listed tokens and of all others taken as one, in nats."""
    listed = [math.exp(p) for p in logprobs]
    rest = max(1.0 - sum(listed), 0.0)
    return -sum(p * math.log(p) for p in (*listed, rest) if p > 0)


@lru_cache(maxsize=512)
def _read(text: str) -> Read:
    return read(text)


@lru_cache(maxsize=512)
def _values(text: str) -> frozenset[str]:
    return values(text)


def _logit(score: float) -> float:
    bounded = min(max(score, 1e-4), 1 - 1e-4)
    return math.log(bounded / (1 - bounded))
