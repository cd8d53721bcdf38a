"""Right or wrong: an answer where there is one, an abstention where there is none."""

from __future__ import annotations

from palier.cases import Case, Outcome
from palier.metrics.matching import contains, holds, states
from palier.metrics.means import Proportion, answer, references
from palier.text import figures, fold, sentences, tokens
from palier.text.declining import declining
from palier.text.support import read, share, stands, values

ENOUGH = 0.6
"""Of the words of a reference, for an answer to say what it says (measured: `benchmarks/metric_agreement.py`)."""
_CLEAR = 0.5
"""Of the words of an answer that has the reference's figures: "29,99 €" needs no sentence around it."""
_OPENING = 2
"""Sentences of an answer in which it may decline."""
_YES, _NO = frozenset({"oui", "yes", "si", "ja"}), frozenset({"non", "no", "nein"})
_YES_NO = _YES | _NO


class Correct(Proportion):
    """What "right" means for questions and answers: one word for each case.

    Without an answer to find: right if it abstained. Else right if the answer has all of `must_contain`, where the
    case names any; else if it says what one of the references says (`right`).
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
        return float(any(right(text, reference, case.question) for reference in known)) if known else None


class Abstention(Proportion):
    """It abstained where there is no answer, and did not where there is one. A failure is neither, and wrong."""

    name = "abstention"

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        return float(outcome.status != "failed" and abstained(outcome) != case.answerable)


def right(text: str, reference: str, question: str = "") -> bool:
    """Whether `text` says what `reference` says, as far as words and figures tell.

    It has the reference word for word; or every number, date and amount of it that is not in the question, and six in
    ten of its words that are not. It may say more, and be longer. Where both begin with yes or no, with the same.
    """
    wanted, said = tokens(reference), tokens(text)
    if wanted[:1] and said[:1] and {*wanted[:1], *said[:1]} <= _YES_NO and (wanted[0] in _YES) != (said[0] in _YES):
        return False
    if len(wanted) == 1 and wanted[0] in _YES_NO:
        return bool(said) and said[0] in _YES_NO
    if not text.strip():
        return False
    if _other_sign(text, reference):
        return False
    return holds(text, reference) or _says(text, reference, question)


def _other_sign(text: str, reference: str) -> bool:
    """Whether a number of the reference stands in the text with the other sign alone: words do not tell -5 from 5."""
    said = values(text)
    wanted = [figure.value for figure in figures(reference, names=False) if figure.kind == "number"]
    return any(
        value not in said and (value.removeprefix("-") if value.startswith("-") else f"-{value}") in said
        for value in wanted
    )


def _says(text: str, reference: str, question: str) -> bool:
    in_text, asked = values(text), values(question)
    new = [figure for figure in figures(reference, names=False) if not stands(figure, asked)]
    if not all(states(figure, in_text) for figure in new):
        return False
    ours, theirs, known = read(reference).stems, read(text).stems, read(question).stems | _YES_NO
    if share((ours - known) or ours, theirs) >= ENOUGH:
        return True
    return bool(new) and share((theirs - known) or theirs, ours) >= _CLEAR


def abstained(outcome: Outcome) -> bool:
    """Whether it says that it does not know: by its status, or in its first sentences where it cites nothing, since a
    model alone has no other way to.
    """
    if outcome.status != "answered":
        return outcome.status == "abstained"
    text = answer(outcome)
    opening = sentences(text)[:_OPENING]
    return bool(opening) and not outcome.cited and declining(fold(text[opening[0][0] : opening[-1][1]]))
