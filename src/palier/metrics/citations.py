"""Whether the passages that an answer cites are of the documents that hold it (as in ALCE: Gao et al., 2023)."""

from __future__ import annotations

from palier.cases import Case, Outcome
from palier.metrics.means import Mean
from palier.metrics.ranking import known


class CitationPrecision(Mean):
    """Of the passages an answer cites, the share that are of relevant documents. Says nothing of an answer that cites
    none; a failure is wrong.
    """

    name = "citation_precision"

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        relevant, cited = frozenset(case.relevant), outcome.cited
        if relevant and outcome.status == "failed":
            return 0.0
        if not relevant or not cited:
            return None
        return sum(known(passage.document, relevant) is not None for passage in cited) / len(cited)

    def seen(self, outcome: Outcome) -> bool:
        """See `Mean`."""
        return bool(outcome.retrieved)


class CitationRecall(CitationPrecision):
    """Of the relevant documents, the share that the answer cites. One that cites none has 0."""

    name = "citation_recall"

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`. An answer from elsewhere that names no passage may have had some: nothing is known."""
        relevant = frozenset(case.relevant)
        if not relevant or (not outcome.retrieved and outcome.status == "answered" and not outcome.spells):
            return None
        found = {known(passage.document, relevant) for passage in outcome.cited} - {None}
        return len(found) / len(relevant)
