"""Right or wrong: an answer where there is one, an abstention where there is none."""

from __future__ import annotations

from palier.cases import Case, Outcome
from palier.metrics.matching import contains, holds
from palier.metrics.means import Proportion, answer, references
from palier.metrics.text import agreement
from palier.text import fold, sentences, tokens
from palier.text.declining import declining

ENOUGH = 0.5
"""Of agreement with a reference, for an answer to be called right."""
_DECLINES = 400
"""Characters of an answer that may do nothing but decline."""
_YES_NO = frozenset({"oui", "non", "yes", "no", "si", "nein", "ja"})


class Correct(Proportion):
    """What "right" means for questions and answers: one word for each case.

    Without an answer to find: right if it abstained. Else right if the answer has all of `must_contain`, where the
    case names any; else if it holds a reference word for word, or agrees with one by half or more: F1 of folded words,
    and the same numbers (`metrics.text.agreement`). A reference that is a plain yes or no must come first.
    """

    name = "correct"

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        if not case.answerable:
            return float(abstained(outcome))
        text = answer(outcome)
        if case.must_contain:
            return float(contains(text, case.must_contain))
        known = references(case)
        return float(any(right(text, reference) for reference in known)) if known else None


class Abstention(Proportion):
    """It abstained where there is no answer, and did not where there is one. A failure is neither, and wrong."""

    name = "abstention"

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        return float(outcome.status != "failed" and abstained(outcome) != case.answerable)


def right(text: str, reference: str) -> bool:
    """Whether `text` says what `reference` says, by its words and numbers."""
    sought = tokens(reference)
    if len(sought) == 1 and sought[0] in _YES_NO:
        return tokens(text[:200])[:1] == sought
    return (bool(text) and holds(text, reference)) or agreement(text, reference) >= ENOUGH


def abstained(outcome: Outcome) -> bool:
    """Whether it says that it does not know: by its status, or in the first sentence of a short answer that cites
    nothing, since a model alone has no other way to.
    """
    if outcome.status != "answered":
        return outcome.status == "abstained"
    text = outcome.output
    if not text.strip() or len(text) > _DECLINES or outcome.cited:
        return False
    start, end = sentences(text)[0]
    return declining(fold(text[start:end]))
