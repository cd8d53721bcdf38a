"""What can be told of a draft before it is whole: from its question alone, and from its first tokens.

Three uses: the question as one more signal of the draft; a draft that would surely be thrown away is not asked for; and
one that begins hopelessly is cut short. The limits are chosen on the rows that were fitted on, and belong to the path
that is certified: what they leave out is not kept, so the bound covers them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from palier.errors import InvalidRequest
from palier.interfaces import Vectors
from palier.routing.bounds import Floats
from palier.routing.questions import MIN_ROWS, QuestionModel, cross_fit_questions
from palier.routing.table import QUESTION, Signals, Table
from palier.types import Data

EARLY = "early_logprob"
"""The signal of how a draft began: the mean log-probability of its first 16 tokens, in nats."""
MOST_QUESTIONS = 4_000
"""That a question model is fitted on: the time grows with the cube, and what more of them teach is little."""
_FEW_KEPT = 20
"""Fewer kept rows do not show how low a draft may begin that is kept in the end."""


class Limits(Data, frozen=True, kw_only=True):
    """Below `question` (log-odds) a tier is not asked; below `early` (nats) its draft is cut. None: no limit."""

    question: float | None = None
    early: float | None = None


def odds(probabilities: Floats) -> Floats:
    """Log-odds of the probabilities of a question model, which keep away from 0 and 1."""
    return np.asarray(np.log(probabilities) - np.log1p(-probabilities), dtype=np.float64)


def with_questions(
    table: Table, vectors: Vectors, fold: NDArray[np.bool_], *, alone: bool
) -> tuple[Table, tuple[QuestionModel, ...]]:
    """The table with the question among the signals of each tier, and the models that give it.

    The models are fitted on the rows of `fold`; what these rows themselves get is out of fold. `alone`: the question is
    the only signal, of every row where the tier could have been asked.
    """
    if len(vectors) != len(table):
        raise InvalidRequest(f"{len(vectors)} vectors for {len(table)} questions", param="text")
    signals, models = [], []
    for tier, own in enumerate(table.signals):
        rows = np.flatnonzero(table.present[:, tier]) if alone else own.rows
        here = rows[fold[rows]]
        if len(here) < MIN_ROWS:
            raise InvalidRequest(
                f"tier `{table.tiers[tier]}` answered {len(here)} of the questions to fit on",
                hint=f"at least {MIN_ROWS} are needed: more records",
            )
        taught = here[:: -(-len(here) // MOST_QUESTIONS)]
        model, own_rows = cross_fit_questions(vectors[taught], 1.0 - table.losses[taught, tier])
        column = np.zeros(len(table))
        column[rows] = odds(model.probability(vectors[rows]))
        column[taught] = odds(own_rows)
        signals.append(Signals((QUESTION,), column[rows][:, None], rows) if alone else own.joined(QUESTION, column))
        models.append(model)
    return replace(table, signals=tuple(signals)), tuple(models)


def limits(signals: Signals, scores: Floats, losses: Floats, fold: NDArray[np.bool_], alpha: float) -> Limits:
    """How low a question and a beginning may be for this tier, from the rows of `fold` with `scores` (n,).

    The lowest among the rows that would be kept, at the most permissive threshold that looks good there.
    """
    here = fold[signals.rows]
    said, lost = scores[signals.rows][here], losses[signals.rows][here]
    order = np.argsort(-said, kind="stable")
    risk = np.cumsum(lost[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(risk <= alpha)
    kept = order[: good[-1] + 1] if good.size else order[:0]
    if len(kept) < _FEW_KEPT:
        return Limits()
    lowest = {
        name: float(signals.matrix[here][kept, signals.names.index(name)].min())
        for name in (QUESTION, EARLY)
        if name in signals.names
    }
    return Limits(question=lowest.get(QUESTION), early=lowest.get(EARLY))


def left_out(signals: Signals, limit: Limits) -> NDArray[np.bool_]:
    """Which of the rows of `signals` (m,) lie below a limit: they are never kept."""
    out = np.zeros(len(signals.rows), dtype=bool)
    for name, least in ((QUESTION, limit.question), (EARLY, limit.early)):
        if least is not None:
            out |= signals.matrix[:, signals.names.index(name)] < least
    return out
