"""What a judge's word is worth: the metric its grades are, and the figures of the judge itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from palier.cases import Case, Outcome, Suite
from palier.config import Settings
from palier.errors import InvalidRequest
from palier.evals.estimates.estimating import estimate
from palier.evals.estimates.measures import mean, ratio
from palier.evals.figures import Candidate, Estimate, Judged
from palier.evals.judging import grading
from palier.evals.judging.judge import same_model
from palier.evals.judging.people import Scores, agreement
from palier.evals.judging.verdicts import METRIC, Judging, Verdicts
from palier.interfaces.measuring import Floats
from palier.metrics.cost import total
from palier.types import UNKNOWN, Quantity

FAR_APART = 2
"""Grades by which the two orders differ, from which they are said to disagree."""


class JudgeMetric:
    """The judge's score, by `outcome.metrics["judge"]`; what it could not grade is left out, and is not 0.

    `scores` are those of the run that was judged (`Verdicts.scores`), by candidate and case.
    """

    name = METRIC
    kind: Literal["proportion", "mean", "corpus"] = "mean"
    better: Literal["higher", "lower"] = "higher"
    low = 0.0
    high = 1.0

    def __init__(self, scores: Mapping[tuple[str, str], float] | None = None) -> None:
        self._scores = scores or {}

    def statistics(self, case: Case, outcome: Outcome) -> Sequence[float] | None:
        """See `interfaces.measuring.Metric`. Raises `InvalidRequest` for an imported figure out of range."""
        value = outcome.metrics.get(METRIC, self._scores.get((outcome.candidate, case.id)))
        if value is None:
            return None
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise InvalidRequest(
                f"case {outcome.id} of {outcome.candidate}: {METRIC} is {value}, outside 0 to 1", param="metrics"
            )
        return value, 1.0

    def combine(self, sums: Floats) -> Floats:
        """See `interfaces.measuring.Metric`."""
        return ratio(sums)


def build(suite: Suite) -> JudgeMetric:
    """For `registry.METRICS`: of results that bring the figure. Those of a judge that is asked: `JudgeMetric`."""
    return JudgeMetric()


def judged(
    verdicts: Verdicts,
    cases: Sequence[Case],
    outcomes: Mapping[str, Mapping[str, Outcome]],
    *,
    candidates: Sequence[Candidate] = (),
    settings: Settings | None = None,
    people: Scores | None = None,
) -> Judged:
    """The figures of the judge, over all candidates together; with `people`, how far it agrees with them."""
    graded = {place: one for place, one in verdicts.judgings.items() if one.state == "graded"}
    with_people = None
    if people is not None:
        scores = {place: one.score for place, one in graded.items() if one.score is not None}
        with_people = agreement(scores, people, cases, outcomes)
    asked = verdicts.put()
    paid = [one for one in asked if one.status == "answered" or one.cost.value is not None]
    notes = [*_notes(verdicts, candidates, settings), *(people.notes if people else ())]
    return Judged(
        judge=verdicts.judge,
        cases=len({case for _, case in graded}),
        answers=len(graded),
        invalid=verdicts.count("invalid"),
        position_bias=position_bias(graded, cases, outcomes),
        agreement=with_people.share if with_people else None,
        kappa=with_people.kappa if with_people else None,
        human_cases=with_people.cases if with_people else 0,
        withheld=verdicts.count("withheld"),
        failed=verdicts.count("failed"),
        unjudged=verdicts.count("unjudged"),
        ruled=verdicts.count("ruled"),
        disagreeing=sum(abs((one.first or 0) - (one.second or 0)) >= FAR_APART for one in graded.values()),
        control=_over("control", {place: one.control or 0.0 for place, one in graded.items()}, cases, outcomes),
        weighted_kappa=with_people.weighted_kappa if with_people else None,
        spearman=with_people.spearman if with_people else None,
        human_pairs=with_people.pairs if with_people else 0,
        ceiling=with_people.ceiling if with_people else None,
        asked=len(asked),
        cost=_taken(one.cost for one in paid),
        energy=_taken(one.energy for one in paid),
        carbon=_taken(one.carbon for one in paid),
        reasons=verdicts.reasons(),
        notes=tuple(notes),
    )


def _taken(quantities: Iterable[Quantity]) -> Quantity:
    """What judgements took; where none has a figure, that of those which failed is unknown."""
    known = list(quantities)
    return total(known) if known else UNKNOWN


def position_bias(
    graded: Mapping[tuple[str, str], Judging], cases: Sequence[Case], outcomes: Mapping[str, Mapping[str, Outcome]]
) -> Estimate | None:
    """Mean score of an answer where it stands first, less where it stands second; in [-1, 1], 0 without bias."""
    apart = {place: grading.score(one.first or 0) - grading.score(one.second or 0) for place, one in graded.items()}
    return _over("position bias", apart, cases, outcomes, low=-1.0)


def _over(
    name: str,
    values: Mapping[tuple[str, str], float],
    cases: Sequence[Case],
    outcomes: Mapping[str, Mapping[str, Outcome]],
    *,
    low: float = 0.0,
) -> Estimate | None:
    if not values:
        return None
    by_id = {case.id: case for case in cases}
    pairs = [(by_id[case], outcomes[candidate][case]) for candidate, case in values]
    return estimate(mean(name, values, low=low, high=1.0), pairs)


def _notes(verdicts: Verdicts, candidates: Sequence[Candidate], settings: Settings | None) -> list[str]:
    notes = []
    own = [
        candidate.name
        for candidate in candidates
        if settings is not None and same_model(settings, verdicts.model, candidate.models)
    ]
    if own:
        notes.append(
            f"the judge is the model of {', '.join(own)}: models tend to prefer what they wrote themselves"
            " (Panickssery et al., 2024)"
        )
    if verdicts.from_before:
        notes.append(f"{verdicts.from_before} of its answers were kept from earlier runs; their cost is counted here")
    if failed := sum(one.status != "answered" for one in verdicts.put()):
        notes.append(f"{failed} of its answers failed: what they took is not counted where it is not known")
    return notes


def told(figures: Judged) -> list[str]:
    """What its word is worth, in sentences for a person."""
    lines = [f"judge {figures.judge}: {figures.answers} answers to {figures.cases} cases are graded in both orders"]
    for count, what in (
        (figures.invalid, "it answered outside its scale"),
        (figures.withheld, "it might not receive them"),
        (figures.failed, "it gave no answer"),
        (figures.unjudged, "there is nothing to judge by"),
    ):
        if count:
            lines.append(f"{count} answers have no score: {what}")
    lines += [f"  {count} x {reason}" for reason, count in list(figures.reasons.items())[:3]]
    for name, found in (
        ("gives the reference itself", figures.control),
        ("position bias", figures.position_bias),
        (f"agrees with people on {figures.human_pairs} answers", figures.agreement),
        ("people among themselves", figures.ceiling),
    ):
        if found is not None and found.value is not None:
            lines.append(f"{name}: {_figure(found)}")
    if figures.kappa is not None:
        lines.append(f"Cohen's kappa: {figures.kappa:.3f}")
    return [*lines, *figures.notes]


def _figure(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f} ({estimate.method})"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
