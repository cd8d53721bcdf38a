"""What a judge made of outcomes: both orders together, and what needs no judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from palier.cases import Case, Outcome
from palier.evals.judging import grading
from palier.metrics.correctness import abstained
from palier.types import Data

METRIC = "judge"


class Judging(Data, frozen=True, kw_only=True):
    """What the judge made of one outcome. `score` in [0, 1] is the mean of both orders; None without both."""

    id: str
    candidate: str
    state: Literal["graded", "invalid", "withheld", "failed", "ruled", "unjudged"]
    """`invalid`: not two grades on the scale. `withheld`: the door did not let it go to the judge. `ruled`: right or
    wrong without a judge. `unjudged`: there is nothing to judge by."""
    score: float | None = None
    first: int | None = None
    """Grade, 1 to 5, where the answer stood first."""
    second: int | None = None
    control: float | None = None
    """What it gave the reference itself, in [0, 1], both orders."""
    reason: str = ""


@dataclass(slots=True)
class Verdicts:
    """All that the judge said of a run: by candidate and case, and the outcome of each prompt."""

    judge: str
    """Its name."""
    model: str
    """Its model's, in `palier.toml`."""
    judgings: dict[tuple[str, str], Judging] = field(default_factory=dict)
    asked: dict[str, Outcome] = field(default_factory=dict)
    """By key."""
    from_before: int = 0
    """Of those, how many an earlier run had asked."""

    def scores(self) -> dict[tuple[str, str], float]:
        """By candidate and case. Nothing of a candidate of which nothing was graded: its failures are not its worth."""
        graded = {candidate for (candidate, _), one in self.judgings.items() if one.state == "graded"}
        return {
            place: one.score for place, one in self.judgings.items() if place[0] in graded and one.score is not None
        }

    def scored(self, outcomes: Mapping[str, Mapping[str, Outcome]]) -> dict[str, dict[str, Outcome]]:
        """`outcomes` with scores as `metrics["judge"]`; what has none has none there, not 0.

        Nor has an answer without a word: figures without an output are those of imported results (`JudgeMetric`).
        """
        scores = self.scores()
        return {
            name: {case: _scored(one, scores.get((name, case))) for case, one in of.items()}
            for name, of in outcomes.items()
        }

    def put(self) -> list[Outcome]:
        """What was put to the judge: all but what the door kept back."""
        return [one for _, one in sorted(self.asked.items()) if not withheld(one)]

    def count(self, state: str) -> int:
        """Outcomes in this state."""
        return sum(judging.state == state for judging in self.judgings.values())

    def reasons(self) -> dict[str, int]:
        """Why outcomes have no score, the commonest first."""
        told = Counter(one.reason for one in self.judgings.values() if one.score is None and one.reason)
        return dict(told.most_common(10))


def _scored(outcome: Outcome, score: float | None) -> Outcome:
    metrics = {name: value for name, value in outcome.metrics.items() if name != METRIC}
    if score is not None and (outcome.status != "answered" or outcome.output.strip()):
        metrics[METRIC] = score
    return outcome if metrics == outcome.metrics else msgspec.structs.replace(outcome, metrics=metrics)


def _ruled(case: Case, outcome: Outcome) -> float | None:
    """The score of what needs no judge: an abstention, a failure, an empty answer, a case without an answer to find."""
    if outcome.status == "answered" and not outcome.output.strip() and outcome.metrics:
        return None  # imported without its text
    if not case.answerable:
        return float(abstained(outcome))
    return 0.0 if outcome.status != "answered" or not outcome.output.strip() else None


def settled(case: Case, outcome: Outcome, candidate: str) -> Judging | None:
    """What the judge is not asked of."""
    who: dict[str, Any] = {"id": case.id, "candidate": candidate}
    if (score := _ruled(case, outcome)) is not None:
        return Judging(**who, state="ruled", score=score)
    if not outcome.output.strip():
        return Judging(**who, state="unjudged", reason="imported without its text")
    if not any(reference.strip() for reference in case.references):
        return Judging(**who, state="unjudged", reason="the case has no reference")
    return None


def withheld(asked: Outcome) -> bool:
    """Whether the door kept a prompt from the judge."""
    return asked.status == "abstained" and bool(asked.spells) and asked.spells[-1].outcome == "refused"


def judging_of(candidate: str, id: str, both: tuple[Outcome, Outcome], *, json: bool) -> Judging:
    """Both orders together. Where one gave no grade there is no score: half of a swap cancels nothing."""
    for one in both:
        if one.status == "abstained":
            state: Literal["withheld", "failed"] = "withheld" if withheld(one) else "failed"
            return Judging(id=id, candidate=candidate, state=state, reason=one.decision)
        if one.status == "failed":
            return Judging(id=id, candidate=candidate, state="failed", reason=one.error)
    first = grading.read(both[0].output, json=json, answer_first=True)
    second = grading.read(both[1].output, json=json, answer_first=False)
    if first is None or second is None:
        return Judging(id=id, candidate=candidate, state="invalid", reason=grading.INVALID)
    return Judging(
        id=id,
        candidate=candidate,
        state="graded",
        score=grading.score((first.answer + second.answer) / 2),
        first=first.answer,
        second=second.answer,
        control=grading.score((first.reference + second.reference) / 2),
    )
