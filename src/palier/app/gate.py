"""The gate, asked: champion and challenger answer the holdout of the route's suite, and the ruling is kept.

Both are routes of one palier that stands beside production (`app.bench`): same documents, prompts, guards, door. What
was answered once is not asked again, so that a champion's answers are there for the next challenger, until anything
they depend on changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from palier.app.bench import open_bench
from palier.app.students import check
from palier.cases import Case, Outcome, Suite
from palier.config import Settings, tier_name
from palier.config.taught import with_version
from palier.errors import InvalidRequest, NotFound, Unavailable
from palier.evals import scoring
from palier.evals.runs import running
from palier.evals.runs.candidates import Planned
from palier.evals.runs.running import Options, Progress
from palier.interfaces.versions import Versions
from palier.training.promote import Evidence, Ruling, Terms, judge, marks
from palier.types import JSON
from palier.versions import Holdout, Version

CHAMPION, CHALLENGER = "champion", "challenger"
LOST = 0.02
"""The share of cases that may fail because nothing could be reached: more would be a ruling on the network."""
_AWAY = running.OUT_OF_REACH | {running.NOT_ASKED}


class _Answers(NamedTuple):
    """Of both sides, by case; `certified`: whether the challenger's policy holds, None where there is no promise."""

    champion: dict[str, Outcome]
    challenger: dict[str, Outcome]
    certified: bool | None


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
    terms: Terms | None = None,
    recited: Sequence[str] = (),
    planted: int = 0,
    progress: Progress | None = None,
    who: str = "",
) -> Ruling:
    """Have the version `id` judged against the best that ever answered on its route, and keep the ruling.

    It passes to `shadow`, or is `refused`. Raises `NotFound`, `InvalidRequest`, `ConfigurationError`, `Unavailable`
    where a side cannot be reached: then it is not judged, though the holdout counts as used by it.
    """
    version = await versions.get(id)
    if version is None:
        raise NotFound(f"there is no version `{id}`", hint="palier versions lists them")
    check(version, folder, declared)
    cases, holdout = holdout_of(suite)
    if suite.route and suite.route != version.route:
        raise InvalidRequest(f"suite `{suite.name}` is of route `{suite.route}`, and {id} of `{version.route}`")
    metric = scoring.measured(suite).metrics[0]
    both = await _both(declared, versions, folder, version)
    terms = terms or Terms()
    held = Holdout(digest=holdout, marks=marks(cases), alpha=terms.alpha, uses=terms.uses)
    spent = await versions.judged(version.route, held, id)
    terms, used = msgspec.structs.replace(terms, alpha=spent.alpha, uses=spent.uses), spent.others
    answers = await _answers(both, suite, cases, progress)
    last = tier_name(both.routes[CHAMPION], len(both.routes[CHAMPION].tiers) - 1)
    evidence = Evidence(certified=answers.certified, recited=tuple(recited), planted=planted)
    ruling = judge(
        metric,
        cases,
        answers.champion,
        answers.challenger,
        evidence,
        home=lambda outcome: outcome.status == "answered" and outcome.tier != last,
        used=used,
        terms=terms,
    )
    kept: JSON = {"suite": suite.name, "holdout": holdout, **msgspec.to_builtins(ruling)}
    why = "; ".join(one.reason for one in ruling.failed) or "it passed the gate"
    await (versions.shadow if ruling.passed else versions.refuse)(id, kept, who=who, why=why)
    return ruling


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


async def _answers(both: Settings, suite: Suite, cases: Sequence[Case], progress: Progress | None) -> _Answers:
    planned = [Planned(name, "cascade", suite.prompt, both.routes[name]) for name in (CHAMPION, CHALLENGER)]
    options = Options(timeout_s=both.server.request_timeout_s)
    async with open_bench(both, planned) as opened:
        run = await opened.run(suite, cases, await opened.entrants(), options, progress=progress)
        promised = {standing.route: standing.calibrated for standing in await opened.palier.status()}
    sides = {name: dict(run.outcomes.get(name, {})) for name in (CHAMPION, CHALLENGER)}
    for name, found in sides.items():
        lost = sum(o.status == "failed" and running.code_of(o) in _AWAY for o in found.values())
        if lost > LOST * len(cases):
            raise Unavailable(
                f"{lost} of {len(cases)} cases could not be put to the {name}: nothing is decided",
                hint="try again; what was answered is kept",
            )
    certified = promised[CHALLENGER] if promised[CHAMPION] else None
    return _Answers(sides[CHAMPION], sides[CHALLENGER], certified)
