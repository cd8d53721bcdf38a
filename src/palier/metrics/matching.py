"""An answer against its references: the same words, most of them, or those that must be there."""

from __future__ import annotations

from collections.abc import Collection

from palier.cases import Case, Outcome
from palier.metrics.means import MOST, Mean, Proportion, answer, language, references
from palier.metrics.normal import f1, unspaced, words
from palier.metrics.text import agreement
from palier.text import Figure, figures, fold, tokens
from palier.text.support import stands

_COUNTED = frozenset({"number", "date", "amount", "telephone"})
_LONGEST_NEEDED = 500
"""Characters of a string that an answer must contain."""


class ExactMatch(Proportion):
    """The answer is one of the references, word for word, as SQuAD compares them (`metrics.normal`)."""

    name = "exact_match"

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        known = references(case)
        if not known:
            return None
        if outcome.status != "answered":  # without articles a reference may be empty, too: "A"
            return 0.0
        tongue = language(case, self.suite)
        said = words(answer(outcome), tongue)
        return float(any(said == words(reference, tongue) for reference in known))


class TokenF1(Mean):
    """F1 of the answer's words against those of the reference it is nearest to, as SQuAD compares them."""

    name = "token_f1"

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        known = references(case)
        if not known:
            return None
        if outcome.status != "answered":
            return 0.0
        tongue = language(case, self.suite)
        said = words(answer(outcome), tongue)
        return max(f1(said, words(reference, tongue)) for reference in known)


class Holds(Proportion):
    """A reference stands in the answer, word for word: what can be asked of a quotation."""

    name = "holds"

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        known = references(case)
        return float(any(holds(answer(outcome), reference) for reference in known)) if known else None


class Contains(Proportion):
    """The answer has all of the case's `must_contain`."""

    name = "contains"

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        if not case.must_contain or not case.answerable:
            return None
        return float(contains(answer(outcome), case.must_contain))


class Agreement(Mean):
    """`metrics.text.agreement` with the nearest reference: F1 of words, and 0 where the numbers differ."""

    name = "agreement"

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        known = references(case)
        if known and outcome.status != "answered":
            return 0.0
        return max(agreement(answer(outcome), reference) for reference in known) if known else None


def holds(text: str, reference: str) -> bool:
    """Whether the words of `reference` stand in `text` one after the other, both folded.

    What has no words (signs), or is in a script without spaces, is looked for character by character.
    """
    sought = " ".join(tokens(reference))
    if not sought or unspaced(reference):
        return fold(reference).strip() in fold(text)
    return f" {sought} " in f" {' '.join(tokens(text))} "


def contains(text: str, needed: tuple[str, ...]) -> bool:
    """Whether `text` has each of `needed`, word for word; a number, date or amount in whichever way it is written.

    A number without its currency, or an amount with one, is found with or without it (`29.99`, `29,99 €`), never
    with another. A date is found where the text has all of it, or more.
    """
    found = frozenset(figure.value for figure in figures(text, names=False) if figure.kind in _COUNTED)
    for string in (string[:_LONGEST_NEEDED] for string in needed[:MOST]):
        figure = _figure(string)
        stated = figure is not None and states(figure, found)
        # Its words alone would leave out a unit, "29,99 €" be found in "29.99 dollars".
        plain = figure is None or figure.value.isdecimal()
        if not (stated or (plain and holds(text, string))):
            return False
    return True


def states(figure: Figure, among: Collection[str]) -> bool:
    """Whether `among` has the figure, or for an amount its number without a currency."""
    return stands(figure, among) or (figure.kind == "amount" and figure.value.partition(" ")[0] in among)


def _figure(string: str) -> Figure | None:
    """The figure that is all of `string`."""
    stripped = string.strip()
    found = figures(stripped, names=False)
    whole = len(found) == 1 and found[0].kind in _COUNTED and len(found[0].text) == len(stripped)
    return found[0] if whole else None
