"""How much a person would have to change."""

from __future__ import annotations

import unicodedata

from palier.cases import Case, Outcome, Suite
from palier.interfaces.measuring import Floats
from palier.metrics.extras import need
from palier.metrics.means import LONGEST, Better, Kind, answer, only_figures, ratio, references


class EditEffort:
    """Characters to insert, delete or replace until the answer is the reference, for each character of the reference.

    Of several references the one that takes least. 0 is nothing to do; an empty answer is 1, all to be written; a long
    wrong one is more. Kept as (characters changed, characters of the reference).
    """

    name = "edit_effort"
    kind: Kind = "corpus"
    better: Better = "lower"
    low = 0.0
    high = float("inf")

    def __init__(self, suite: Suite) -> None:
        need("rapidfuzz.distance", self.name)

    def statistics(self, case: Case, outcome: Outcome) -> tuple[float, ...] | None:
        """Of length 2."""
        known = references(case)
        if not known or only_figures(outcome):
            return None
        text = answer(outcome)
        tried = [(changed(text, reference), len(_trimmed(reference))) for reference in known]
        edits, length = min(tried, key=lambda pair: pair[0] / pair[1])
        return float(edits), float(length)

    def combine(self, sums: Floats) -> Floats:
        """See `interfaces.Metric`."""
        return ratio(sums[..., 0], sums[..., 1])


def changed(text: str, corrected: str) -> int:
    """Characters to insert, delete or replace to make `corrected` of `text` (Levenshtein, 1966).

    Both in NFC, without space around, and cut to `LONGEST` characters. Raises `MissingExtra` without rapidfuzz.
    """
    distance = need("rapidfuzz.distance", "edit_effort").Levenshtein.distance
    return int(distance(_trimmed(text), _trimmed(corrected)))


def _trimmed(text: str) -> str:
    return unicodedata.normalize("NFC", text[:LONGEST]).strip()
