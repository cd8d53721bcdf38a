"""The gate, asked: champion and challenger answer the holdout of the route's suite, and the ruling is kept.

Both are routes of one palier that stands beside production (`app.bench`): same documents, prompts, guards, door. What
was answered once is not asked again, so that a champion's answers are there for the next challenger, until anything
they depend on changes. Nor is a ruling made twice: where all that it rests on is what it was, the one that was kept is
given; where anything is another, it is another use of the holdout.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from palier.app.bench import Bench, open_bench
from palier.app.certificates import falls_short, promised
from palier.app.reciting import Recited, recite
from palier.app.students import check
from palier.cases import Case, Outcome, Suite
from palier.config import Settings, tier_name
from palier.config.taught import with_version
from palier.errors import InvalidRequest, NotFound, Unavailable
from palier.evals import scoring
from palier.evals.runs import running
from palier.evals.runs.candidates import Planned
from palier.evals.runs.running import Options, Progress
from palier.interfaces import Lessons
from palier.interfaces.versions import Versions
from palier.lessons import Lesson
from palier.policies import Standing
from palier.routing.policy import Policy
from palier.training.promote import Evidence, Ruling, Terms, judge, mark, marks
from palier.training.stock import pages
from palier.types import JSON
from palier.versions import Calibration, Holdout, Version

CHAMPION, CHALLENGER = "champion", "challenger"
LOST = 0.02
"""The share of cases that one side alone may lack because nothing could be reached: more would be a ruling on the
network."""
AWAY = 0.1
"""The share that a side may lack at all: what no upstream will ever answer, as by its own rules, neither side has."""
TRIES = 3
"""Times that cases are put to a side that was busy, or away."""
PAUSE_S = 5.0
"""Before the second of them; twice as long before the third."""
_AWAY = running.OUT_OF_REACH | {running.NOT_ASKED}


class _Answers(NamedTuple):
    """Of both sides, by case; `standings`: how their routes stand."""

    champion: dict[str, Outcome]
    challenger: dict[str, Outcome]
    standings: Mapping[str, Standing]
    recited: Recited
    again: int
    """How many of the champion's were asked now: the others were kept."""
    lost: Mapping[str, int]
    """By side: how many cases it could not be asked, however often they were put to it."""


class _Trial(NamedTuple):
    """What is to be ruled on: a version by the cases of a suite."""

    version: Version
    suite: Suite
    cases: tuple[Case, ...]
    holdout: str
    terms: Terms
    folder: Path
    wanted: Policy | None
    """Whose promise it must keep."""
    note: str = ""


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


def check_suite(suite: Suite, route: str) -> None:
    """Raise `InvalidRequest` where a suite cannot judge versions of `route`."""
    holdout_of(suite)
    if suite.route and suite.route != route:
        raise InvalidRequest(f"suite `{suite.name}` is of route `{suite.route}`, and judges none of `{route}`")


def terms_of(suite: Suite, *, margin: float, uses: int) -> Terms:
    """What a promotion must keep to. Raises `InvalidRequest` for a margin by which anything would pass."""
    terms, metric = Terms(margin=margin, uses=uses), scoring.measured(suite).metrics[0]
    if margin >= metric.high - metric.low:
        raise InvalidRequest(
            f"the margin is {margin:g}, and {metric.name} goes from {metric.low:g} to {metric.high:g}: all would pass",
            hint=f"{(metric.high - metric.low) * 0.05:g} is five points of a hundred",
        )
    return terms


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

    It passes to `shadow`, or is `refused`. A ruling that rested on the very same is given as it was kept. Raises
    `NotFound`, `InvalidRequest` also where it may have been taught what judges, by one of `lessons`;
    `ConfigurationError`, `Unavailable` where a side cannot be reached: then it is not judged, though the holdout counts
    as used by it.
    """
    version = await versions.get(id)
    if version is None:
        raise NotFound(f"there is no version `{id}`", hint="palier versions lists them")
    check(version, folder, declared)
    check_suite(suite, version.route)
    cases, holdout = holdout_of(suite)
    if lessons is not None and (met := await _met(versions, lessons, version, cases)):
        raise InvalidRequest(
            f"{met} of the {len(cases)} cases that judge are asked by lessons of `{version.route}`: it may know them",
            hint="palier learn --suite SUITE leaves them out, and teaches another version without them",
        )
    both, note = await _both(declared, versions, folder, version)
    routes = {name: msgspec.structs.replace(both.routes[name], audit=0.0) for name in (CHAMPION, CHALLENGER)}
    planned = [Planned(name, "cascade", suite.prompt, route) for name, route in routes.items()]
    wanted = await promised(declared, versions, folder, version.route)
    trial = _Trial(version, suite, cases, holdout, terms or Terms(), folder, wanted, note)
    async with open_bench(both, planned) as opened:
        basis = await _basis(trial, versions, opened)
        if (known := await _known(versions, version, holdout, basis)) is not None:
            return known
        return await _ruled(trial, versions, basis, opened, progress, who)


async def _ruled(
    trial: _Trial, versions: Versions, basis: str, opened: Bench, progress: Progress | None, who: str
) -> Ruling:
    version, suite, cases = trial.version, trial.suite, trial.cases
    before = await _last(versions, version.route, suite)
    held = Holdout(digest=trial.holdout, marks=marks(cases), alpha=trial.terms.alpha, uses=trial.terms.uses)
    spent = await versions.judged(version.route, held, version.id, basis)
    answers = await _answers(trial, opened, progress)
    certified, calibration = _certified(answers, version, trial.wanted, await versions.calibration(version.id))
    route = opened.palier.settings.routes[CHAMPION]
    last = tier_name(route, len(route.tiers) - 1)
    recited = answers.recited
    evidence = Evidence(
        certified=certified,
        calibration=calibration,
        recited=recited.names,
        planted=recited.planted,
        exposure=recited.exposure,
    )
    ruling = judge(
        scoring.measured(suite).metrics[0],
        cases,
        answers.champion,
        answers.challenger,
        evidence,
        home=lambda outcome: outcome.status == "answered" and outcome.tier != last,
        used=spent.others,
        terms=msgspec.structs.replace(trial.terms, alpha=spent.alpha, uses=spent.uses),
        notes=[
            *filter(None, [trial.note]),
            *_changed(suite, before, trial.holdout, answers.again, len(cases)),
            *_away(answers.lost, len(cases)),
        ],
    )
    kept: JSON = {"suite": suite.name, "holdout": trial.holdout, "basis": basis, **msgspec.to_builtins(ruling)}
    why = "; ".join(one.reason for one in ruling.failed) or "it passed the gate"
    await (versions.shadow if ruling.passed else versions.refuse)(version.id, kept, who=who, why=why)
    return ruling


async def _basis(trial: _Trial, versions: Versions, opened: Bench) -> str:
    """Names all that a ruling rests on but its cases: both sides, how they are scored, and what is asked of them.

    One that was returned is judged anew, whatever was said of it before.
    """
    suite, version = trial.suite, trial.version
    happened = await versions.history(version.route, version.id)
    made = await versions.calibration(version.id)
    said = (
        sorted((await opened.keys()).items()),
        (suite.task, suite.quality, suite.metrics, suite.prompt, suite.labels, suite.schema, suite.max_tokens),
        (trial.terms.margin, trial.wanted.guarantee if trial.wanted is not None else None),
        (made.policy, made.why) if made is not None else None,
        sum(one.state == "returned" for one in happened),
    )
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


async def _known(versions: Versions, version: Version, holdout: str, basis: str) -> Ruling | None:
    """The last ruling on the version, if it was made on the very same."""
    rulings = (one.ruling for one in reversed(await versions.history(version.route, version.id)))
    last = next((one for one in rulings if one is not None), {})
    if (last.get("holdout"), last.get("basis")) != (holdout, basis):
        return None
    ruling = msgspec.convert(last, Ruling)
    note = f"nothing changed since it was judged: this is the ruling of use {ruling.use}, and no other"
    return msgspec.structs.replace(ruling, notes=(*ruling.notes, note))


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


async def _met(versions: Versions, lessons: Lessons, version: Version, cases: Sequence[Case]) -> int:
    """How many of the cases ask, in the same words, what the version was taught."""
    judging = set(marks(cases))
    asked = {mark(lesson.asked) for lesson in await lessons_of(versions, lessons, version)}
    return len(judging & asked)


async def lessons_of(versions: Versions, lessons: Lessons, version: Version) -> list[Lesson]:
    """The lessons that a version was taught by, as far as they are there, also what was rejected since.

    Where it does not know: those of its route that may have been among them.
    """
    known = await versions.lessons(version.id)
    return [
        lesson
        async for page in pages(lessons, version.route)
        for lesson in page
        if (lesson.id in known if known is not None else lesson.created <= version.created and lesson.state != "queued")
    ]


async def _both(declared: Settings, versions: Versions, folder: Path, version: Version) -> tuple[Settings, str]:
    """Settings with two routes, as the champion answers (the route's own, where there is none) and as the new one; and
    what is to be said of the champion."""
    best, note = await _champion(versions, folder, version.route)
    settings = declared
    if best is not None:
        check(best, folder, declared)
        settings = with_version(settings, best, folder / best.id, route=CHAMPION)
    elif version.route in declared.routes:
        settings = msgspec.structs.replace(
            declared, routes={**declared.routes, CHAMPION: declared.routes[version.route]}
        )
    return with_version(settings, version, folder / version.id, route=CHALLENGER), note


async def _champion(versions: Versions, folder: Path, route: str) -> tuple[Version | None, str]:
    """The best version there ever was. Where somebody deleted its folder, as what it learnt had to go: what answers."""
    standing = await versions.standing(route)
    for name in dict.fromkeys(filter(None, (standing.best, standing.live))):
        if (folder / name).is_dir():
            found = await versions.get(name)
            break
    else:
        name, found = "", None
    if not standing.best or name == standing.best:
        return found, ""
    return found, f"{standing.best}, the best there was, is deleted: it is held against {name or 'the route as it is'}"


async def _answers(trial: _Trial, opened: Bench, progress: Progress | None) -> _Answers:
    """Of both sides. What could not be reached is asked again, a bounded number of times."""
    options = Options(timeout_s=opened.palier.settings.server.request_timeout_s)
    counting = _Counting(progress or running.Quiet())
    entrants = await opened.entrants()
    for attempt in range(TRIES):
        await asyncio.sleep(PAUSE_S * attempt)
        told = running.Quiet() if attempt else counting  # how far it is was told
        run = await opened.run(trial.suite, trial.cases, entrants, options, progress=told)
        sides = {name: dict(run.outcomes.get(name, {})) for name in (CHAMPION, CHALLENGER)}
        own = {CHAMPION: "", CHALLENGER: trial.version.tier}
        away = {name: {case for case, one in side.items() if _lost(one, own[name])} for name, side in sides.items()}
        if not any(away.values()):
            break
    _check_reached(away, len(trial.cases))
    lost = {name: len(some) for name, some in away.items()}
    recited = await recite(opened.palier, CHALLENGER, trial.version, trial.folder / trial.version.id)
    standings = {name: opened.palier.policies.of(name) for name in sides}
    return _Answers(sides[CHAMPION], sides[CHALLENGER], standings, recited, counting.again, lost)


def _check_reached(away: Mapping[str, set[str]], cases: int) -> None:
    """Raise `Unavailable` where a ruling would be one on the network."""
    both = away[CHAMPION] & away[CHALLENGER]
    for name, some in away.items():
        if len(some - both) > LOST * cases or len(some) > AWAY * cases:
            raise Unavailable(
                f"{len(some)} of {cases} cases could not be put to the {name}, {TRIES} times: no ruling",
                hint="try again; what was answered is kept",
            )


def _lost(outcome: Outcome, own: str) -> bool:
    """Whether a case has no answer because something was busy or away; `own`: a tier that answers for its failures."""
    if outcome.status == "abstained":  # a tier failed that might have answered
        return any(spell.outcome == "failed" and spell.tier != own for spell in outcome.spells)
    return outcome.status == "failed" and running.code_of(outcome) in _AWAY


def _away(lost: Mapping[str, int], cases: int) -> list[str]:
    """What is told of cases that nobody could be asked: few enough to go on, and counted as not answered."""
    told = [f"{count} of {cases} cases could not be put to the {name}" for name, count in lost.items() if count]
    return [f"{' and '.join(told)}, {TRIES} times each: they count as not answered"] if told else []


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
