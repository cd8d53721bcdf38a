"""ROUGE (Lin, 2004): words, pairs of words and the longest common subsequence that an answer shares with a reference.

The F-measure with the nearest reference, without stemmer, as the rouge-score package gives it. Its tokens are runs of
a-z and 0-9, which cut French words at their accents; so that is kept for English alone, and elsewhere a token is a run
of letters and digits of any script. On ASCII text both are the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from palier.cases import Case, Outcome, Suite
from palier.metrics.extras import need
from palier.metrics.means import Mean, answer, language, references
from palier.metrics.normal import spaced

_TOKEN = re.compile(r"[^\W_]+")


class Words:
    """Tokens of any script, in rouge-score's seam for them."""

    def tokenize(self, text: str) -> list[str]:
        """Runs of letters and digits, in small letters; single characters where a script has no spaces."""
        return _TOKEN.findall(spaced(unicodedata.normalize("NFC", text.lower())))


class _Rouge(Mean):
    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        known = references(case)
        if not known:
            return None
        return self.nearest(answer(outcome), known, english=language(case, self.suite) == "en")

    def nearest(self, text: str, known: Sequence[str], *, english: bool) -> float:
        """F-measure of `text` with the nearest of `known`."""
        raise NotImplementedError


class _Grams(_Rouge):
    n = 1

    def __init__(self, suite: Suite) -> None:
        super().__init__(suite)
        scorer = need("rouge_score.rouge_scorer", self.name).RougeScorer
        self._kind = f"rouge{self.n}"
        self._scorers: dict[bool, Any] = {True: scorer([self._kind]), False: scorer([self._kind], tokenizer=Words())}

    def nearest(self, text: str, known: Sequence[str], *, english: bool) -> float:
        """See `_Rouge`."""
        return float(self._scorers[english].score_multi(known, text)[self._kind].fmeasure)


class Rouge1(_Grams):
    """Words in common."""

    name = "rouge_1"


class Rouge2(_Grams):
    """Pairs of neighbouring words in common."""

    name = "rouge_2"
    n = 2


class RougeL(_Rouge):
    """The longest common subsequence of words.

    rouge-score fills a table of all pairs of words, which takes seconds for a long answer; the same length is had from
    bits by rapidfuzz.
    """

    name = "rouge_l"

    def __init__(self, suite: Suite) -> None:
        super().__init__(suite)
        self._common = need("rapidfuzz.distance", self.name).LCSseq.similarity
        tokenizer = need("rouge_score.tokenizers", self.name).DefaultTokenizer()
        self._tokenizers: dict[bool, Any] = {True: tokenizer, False: Words()}

    def nearest(self, text: str, known: Sequence[str], *, english: bool) -> float:
        """See `_Rouge`."""
        tokenizer = self._tokenizers[english]
        said = tokenizer.tokenize(text)
        return max(self._f(said, tokenizer.tokenize(reference)) for reference in known)

    def _f(self, said: Sequence[str], known: Sequence[str]) -> float:
        if not said or not known:
            return 0.0
        return 2 * float(self._common(known, said)) / (len(said) + len(known))
