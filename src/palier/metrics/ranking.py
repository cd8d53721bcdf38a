"""What retrieval found, against the documents that hold the answer. Relevance is yes or no, and the k is in the name.

A document counts once, where the first of its passages stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from palier.cases import Case, Outcome, Suite
from palier.metrics.means import Mean


class _Ranked(Mean):
    """A figure of the first `k` documents that were found."""

    title = ""

    def __init__(self, suite: Suite, k: int) -> None:
        super().__init__(suite)
        self.k = k
        self.name = f"{self.title}@{k}"

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`. An answer from elsewhere that names no passage may have had some: nothing is known."""
        relevant = frozenset(case.relevant)
        if not relevant or (not outcome.retrieved and outcome.status == "answered" and not outcome.spells):
            return None
        return self.figure(hits((passage.document for passage in outcome.retrieved), relevant)[: self.k], len(relevant))

    def seen(self, outcome: Outcome) -> bool:
        """See `Mean`."""
        return bool(outcome.retrieved)

    def figure(self, found: Sequence[bool], relevant: int) -> float:
        """Of the first documents, `found` saying which are relevant, where `relevant` could be."""
        raise NotImplementedError


class Recall(_Ranked):
    """The share of the relevant documents that are among the first k."""

    title = "recall"

    def figure(self, found: Sequence[bool], relevant: int) -> float:
        """See `_Ranked`."""
        return sum(found) / relevant


class Precision(_Ranked):
    """Relevant documents among the first k, by k, however few were found (as trec_eval counts)."""

    title = "precision"

    def figure(self, found: Sequence[bool], relevant: int) -> float:
        """See `_Ranked`."""
        return sum(found) / self.k


class Ndcg(_Ranked):
    """Discounted cumulative gain of the first k by that of the best order (Järvelin and Kekäläinen, 2002)."""

    title = "ndcg"

    def figure(self, found: Sequence[bool], relevant: int) -> float:
        """See `_Ranked`."""
        return _gain(n for n, right in enumerate(found) if right) / _gain(range(min(relevant, self.k)))


class Mrr(_Ranked):
    """One by the place of the first relevant document, 0 where none is among the first k."""

    title = "mrr"

    def figure(self, found: Sequence[bool], relevant: int) -> float:
        """See `_Ranked`."""
        return next((1 / place for place, right in enumerate(found, 1) if right), 0.0)


def hits(documents: Iterable[str], relevant: frozenset[str]) -> list[bool]:
    """For each document, in order and once: is it one of the relevant, and the first of that name?"""
    names = [known(document, relevant) for document in dict.fromkeys(documents)]
    return [name is not None and name not in names[:place] for place, name in enumerate(names)]


def known(document: str, relevant: frozenset[str]) -> str | None:
    """The name by which `document` is relevant: its own, or that without its collection (`kb/offers`: `offers`)."""
    inside = document.partition("/")[2]
    return document if document in relevant else inside if inside in relevant else None


def _gain(places: Iterable[int]) -> float:
    return math.fsum(1 / math.log2(place + 2) for place in places)
