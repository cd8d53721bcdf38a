"""Records to a policy: calibrators fitted on some rows, one threshold certified on the others.

The two never share rows, with one exception that needs none: a single tier with a single signal of its own. There the
order of the signal is the path, whatever is fitted, so that every row can certify.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from palier.errors import InvalidRequest
from palier.interfaces import Vectors
from palier.routing.ahead import Limits, left_out, limits, with_questions
from palier.routing.bounds import Floats
from palier.routing.calibration import MINIMUM_ROWS, Calibrator, cross_fitted, fit_calibrator
from palier.routing.calibrator import Feature
from palier.routing.policy import LEAST, ODDS, PolicyTier, log_odds
from palier.routing.questions import QuestionModel
from palier.routing.risk import Certificate, Judged, Path, Target, certify, walk_path
from palier.routing.table import Signals, Table

Mode = Literal["cascade", "route"]
"""A draft is judged when it is there, or the tier is chosen before, from the question alone."""

FIT_SHARE, FIT_SHARE_OF_SEVERAL, FIT_SHARE_OF_QUESTIONS = 0.15, 0.25, 0.4
FIT_LEAST = 30
FIT_A_FEATURE = 5
"""Rows to fit on: a share, larger where a tier has several signals; a few for each feature; never more than half. Of
.1 to .5, on 300 and 1,000 rows of MMLU, .15 kept most with one signal a tier, .25 with five (benchmarks/validity)."""
MOST_FIT = 0.5
CONFIDENCE = "confidence"
"""The signal that is a confidence already: the packaged one, fitted elsewhere."""
ROWS_A_FEATURE = 30
"""With fewer, a tier that has a confidence among its signals goes by that alone: what many signals could teach would
take more rows from certifying than it gains."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What is asked for: the risk of `target` at most `risk` (alpha), with `confidence` (1 - delta)."""

    risk: float
    confidence: float
    target: Target = "kept"
    abstain_loss: float = 1.0

    def __post_init__(self) -> None:
        if not LEAST <= self.risk < 1.0:
            raise InvalidRequest(f"the risk is {self.risk}, and must be between 0 and 1", param="risk")
        if not 0.5 <= self.confidence <= 1.0 - LEAST:
            raise InvalidRequest(
                f"the confidence is {self.confidence}, and must be from 0.5 to {1.0 - LEAST}", param="confidence"
            )
        if not 0.0 <= self.abstain_loss <= 1.0:
            raise InvalidRequest(f"an abstention's loss is {self.abstain_loss}, not in [0, 1]", param="abstain_loss")


@dataclass(frozen=True, slots=True)
class Fitted:
    """The outcome. `certificate` is None when nothing could be certified.

    `scores` (n, k) are the probabilities of the tiers below the top, negative where there is no signal; `certified`
    (n,) the rows that carried the bound.
    """

    calibrators: tuple[Calibrator, ...]
    certificate: Certificate | None
    scores: Floats
    judged: Judged
    certified: NDArray[np.bool_]
    questions: tuple[QuestionModel, ...] = ()
    limits: tuple[Limits, ...] = ()
    mode: Mode = "cascade"

    @property
    def binary(self) -> bool:
        """Whether every loss is 0 or 1."""
        return bool(np.isin(self.judged.losses, (0.0, 1.0)).all() and np.isin(self.judged.above, (0.0, 1.0)).all())

    def served(self, threshold: float) -> NDArray[np.intp]:
        """Which tier (n,) serves each row at a threshold; k, the number of tiers below the top, where none does."""
        reaches = np.column_stack((self.scores >= threshold, np.ones(len(self.scores), dtype=bool)))
        return np.asarray(reaches.argmax(axis=1), dtype=np.intp)

    def path(self, aim: Aim) -> Path:
        """What happens along the thresholds, on the rows that certify."""
        rows = self.certified
        judged = Judged(self.judged.scores[rows], self.judged.losses[rows], self.judged.above[rows])
        return walk_path(judged, alpha=aim.risk if aim.target == "regret" else None)

    def tiers(self, table: Table) -> tuple[PolicyTier, ...]:
        """The tiers of the policy."""
        assert self.certificate is not None
        threshold = self.certificate.threshold
        tiers = []
        for j, (name, calibrator) in enumerate(zip(table.tiers, self.calibrators, strict=False)):
            truer = self._truer(j)
            reached = threshold if truer is None else truer.probability({ODDS: log_odds(threshold)})
            tiers.append(
                PolicyTier(
                    name=name,
                    threshold=reached,
                    calibrator=calibrator,
                    truer=truer,
                    question=self.questions[j] if self.questions else None,
                    limits=self.limits[j] if self.limits else Limits(),
                )
            )
        return (*tiers, PolicyTier(name=table.tiers[-1]))

    def _truer(self, tier: int) -> Calibrator | None:
        """What the tier's probability should have been, from the rows that it was not fitted on; its order stays."""
        if self.certified.all():
            return None  # there is one signal, and all rows have fitted it
        odds, right, _ = self.unfitted(tier)
        try:
            truer = fit_calibrator((ODDS,), odds[:, None], right)
        except InvalidRequest:  # too few, or all right
            return None
        return truer if truer.features[0].coefficient > 0 else None

    def unfitted(self, tier: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Log-odds (m,) and outcomes (m,) of a tier on the rows that certified, and which (n,) those are."""
        rows = self.certified & (self.scores[:, tier] >= 0)
        odds = np.array([log_odds(float(score)) for score in self.scores[rows, tier]])
        return odds, 1.0 - self.judged.losses[rows, tier], rows

    def crossed(self, tier: int) -> Floats:
        """The tier's probabilities (m,) as they will be said, each fitted without its own row; as `unfitted`."""
        odds, right, rows = self.unfitted(tier)
        try:
            return cross_fitted((ODDS,), odds[:, None], right)
        except InvalidRequest:
            return np.asarray(self.scores[rows, tier], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What the rows of `fold` taught; `table` has the question among its signals where vectors were given."""

    fold: NDArray[np.bool_]
    table: Table
    calibrators: tuple[Calibrator, ...]
    questions: tuple[QuestionModel, ...] = ()


def fit(table: Table, aim: Aim, *, vectors: Vectors | None = None, mode: Mode = "cascade") -> Fitted:
    """Fit and certify. Raises `InvalidRequest` where the records cannot tell (one class, no signal, too few).

    `vectors` (n, d) of the questions make them a signal; they are all that `route` goes by.
    """
    table = replace(table, signals=tuple(_told_enough(signals) for signals in table.signals))
    _check_labels(table, aim, mode)
    if mode == "route" and vectors is None:
        raise InvalidRequest("to choose a tier before it answers, the questions are needed", param="text")
    learnt = _without_fold(table) if vectors is None and _needs_no_fit(table) else _on_fold(table, vectors, mode)
    scores = np.column_stack([_scores(learnt.table, j, c) for j, c in enumerate(learnt.calibrators)])
    found = [
        limits(signals, scores[:, j], table.losses[:, j], learnt.fold, aim.risk) if mode == "cascade" else Limits()
        for j, signals in enumerate(learnt.table.signals)
    ]
    for j, (signals, limit) in enumerate(zip(learnt.table.signals, found, strict=True)):
        scores[signals.rows[left_out(signals, limit)], j] = -1.0
    judged = Judged(scores, np.nan_to_num(table.losses[:, :-1], nan=1.0), _above(table, aim))
    rows = ~learnt.fold
    certificate = certify(
        Judged(judged.scores[rows], judged.losses[rows], judged.above[rows]),
        alpha=aim.risk,
        delta=1.0 - aim.confidence,
        target=aim.target,
    )
    return Fitted(learnt.calibrators, certificate, scores, judged, rows, learnt.questions, tuple(found), mode)


def _told_enough(signals: Signals) -> Signals:
    few = len(signals.rows) < ROWS_A_FEATURE * len(signals.names)
    return signals.only(CONFIDENCE) if few and CONFIDENCE in signals.names else signals


def _check_labels(table: Table, aim: Aim, mode: Mode) -> None:
    if len(table) < MINIMUM_ROWS:
        raise InvalidRequest(
            f"{len(table)} records are too few to fit on", hint=f"at least {MINIMUM_ROWS}; 300 are good"
        )
    for j, signals in enumerate(table.signals):
        rows = np.flatnonzero(table.present[:, j]) if mode == "route" else signals.rows
        losses = table.losses[rows, j]
        _check_judged(table, losses, rows, j)
        if np.ptp(losses) == 0 and (losses[0] < 0.5 or table.below == 1):
            raise InvalidRequest(
                f"tier `{table.tiers[j]}` is {'right' if losses[0] < 0.5 else 'wrong'} in every record",
                hint="with one class only nothing can be told apart: label more"
                + (", or ask harder questions" if losses[0] < 0.5 else ", or take a better tier"),
                param="correct",
            )
    if all(hopeless(table, j) for j in range(table.below)):
        raise InvalidRequest("no tier below the top is right in any record", hint="take a better tier", param="correct")
    if aim.target != "kept":
        asked = np.flatnonzero(table.present[:, -1])
        _check_judged(table, table.losses[asked, -1], asked, len(table.tiers) - 1)


def _check_judged(table: Table, losses: Floats, rows: NDArray[np.intp], tier: int) -> None:
    if (blank := np.flatnonzero(np.isnan(losses))).size:
        raise InvalidRequest(
            f"record `{table.ids[rows[blank[0]]]}`: nobody judged the answer of tier `{table.tiers[tier]}`",
            hint="`correct` (true or false) or `score` (0 to 1); palier label asks a person",
            param="correct",
        )


def _needs_no_fit(table: Table) -> bool:
    return table.below == 1 and int(np.sum(np.ptp(table.signals[0].matrix, axis=0) > 0)) == 1


def _without_fold(table: Table) -> _Learnt:
    """One signal, taken as the confidence that it is. That it points the other way is told, not mended.

    To turn it round here would be to choose the path by the very labels that certify it.
    """
    signals = table.signals[0]
    calibrator = _fit(signals, table.losses[:, 0])
    name, coefficient = max(((f.name, f.coefficient) for f in calibrator.features), key=lambda found: abs(found[1]))
    if coefficient <= 0:
        raise InvalidRequest(
            f"signal `{name}` of tier `{table.tiers[0]}` is higher where the answers are wrong",
            hint="a single signal is taken as a confidence, higher for better: give it the other sign",
            param="features",
        )
    return _Learnt(np.zeros(len(table), dtype=bool), table, (calibrator,))


def _on_fold(table: Table, vectors: Vectors | None, mode: Mode) -> _Learnt:
    """Fit on some rows, chosen by a hash of their ids; on more while a tier has one class only.

    That number depends on the labels of the rows fitted on, and of no other: those that certify stay as drawn.
    """
    order = np.argsort([hashlib.blake2b(name.encode()).digest() for name in table.ids])
    features = sum(len(signals.names) for signals in table.signals)
    several = any(len(signals.names) > 1 for signals in table.signals)
    share = FIT_SHARE_OF_SEVERAL if several else FIT_SHARE
    if vectors is not None:
        share = FIT_SHARE_OF_QUESTIONS
    rows = min(max(share * len(table), FIT_LEAST, FIT_A_FEATURE * features), MOST_FIT * len(table))
    while True:
        fold = np.zeros(len(table), dtype=bool)
        fold[order[: round(rows)]] = True
        try:
            asked: Table = table
            questions: tuple[QuestionModel, ...] = ()
            if vectors is not None:
                asked, questions = with_questions(table, vectors, fold, alone=mode == "route")
            fitted = tuple(
                _fit(s.among(fold), table.losses[:, j], never=hopeless(table, j)) for j, s in enumerate(asked.signals)
            )
            return _Learnt(fold, asked, fitted, questions)
        except InvalidRequest:
            if rows >= MOST_FIT * len(table):
                raise
        rows = min(rows * 1.5, MOST_FIT * len(table))


def hopeless(table: Table, tier: int) -> bool:
    """Whether a tier is wrong in every record: it keeps nothing, and the others are fitted without it."""
    return bool((table.losses[table.signals[tier].rows, tier] == 1.0).all())


_NEVER_RIGHT = -20.0
"""Log-odds of a tier that never was."""


def _fit(signals: Signals, losses: Floats, *, never: bool = False) -> Calibrator:
    if never:
        still = Feature(name=signals.names[0], mean=0.0, scale=1.0, coefficient=0.0)
        return Calibrator(features=(still,), intercept=_NEVER_RIGHT)
    return fit_calibrator(signals.names, signals.matrix, 1.0 - losses[signals.rows])


def _scores(table: Table, tier: int, calibrator: Calibrator) -> Floats:
    signals = table.signals[tier]
    out = np.full(len(table), -1.0)
    if calibrator.intercept == _NEVER_RIGHT:
        return out
    out[signals.rows] = calibrator.probabilities(signals.matrix)
    return out


def _above(table: Table, aim: Aim) -> Floats:
    """The loss of climbing on: the top's, or that of abstaining where it may not be asked; no matter for `kept`."""
    if aim.target == "kept":
        return np.zeros(len(table))
    top = np.where(table.present[:, -1], table.losses[:, -1], aim.abstain_loss)
    return np.nan_to_num(top, nan=1.0)
