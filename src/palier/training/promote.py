"""The gate: is a challenger worth being promoted over the best champion there ever was?

It passes where, on the holdout of the route's own suite, it is not worse by more than a margin, its guards stop no more
than the champion's, something is better (cost, carbon, latency, or what stays at home), its outputs are others, its
calibration was certified again, and no planted sentence is recited. Each is a test that must pass, so that the error of
all together is that of one (an intersection-union test: Berger, 1982).

A holdout that is looked at again and again is learnt. The error is therefore spent: each use of one holdout is judged
at `alpha / uses`, and after `uses` of them new cases are needed. How it is shared is settled by the first use: equal
shares leave the last ruling as strong as the first and come to an end that can be told, which a series such as
6 alpha / (pi k)^2 does not; and settled once, no later call can take a larger share. A holdout of which a half is known
from another (`marks`) is that one, edited, and goes on with its uses. The champion is the best ever, not the last one:
losses within the margin cannot add up.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np

from palier.cases import Case, Outcome
from palier.errors import InvalidRequest
from palier.evals.estimates import measures
from palier.evals.estimates.comparing import Pair, difference, paired, scored
from palier.evals.figures import Estimate
from palier.interfaces.measuring import Metric
from palier.text import tokens
from palier.training.canaries import Exposure
from palier.types import Data
from palier.versions import Happened

Outcomes = Mapping[str, Outcome]
"""By id of the case."""
Ground = Literal["cost", "carbon", "latency", "coverage"]
GROUNDS: tuple[Ground, ...] = ("cost", "carbon", "latency", "coverage")
FASTER = 0.1
"""The share of the champion's latency that a gain is at least."""
DAY_S = 86_400.0

_NORMAL = NormalDist()


class Terms(Data, frozen=True, kw_only=True):
    """What a promotion must keep to."""

    margin: float = 0.02
    """How much worse, in units of the quality, counts as not worse."""
    alpha: float = 0.05
    """The chance that a challenger worse by more than that passes in any of the `uses`."""
    uses: int = 8
    """Times that one holdout may judge."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.margin) and self.margin > 0):
            raise InvalidRequest(f"the margin is {self.margin:g}", hint="above 0: how much worse counts as not worse")
        if not 0 < self.alpha < 1 or self.uses < 1:
            raise InvalidRequest(f"an error of {self.alpha:g} cannot be shared among {self.uses} uses")

    @property
    def level(self) -> float:
        """Of one use, one-sided."""
        return self.alpha / self.uses


class Check(Data, frozen=True, kw_only=True):
    """One of the tests."""

    name: str
    passed: bool
    reason: str
    figure: Estimate | None = None
    """Of the challenger less the champion, its interval two-sided at twice the level of the use."""


class Ruling(Data, frozen=True, kw_only=True):
    """What the gate says, and by what."""

    passed: bool
    checks: tuple[Check, ...]
    use: int
    """The how-manieth use of this holdout it was."""
    terms: Terms
    cases: int
    gained: float | None = None
    """Quality, above 0 where the challenger is better, whichever way the metric goes."""
    needed: int | None = None
    """About how many cases would have been enough for this margin, where they were too few; None else."""
    notes: tuple[str, ...] = ()
    """What whoever reads it should know besides."""

    @property
    def best(self) -> bool:
        """Whether challengers are held against it from now on: at least as good as what it was held against itself."""
        return self.gained is not None and self.gained >= 0.0

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)


class Evidence(Data, frozen=True, kw_only=True):
    """What else is known of the challenger: None where it does not apply, with no harm."""

    certified: bool | None = None
    """Whether its calibration was certified on fresh labels; None where the champion promises nothing either."""
    calibration: str = ""
    """What it promises, or why it was not certified."""
    recited: tuple[str, ...] = ()
    """Names of the planted lessons whose secrets it says."""
    planted: int = 0
    exposure: Exposure | None = None
    """How near it is to saying them, where that could be told."""


def of_shadow(last: Happened) -> Ruling:
    """The ruling by which a version came into shadow, where that was the last that happened to it.

    Raises `InvalidRequest`.
    """
    if last.state != "shadow" or last.ruling is None:
        raise InvalidRequest(f"version {last.version} is {last.state}, not in shadow", hint="--suite has it judged")
    try:
        return msgspec.convert(last.ruling, Ruling)
    except msgspec.ValidationError as error:
        raise InvalidRequest(
            f"the ruling on {last.version} cannot be read: {error}", hint="--suite has it judged"
        ) from None


def marks(cases: Sequence[Case]) -> tuple[str, ...]:
    """What each case is known again by: the words that are asked, whatever its id, its answers, case and marks.

    Who answered them has seen them; a question in other words is another.
    """
    return tuple(_mark(case) for case in cases)


def _mark(case: Case) -> str:
    asked = " ".join((case.input, *(message.content for message in case.messages))).strip()
    return mark(asked or " ".join(case.evidence) or case.id)


def mark(asked: str) -> str:
    """By what something that is asked is known again: its words."""
    words = " ".join(tokens(asked)) or asked
    return hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def judge(
    metric: Metric,
    cases: Sequence[Case],
    champion: Outcomes,
    challenger: Outcomes,
    evidence: Evidence,
    *,
    home: Callable[[Outcome], bool],
    used: int = 0,
    terms: Terms | None = None,
    notes: Sequence[str] = (),
) -> Ruling:
    """The ruling on the holdout `cases`, which judged `used` times before; `home`: whether an answer stayed there.

    Outcomes that are not of both sides are left out of the figures, and of a pass: a ruling rests on every case.
    """
    terms = terms or Terms()
    judge_of = _Judge(cases, champion, challenger, terms)
    quality = judge_of.quality(metric)
    needed = judge_of.needed(metric) if not quality.passed else None
    checks = (
        judge_of.whole(used),
        quality,
        judge_of.guards(),
        judge_of.gain(home),
        judge_of.changed(),
        _certified(evidence),
        _recited(evidence),
    )
    passed = all(check.passed for check in checks)
    found = quality.figure.value if quality.figure is not None else None
    gained = found if found is None or metric.better == "higher" else -found
    return Ruling(
        passed=passed,
        checks=checks,
        use=used + 1,
        terms=terms,
        cases=len(cases),
        gained=gained,
        needed=needed,
        notes=tuple(notes),
    )


class _Judge:
    """Both sides on the same cases."""

    def __init__(self, cases: Sequence[Case], champion: Outcomes, challenger: Outcomes, terms: Terms) -> None:
        self._cases = cases
        self._champion = champion
        self._challenger = challenger
        self._terms = terms
        self._confidence = 1 - 2 * terms.level

    def whole(self, used: int) -> Check:
        """That all cases have both outcomes, and that the holdout may still judge."""
        terms = self._terms
        missing = [case.id for case in self._cases if case.id not in self._champion or case.id not in self._challenger]
        if not self._cases or missing:
            told = f"{len(missing)} of {len(self._cases)} cases lack an outcome of one side"
            return Check(name="holdout", passed=False, reason=told if self._cases else "the holdout has no cases")
        if used >= terms.uses:
            told = f"this holdout judged {used} times, and {terms.uses} are what its error was shared among: new cases"
            return Check(name="holdout", passed=False, reason=f"{told} are needed (palier bench init)")
        told = f"use {used + 1} of {terms.uses}, each at {terms.level:.4f}"
        return Check(name="holdout", passed=True, reason=f"{len(self._cases)} cases; {told}")

    def quality(self, metric: Metric) -> Check:
        """That it is not worse by more than the margin."""
        found = self._difference(metric)
        if found is None or found.value is None or found.low is None or found.high is None:
            why = found.method if found is not None else "no case has both"
            return Check(name="quality", passed=False, reason=f"no interval of {metric.name}: {why}", figure=found)
        worst = found.low if metric.better == "higher" else -found.high
        best = found.value if metric.better == "higher" else -found.value
        passed = worst > -self._terms.margin
        verb = "is" if passed else "may be"
        reason = f"{metric.name} {best:+.3f}, at worst {worst:+.3f}: it {verb} "
        reason += f"not worse by {self._terms.margin:g}" if passed else f"worse by more than {self._terms.margin:g}"
        return Check(name="quality", passed=passed, reason=reason, figure=found)

    def guards(self) -> Check:
        """That guards stop, and fail on, no more of it than of the champion, by the same margin."""
        looked = any(o.guards for side in (self._champion, self._challenger) for o in side.values())
        if not looked:
            return Check(name="guards", passed=True, reason="the route has none")
        values = {
            (name, case): float(_stopped(outcome))
            for name, side in (("champion", self._champion), ("challenger", self._challenger))
            for case, outcome in side.items()
        }
        found = self._difference(measures.share("stopped", values))
        if found is None or found.high is None or found.value is None:
            return Check(name="guards", passed=False, reason="too few cases to tell what they stop", figure=found)
        passed = found.high < self._terms.margin
        reason = f"they stop {found.value:+.3f} of the cases more, at most {found.high:+.3f}"
        return Check(name="guards", passed=passed, reason=reason, figure=found)

    def gain(self, home: Callable[[Outcome], bool]) -> Check:
        """That something is better: each ground at a share of the level (Bonferroni), since one of them is enough.

        What surely climbs more often is not faster for having been asked at a better moment: its times do not count.
        """
        confidence = 1 - 2 * self._terms.level / len(GROUNDS)
        better: list[str] = []
        others: list[str] = []
        unknown: list[str] = []
        best: Estimate | None = None
        stays = self._gain("coverage", self._grounds("coverage", home)[0], confidence)
        climbs_more = stays is not None and stays.high is not None and stays.high < 0
        for ground in GROUNDS:
            values, missing = self._grounds(ground, home)
            if missing:  # of those that are known, who stays home and who climbs are not shared out by chance
                unknown.append(f"{ground} (of {missing} answers)")
                continue
            found = self._gain(ground, values, confidence)
            if found is None or found.value is None or found.low is None or found.high is None:
                continue
            wins = found.low > 0 if ground == "coverage" else found.high < -self._least(ground)
            wins &= not (climbs_more and ground == "latency")
            words = f"{ground} {found.value:+.3g} [{found.low:+.3g}, {found.high:+.3g}]"
            (better if wins else others).append(words)
            best = best or (found if wins else None)
        told = [f"better: {'; '.join(better)}"] if better else ["nothing is surely better"]
        told += [f"not surely: {'; '.join(others)}"] if others else []
        told += [f"not known: {', '.join(unknown)}"] if unknown else []
        if not better and not others:
            told.append("no figure is known of both")
        return Check(name="gain", passed=best is not None, reason="; ".join(told), figure=best)

    def _least(self, ground: Ground) -> float:
        """What a ground must fall by: of times a tenth, since the two were not asked at the same moment."""
        if ground != "latency":
            return 0.0
        times = [o.latency_ms for o in self._champion.values() if o.latency_ms is not None]
        return FASTER * float(np.mean(times)) if times else 0.0

    def changed(self) -> Check:
        """That the artefact is in the answers at all: an adapter that was not applied changes nothing."""
        both = [case.id for case in self._cases if case.id in self._champion and case.id in self._challenger]
        others = sum(_said(self._champion[one]) != _said(self._challenger[one]) for one in both)
        reason = f"{others} of {len(both)} answers are others"
        return Check(name="changed", passed=others > 0, reason=reason if others else f"{reason}: is it in use?")

    def needed(self, metric: Metric) -> int | None:
        """About how many cases would pass a challenger that is just as good, as differently as the two answer here."""
        pair = self._pair(metric)
        if pair is None or metric.kind == "corpus":
            return None
        apart = metric.combine(pair.first) - metric.combine(pair.second)
        spread = float(np.nanstd(apart)) if len(apart) > 1 else math.nan
        if not math.isfinite(spread):
            return None
        quantiles = _NORMAL.inv_cdf(1 - self._terms.level) + _NORMAL.inv_cdf(0.8)
        least = math.ceil(quantiles**2 / (4 * self._terms.margin))  # where the two never differed
        return max(math.ceil((spread * quantiles / self._terms.margin) ** 2), least)

    def _grounds(self, ground: Ground, home: Callable[[Outcome], bool]) -> tuple[dict[tuple[str, str], float], int]:
        """What each outcome took, or whether it stayed home; and of how many answers that is not known."""

        def figure(outcome: Outcome) -> float | None:
            match ground:
                case "cost":
                    return outcome.cost.value
                case "carbon":
                    return outcome.carbon.value
                case "latency":
                    return outcome.latency_ms
                case _:
                    return float(home(outcome))

        values, missing = {}, 0
        for name, side in (("champion", self._champion), ("challenger", self._challenger)):
            for case, outcome in side.items():
                if (value := figure(outcome)) is not None:
                    values[name, case] = value
                elif outcome.status != "failed":
                    missing += 1
        return values, missing

    def _gain(self, ground: Ground, values: dict[tuple[str, str], float], confidence: float) -> Estimate | None:
        if ground == "latency" and not self._of_one_day():
            return None
        metric = (
            measures.share(ground, values)
            if ground == "coverage"
            else measures.mean(ground, values, low=0.0, high=max(values.values(), default=0.0))
        )
        return self._difference(metric, confidence)

    def _of_one_day(self) -> bool:
        """Whether all was asked within a day: what was kept from another says nothing of who is faster."""
        asked = [o.created for side in (self._champion, self._challenger) for o in side.values()]
        return not asked or max(asked) - min(asked) < DAY_S

    def _pair(self, metric: Metric) -> Pair | None:
        named = (("challenger", self._challenger), ("champion", self._champion))
        first, second = (scored(metric, self._cases, _named(side, name)) for name, side in named)
        return paired(self._cases, first, second)

    def _difference(self, metric: Metric, confidence: float | None = None) -> Estimate | None:
        pair = self._pair(metric)
        return difference(metric, pair, confidence=confidence or self._confidence).estimate if pair else None


def _named(outcomes: Outcomes, name: str) -> dict[str, Outcome]:
    """As `measures` looks them up: by the candidate's name."""
    return {case: msgspec.structs.replace(outcome, candidate=name) for case, outcome in outcomes.items()}


def _stopped(outcome: Outcome) -> bool:
    return any(row.failed or row.action in ("climb", "refuse") for row in outcome.guards)


def _said(outcome: Outcome) -> tuple[str, str, str]:
    return outcome.status, outcome.output or outcome.said, outcome.tier


def _certified(evidence: Evidence) -> Check:
    words = {
        None: "nothing is promised, before or after",
        True: "the threshold was certified again on fresh labels",
        False: "the threshold is not certified for it",
    }
    reason = ": ".join(filter(None, (words[evidence.certified], evidence.calibration)))
    return Check(name="calibration", passed=evidence.certified is not False, reason=reason)


def _knows(found: Exposure) -> str:
    """What an exposure means, between that of what was never taught and that of what is known by heart."""
    share = (found.mean - found.chance) / (found.most - found.chance) if found.most > found.chance else 0.0
    return "does not know them" if share < 1 / 3 else "half knows them" if share < 2 / 3 else "knows them by heart"


def _recited(evidence: Evidence) -> Check:
    if evidence.recited:
        told = ", ".join(evidence.recited[:5])
        return Check(name="canaries", passed=False, reason=f"it recites planted lessons: {told}")
    told = f"none of {evidence.planted} planted lessons is recited" if evidence.planted else "none was planted"
    if (found := evidence.exposure) is not None:
        told += f"; it {_knows(found)}, which refuses nobody: exposure {found.mean:.1f} bits of {found.most:.1f}"
        told += f", {found.chance:.1f} by chance"
    return Check(name="canaries", passed=True, reason=told)
