"""ROUGE (Lin, 2004): words, pairs of words and the longest common subsequence that an answer shares with a reference.

The F-measure with the nearest reference, without stemmer, equal to what the rouge-score package gives; that one loads
nltk and fills a table of all pairs of words, which takes seconds for a long answer. Its tokens are runs of a-z and 0-9,
which cut French words at their accents; so that is kept for English alone, and elsewhere a token is a run of letters
and digits of any script. On ASCII text both are the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from palier.cases import Case, Outcome, Suite
from palier.metrics.extras import need
from palier.metrics.means import Mean, answer, language, references
from palier.metrics.normal import spaced

_ENGLISH = re.compile(r"[a-z0-9]+")
_TOKEN = re.compile(r"[^\W_]+")


def words(text: str, tongue: str) -> list[str]:
    """The tokens of `text` in order; single characters where a script has no spaces."""
    if tongue == "en":
        return _ENGLISH.findall(text.lower())
    return _TOKEN.findall(spaced(unicodedata.normalize("NFC", text.lower())))


class _Rouge(Mean):
    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        known = references(case)
        if not known:
            return None
        tongue = language(case, self.suite)
        said = words(answer(outcome), tongue)
        return max(self.f(said, words(reference, tongue)) for reference in known)

    def f(self, said: Sequence[str], known: Sequence[str]) -> float:
        """F-measure of two texts; 0 where one has no tokens."""
        raise NotImplementedError


class Rouge1(_Rouge):
    """Words in common."""

    name = "rouge_1"

    def f(self, said: Sequence[str], known: Sequence[str]) -> float:
        """See `_Rouge`."""
        shared = (Counter(said) & Counter(known)).total()
        return 2 * shared / (len(said) + len(known)) if shared else 0.0


class Rouge2(Rouge1):
    """Pairs of neighbouring words in common."""

    name = "rouge_2"

    def f(self, said: Sequence[str], known: Sequence[str]) -> float:
        """See `_Rouge`."""
        shared = (Counter(pairwise(said)) & Counter(pairwise(known))).total()
        return 2 * shared / (len(said) + len(known) - 2) if shared else 0.0


class RougeL(_Rouge):
    """The longest common subsequence of words, by rapidfuzz (Hyyrö, 2004: 64 words at a time)."""

    name = "rouge_l"

    def __init__(self, suite: Suite) -> None:
        super().__init__(suite)
        self._common = need("rapidfuzz.distance", self.name).LCSseq.similarity

    def f(self, said: Sequence[str], known: Sequence[str]) -> float:
        """See `_Rouge`."""
        shared = int(self._common(known, said))
        return 2 * shared / (len(said) + len(known)) if shared else 0.0
