"""The gate, asked: champion and challenger answer the holdout of the route's suite, and the ruling is kept.

Both are routes of one palier that stands beside production (`app.bench`): same documents, prompts, guards, door. What
was answered once is not asked again, so that a champion's answers are there for the next challenger, until anything
they depend on changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from palier.app.bench import open_bench
from palier.app.calibrating import falls_short, promised
from palier.app.reciting import Recited, recite
from palier.app.students import check
from palier.cases import Case, Outcome, Suite
from palier.config import Settings, tier_name
from palier.config.taught import with_version
from palier.errors import InvalidRequest, NotFound, Unavailable
from palier.evals import scoring
from palier.evals.figures import Run
from palier.evals.runs import running
from palier.evals.runs.candidates import Planned
from palier.evals.runs.running import Options, Progress
from palier.interfaces import Lessons
from palier.interfaces.versions import Versions
from palier.policies import Standing
from palier.routing.policy import Policy
from palier.training.promote import Evidence, Ruling, Terms, judge, mark, marks
from palier.training.stock import pages
from palier.types import JSON
from palier.versions import Calibration, Holdout, Version

CHAMPION, CHALLENGER = "champion", "challenger"
LOST = 0.02
"""The share of cases that may fail because nothing could be reached: more would be a ruling on the network."""
_AWAY = running.OUT_OF_REACH | {running.NOT_ASKED}


class _Answers(NamedTuple):
    """Of both sides, by case; `standings`: how their routes stand."""

    champion: dict[str, Outcome]
    challenger: dict[str, Outcome]
    standings: Mapping[str, Standing]
    recited: Recited
    again: int
    """How many of the champion's were asked now: the others were kept."""


@dataclass(slots=True)
class _Counting:
    """A `Progress` that counts which of the champion's answers were not kept, and tells another."""

    told: Progress
    again: int = 0

    def begin(self, candidate: str, cases: int, kept: int) -> None:
        if candidate == CHAMPION:
            self.again = cases - kept
        self.told.begin(candidate, cases, kept)

    def done(self, outcome: Outcome) -> None:
        self.told.done(outcome)

    def end(self) -> None:
        self.told.end()


def holdout_of(suite: Suite) -> tuple[tuple[Case, ...], str]:
    """The cases that judge, and what knows them again. Raises `InvalidRequest` where there are none."""
    cases = running.select(suite, "holdout", None)
    if not cases:
        raise InvalidRequest(
            f"suite `{suite.name}` has no holdout: nothing may judge that was looked at while teaching",
            hint='cases with "split": "holdout"; palier bench init splits them',
        )
    return cases, hashlib.sha256(msgspec.json.encode(cases)).hexdigest()


async def rule(
    declared: Settings,
    versions: Versions,
    folder: Path,
    id: str,
    suite: Suite,
    *,
    lessons: Lessons | None = None,
    terms: Terms | None = None,
    progress: Progress | None = None,
    who: str = "",
) -> Ruling:
    """Have the version `id` judged against the best that ever answered on its route, and keep the ruling.

    It passes to `shadow`, or is `refused`. Raises `NotFound`, `InvalidRequest` also where it may have been taught what
    judges, by one of `lessons`; `ConfigurationError`, `Unavailable` where a side cannot be reached: then it is not
    judged, though the holdout counts as used by it.
    """
    version = await versions.get(id)
    if version is None:
        raise NotFound(f"there is no version `{id}`", hint="palier versions lists them")
    check(version, folder, declared)
    cases, holdout = holdout_of(suite)
    if suite.route and suite.route != version.route:
        raise InvalidRequest(f"suite `{suite.name}` is of route `{suite.route}`, and {id} of `{version.route}`")
    if lessons is not None and (met := await _met(lessons, version, cases)):
        raise InvalidRequest(
            f"{met} of the {len(cases)} cases that judge are asked by lessons of `{version.route}`: it may know them",
            hint="palier learn --suite SUITE leaves them out, and teaches another version without them",
        )
    metric = scoring.measured(suite).metrics[0]
    both = await _both(declared, versions, folder, version)
    before = await _last(versions, version.route, suite)
    terms = terms or Terms()
    held = Holdout(digest=holdout, marks=marks(cases), alpha=terms.alpha, uses=terms.uses)
    spent = await versions.judged(version.route, held, id)
    terms, used = msgspec.structs.replace(terms, alpha=spent.alpha, uses=spent.uses), spent.others
    wanted = await promised(declared, versions, folder, version.route)
    answers = await _answers(both, suite, cases, version, folder, progress)
    certified, calibration = _certified(answers, version, wanted, await versions.calibration(id))
    last = tier_name(both.routes[CHAMPION], len(both.routes[CHAMPION].tiers) - 1)
    recited = answers.recited
    evidence = Evidence(
        certified=certified,
        calibration=calibration,
        recited=recited.names,
        planted=recited.planted,
        exposure=recited.exposure,
    )
    ruling = judge(
        metric,
        cases,
        answers.champion,
        answers.challenger,
        evidence,
        home=lambda outcome: outcome.status == "answered" and outcome.tier != last,
        used=used,
        terms=terms,
        notes=_changed(suite, before, holdout, answers.again, len(cases)),
    )
    kept: JSON = {"suite": suite.name, "holdout": holdout, **msgspec.to_builtins(ruling)}
    why = "; ".join(one.reason for one in ruling.failed) or "it passed the gate"
    await (versions.shadow if ruling.passed else versions.refuse)(id, kept, who=who, why=why)
    return ruling


async def _last(versions: Versions, route: str, suite: Suite) -> str:
    """What knew the holdout of the suite when a version of the route was judged by it last; empty: it never was."""
    for one in reversed(await versions.history(route)):
        if one.ruling is not None and one.ruling.get("suite") == suite.name:
            return str(one.ruling.get("holdout", ""))
    return ""


def _changed(suite: Suite, before: str, holdout: str, again: int, cases: int) -> list[str]:
    """What is told where the suite is another than at the last ruling: nothing is compared across the two."""
    if not before or before == holdout:
        return []
    asked = f"{again} of {cases} cases were put to the champion again" if again else "the champion's answers stand"
    return [f"suite `{suite.name}` changed since it judged last: {asked}, and both sides are scored by it as it is now"]


async def _met(lessons: Lessons, version: Version, cases: Sequence[Case]) -> int:
    """How many of the cases ask, in the same words, what a lesson asks that was there when the version was taught."""
    judging = set(marks(cases))
    met = {
        known
        async for page in pages(lessons, version.route, "accepted")
        for lesson in page
        if lesson.created <= version.created and (known := mark(lesson.asked)) in judging
    }
    return len(met)


async def _both(declared: Settings, versions: Versions, folder: Path, version: Version) -> Settings:
    """Settings with two routes: as the best version answers (the route's own, where none was), and as the new one."""
    standing = await versions.standing(version.route)
    best = await versions.get(standing.best) if standing.best else None
    settings = declared
    if best is not None:
        check(best, folder, declared)
        settings = with_version(settings, best, folder / best.id, route=CHAMPION)
    elif version.route in declared.routes:
        settings = msgspec.structs.replace(
            declared, routes={**declared.routes, CHAMPION: declared.routes[version.route]}
        )
    return with_version(settings, version, folder / version.id, route=CHALLENGER)


async def _answers(
    both: Settings,
    suite: Suite,
    cases: Sequence[Case],
    version: Version,
    folder: Path,
    progress: Progress | None,
) -> _Answers:
    routes = {name: msgspec.structs.replace(both.routes[name], audit=0.0) for name in (CHAMPION, CHALLENGER)}
    planned = [Planned(name, "cascade", suite.prompt, route) for name, route in routes.items()]
    options = Options(timeout_s=both.server.request_timeout_s)
    counting = _Counting(progress or running.Quiet())
    async with open_bench(both, planned) as opened:
        run = await opened.run(suite, cases, await opened.entrants(), options, progress=counting)
        _check_reached(run, cases)
        recited = await recite(opened.palier, CHALLENGER, version, folder / version.id)
        standings = {name: opened.palier.policies.of(name) for name in (CHAMPION, CHALLENGER)}
    sides = {name: dict(run.outcomes.get(name, {})) for name in (CHAMPION, CHALLENGER)}
    return _Answers(sides[CHAMPION], sides[CHALLENGER], standings, recited, counting.again)


def _certified(
    answers: _Answers, version: Version, wanted: Policy | None, made: Calibration | None
) -> tuple[bool | None, str]:
    """Whether the challenger's policy holds and promises what is wanted, and in words; None: nothing is promised."""
    champion, challenger = answers.standings[CHAMPION], answers.standings[CHALLENGER]
    if challenger.policy is None:
        if champion.policy is None:
            return None, ""
        if version.policy:
            return False, challenger.problem
        return False, made.why if made is not None else "palier learn asks the suite's dev cases, and certifies it"
    short = falls_short(challenger.policy.guarantee, wanted.guarantee) if wanted is not None else ""
    return not short, short or str(challenger.policy.guarantee)


def _check_reached(run: Run, cases: Sequence[Case]) -> None:
    for name in (CHAMPION, CHALLENGER):
        found = run.outcomes.get(name, {})
        lost = sum(o.status == "failed" and running.code_of(o) in _AWAY for o in found.values())
        if lost > LOST * len(cases):
            raise Unavailable(
                f"{lost} of {len(cases)} cases could not be put to the {name}: nothing is decided",
                hint="try again; what was answered is kept",
            )
