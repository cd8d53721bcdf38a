"""BLEU and chrF: n-grams that answers share with their references, as sacrebleu counts them.

BLEU (Papineni et al., 2002) and chrF (Popović, 2015) are of a corpus, and go from 0 to 100, as in sacrebleu (Post,
2018) with its usual settings: `case:mixed|eff:no|tok:13a|smooth:exp` and `case:mixed|eff:yes|nc:6|nw:0|space:no`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from palier.cases import Case, Outcome, Suite
from palier.interfaces.measuring import Floats
from palier.metrics.extras import need
from palier.metrics.means import Better, Kind, answer, only_figures, references

ORDERS = 4
"""Longest n-gram of BLEU."""
CHARACTERS = 6
"""Longest n-gram of chrF."""
_BETA = 2
_TOKENIZERS = {"zh": "zh", "ja": "char", "th": "char"}
"""Of BLEU, for languages without spaces; all others have sacrebleu's usual one, `13a`."""


class _Corpus:
    """A figure of a whole corpus, from 0 to 100."""

    kind: Kind = "corpus"
    better: Better = "higher"
    low = 0.0
    high = 100.0


class Bleu(_Corpus):
    """BLEU. Kept: length of the answer, of the nearest reference, matches and totals of each order."""

    name = "bleu"

    def __init__(self, suite: Suite) -> None:
        metrics = need("sacrebleu.metrics", "bleu")
        self._bleu = metrics.BLEU(tokenize=_TOKENIZERS.get(suite.language[:2].lower(), "13a"), force=True)

    def statistics(self, case: Case, outcome: Outcome) -> tuple[float, ...] | None:
        """Of length 10."""
        known = references(case)
        if not known or only_figures(outcome):
            return None
        # The score of one sentence has all that the corpus needs, in public.
        score = self._bleu.corpus_score([answer(outcome)], [[reference] for reference in known])
        return tuple(map(float, (score.sys_len, score.ref_len, *score.counts, *score.totals)))

    def combine(self, sums: Floats) -> Floats:
        """See `interfaces.Metric`. With exponential smoothing: the n-th order without a match counts as 1 / 2^n."""
        length, reference = sums[..., 0], sums[..., 1]
        matches, totals = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
        with np.errstate(divide="ignore", invalid="ignore"):
            halves = np.cumsum(matches == 0, axis=-1)
            precisions = np.where(matches > 0, matches, 0.5**halves) / totals
            brevity = np.where(length < reference, np.exp(1 - reference / length), 1.0)
            score = 100 * brevity * np.exp(np.log(precisions).mean(axis=-1))
        something = (matches > 0).any(axis=-1) & (totals > 0).all(axis=-1)
        return np.where(reference > 0, np.where(something, score, 0.0), np.nan)


class Chrf(_Corpus):
    """chrF2. Kept: for each order the n-grams of the answer, of the reference it is nearest to, and those of both."""

    name = "chrf"

    def __init__(self, suite: Suite) -> None:
        self._extract = need("sacrebleu.metrics.helpers", "chrf").extract_all_char_ngrams
        self._of_reference = lru_cache(maxsize=256)(self._ngrams)

    def statistics(self, case: Case, outcome: Outcome) -> tuple[float, ...] | None:
        """Of length 18."""
        known = references(case)
        if not known or only_figures(outcome):
            return None
        said = self._ngrams(answer(outcome))
        each = [_shared(said, self._of_reference(reference)) for reference in known]
        best = (
            each[int(np.argmax(np.nan_to_num(self.combine(np.array(each, dtype=float)))))] if len(each) > 1 else each[0]
        )
        return tuple(best)

    def _ngrams(self, text: str) -> list[Counter[str]]:
        return list(self._extract(text, CHARACTERS))

    def combine(self, sums: Floats) -> Floats:
        """See `interfaces.Metric`. Orders that answer or reference are too short for are left out of the means."""
        said, known, shared = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
        counted = (said > 0) & (known > 0)
        orders = np.maximum(counted.sum(axis=-1), 1)
        precision = _mean(shared, said, counted, orders)
        recall = _mean(shared, known, counted, orders)
        below = _BETA**2 * precision + recall
        score = np.divide((1 + _BETA**2) * precision * recall, below, out=np.zeros_like(below), where=below > 0)
        return np.where(known[..., 0] > 0, 100 * score, np.nan)


def _shared(said: Sequence[Counter[str]], known: Sequence[Counter[str]]) -> list[float]:
    """For each order: n-grams of the answer, of the reference, of both. An order the reference lacks counts nothing."""
    counts: list[float] = []
    for some, others in zip(said, known, strict=True):
        both = sum(min(count, others[gram]) for gram, count in some.items() if gram in others)
        counts += (some.total() if others else 0, others.total(), both)
    return counts


def _mean(above: Floats, below: Floats, counted: NDArray[np.bool_], orders: NDArray[np.int_]) -> Floats:
    """The mean over the orders that count, summed as sacrebleu does, so that equal sentences stay equal."""
    shares = np.divide(above, below, out=np.zeros(above.shape), where=counted)
    mean: Floats = shares.sum(axis=-1) / orders
    return mean
