"""What people think of answers, and how far a judge agrees with them: what its word is worth."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from palier.cases import Case
from palier.errors import ConfigurationError
from palier.evals.estimates.estimating import estimate
from palier.evals.estimates.measures import Of, PerAnswer, share
from palier.evals.figures import Estimate
from palier.evals.judging.remarks import Outcomes, Place, Remark, Remarks, digest
from palier.metrics.agreement import cohen_kappa, spearman, weighted_kappa_of, weighted_sums
from palier.types import Data

HALF = 0.5
"""From which a score is on the side of right."""


class Scored(Data, frozen=True, kw_only=True):
    """One person's score of one answer, in [0, 1]. `graded`: on a scale, not only right or wrong."""

    id: str
    candidate: str
    score: float
    rater: str = ""
    graded: bool = False


class Scores(Data, frozen=True, kw_only=True):
    """What was read. `notes` are sentences on what was left out, and why."""

    scores: tuple[Scored, ...]
    notes: tuple[str, ...] = ()

    def by_answer(self) -> dict[Place, list[Scored]]:
        """By candidate and case."""
        found: dict[Place, list[Scored]] = {}
        for one in self.scores:
            found.setdefault((one.candidate, one.id), []).append(one)
        return found


def read_scores(path: Path, cases: Collection[str], outcomes: Outcomes, *, known: Collection[str] = ()) -> Scores:
    """People's scores from JSON lines {id, candidate, score in [0, 1] or correct, rater?, answer? or digest?}.

    `cases` are the ids of the whole suite, `outcomes` what was run, `known` further names of candidates that there are
    and that were not run: lines about those, and about cases that were not run, are left out and counted. Raises
    `ConfigurationError` naming the line: no such case or candidate, a score outside [0, 1], one rater twice.
    """
    found: list[Scored] = []
    said: dict[tuple[str, ...], str] = {}
    used: dict[tuple[str, ...], str] = {}
    remarks = Remarks(path, cases, outcomes, known)
    for at, line in remarks.lines():
        if not line.candidate:
            raise ConfigurationError(f"{at}: `candidate` is missing", hint="name the candidate whose answer was judged")
        score = _score(line, at)
        which = line.digest or (digest(line.answer) if line.answer is not None else "")
        _once(said, (line.candidate, line.id, line.rater, which), at)
        if remarks.about(line, line.candidate, at) is not None:
            _once(used, (line.candidate, line.id, line.rater, ""), at)
            graded = score not in (0.0, 1.0)
            found.append(Scored(id=line.id, candidate=line.candidate, score=score, rater=line.rater, graded=graded))
    return Scores(scores=tuple(found), notes=remarks.notes())


def _once(said: dict[tuple[str, ...], str], place: tuple[str, ...], at: str) -> None:
    """One judges an answer once; another answer to the same case is another."""
    candidate, case, rater, _ = place
    if (before := said.setdefault(place, at)) != at:
        who = f"`{rater}`" if rater else "one who gives no `rater`"
        raise ConfigurationError(
            f"{at}: {who} has judged `{candidate}` on `{case}` before ({before})",
            hint="give each person's lines a `rater`, and keep one line of each on an answer",
        )


def _score(line: Remark, at: str) -> float:
    if (line.score is None) == (line.correct is None):
        raise ConfigurationError(f"{at}: give `score` or `correct`, and not both")
    if line.score is None:
        return float(bool(line.correct))
    if not 0 <= line.score <= 1:
        raise ConfigurationError(f"{at}: `score` is {line.score}, and must be in [0, 1]")
    return line.score


class Agreement(Data, frozen=True, kw_only=True):
    """How far the judge says what people say. Of several people on one answer their mean counts."""

    share: Estimate
    """Of answers for which both are on the same side of one half (one half is on the side of right)."""
    kappa: float | None
    weighted_kappa: Estimate | None
    """None where all that people said was right or wrong."""
    spearman: float | None
    pairs: int
    cases: int
    ceiling: Estimate | None = None
    """Share of pairs of people who say the same of one answer; None where nobody judged what another judged."""


def agreement(judged: Mapping[Place, float], scores: Scores, cases: Sequence[Case], outcomes: Outcomes) -> Agreement:
    """Of the judge's scores in [0, 1], by candidate and case, with people's."""
    by_id = {case.id: case for case in cases}
    people = {place: said for place, said in scores.by_answer().items() if place[1] in by_id}
    both = {place: (judged[place], _mean(said)) for place, said in people.items() if place in judged}
    pairs = [(by_id[case], outcomes[candidate][case]) for candidate, case in both]
    graded = any(one.graded for place in both for one in people[place])
    one, other = (np.array([pair[i] for pair in both.values()], float) for i in (0, 1))
    weighted = Of("weighted kappa", {place: _sums(*pair) for place, pair in both.items()}, weighted_kappa_of, low=-1.0)
    return Agreement(
        share=estimate(share("agreement", {place: float(_same(*pair)) for place, pair in both.items()}), pairs),
        kappa=cohen_kappa(one >= HALF, other >= HALF),
        weighted_kappa=estimate(weighted, pairs) if graded else None,
        spearman=spearman(one, other),
        pairs=len(both),
        cases=len({case for _, case in both}),
        ceiling=_ceiling(people, by_id, outcomes),
    )


def _ceiling(
    people: Mapping[Place, Sequence[Scored]], cases: Mapping[str, Case], outcomes: Outcomes
) -> Estimate | None:
    """People's agreement among themselves, over the answers that several judged."""
    shares = {}
    for place, said in people.items():
        if len(said) > 1:
            same = [_same(one.score, other.score) for one, other in itertools.combinations(said, 2)]
            shares[place] = sum(same) / len(same)
    if not shares:
        return None
    pairs = [(cases[case], outcomes[candidate][case]) for candidate, case in shares]
    return estimate(share("agreement of people", shares), pairs)


def _same(one: float, other: float) -> bool:
    return (one >= HALF) == (other >= HALF)


def _sums(one: float, other: float) -> PerAnswer:
    return tuple(weighted_sums([one], [other])[0].tolist())


def _mean(said: Sequence[Scored]) -> float:
    return sum(one.score for one in said) / len(said)
