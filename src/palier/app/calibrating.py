"""Between teaching and judging: a threshold with a guarantee for a version, on a route that has one.

Every tier of the route, with the version in its place, answers the cases of the suite that neither taught nor judge:
its dev cases, without what lessons or the holdout ask. They are drawn and completed as audits are (`pipeline.audit`),
beside production, so that what is seen of a draft here is what the gateway sees of it. Judged by agreement with the
last tier where the route's policy is, else by the references of the suite. What is certified is kept with the version
before its ruling; a call that is killed goes on with the records it has.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from palier.app.bench import Bench, open_bench
from palier.app.certificates import promised
from palier.app.students import check
from palier.audits import Audit, Judgement
from palier.calibrate import Reading, calibrate
from palier.calibrate.report import Report
from palier.cases import Case, Suite
from palier.config import Route, Settings, label_source
from palier.config.taught import POLICY, with_version
from palier.errors import InvalidRequest, StoreError, Unavailable
from palier.evals.references import References
from palier.evals.runs import running
from palier.evals.runs.asking import ask
from palier.evals.runs.candidates import Planned
from palier.evals.runs.running import Entrant, Progress
from palier.interfaces import Vectors
from palier.interfaces.versions import Versions
from palier.lessons import Lesson
from palier.routing import policy as policies
from palier.routing.audited import record_of
from palier.routing.fitting import FIT_LEAST, Aim
from palier.routing.policy import Policy, percent
from palier.routing.records import Record
from palier.routing.seen import Seen
from palier.routing.shortfall import fewest_labels
from palier.training import checkpoints
from palier.training.screening import Asked, twins
from palier.versions import NOT_PASSED, Calibration, Version

MOST = 2_000
"""Cases that are asked: each costs what all tiers cost."""
LOST = 0.02
"""The share of cases that may be lost because a tier could not be reached."""
CALIBRATING = ".calibrating"
"""Beside the folders of versions: records of what is being calibrated. They hold no words."""
_AT_ONCE = 8
_ROUTE = "calibration"


class _Kept(msgspec.Struct, frozen=True):
    """One case that was asked: its record, or None where it is not judged by every draft."""

    case: str
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be calibrated: `references` judge, or None where agreement with the last tier does."""

    version: Version
    route: Route
    suite: Suite
    lessons: Sequence[Lesson]
    wanted: Policy
    references: References | None

    @property
    def source(self) -> str:
        return label_source(self.route) if self.references is None else self.references.source


async def certify(
    declared: Settings,
    versions: Versions,
    folder: Path,
    version: Version,
    suite: Suite,
    lessons: Sequence[Lesson],
    *,
    progress: Progress | None = None,
) -> Calibration | None:
    """Certify a version that has not passed the gate with a policy, and keep what came of it; `lessons` are those it
    was taught.

    None where its route promises nothing; of one that has passed with one, or was certified on the very same, what is
    kept.
    Raises `ConfigurationError`, `StoreError`, and `Unavailable` where a tier cannot be reached: what was asked is kept.
    """
    wanted = await promised(declared, versions, folder, version.route)
    if wanted is None:
        return None
    known = await versions.calibration(version.id)
    if version.policy and await versions.state(version.id) not in NOT_PASSED:
        return known
    files = {name: digest for name, digest in version.files.items() if name != POLICY}
    plain = msgspec.structs.replace(version, policy="", files=files)
    check(plain, folder, declared)
    settings = with_version(declared, plain, folder / plain.id, route=_ROUTE)
    route = msgspec.structs.replace(settings.routes[_ROUTE], audit=1.0, without_policy="threshold")
    settings = msgspec.structs.replace(settings, routes={**settings.routes, _ROUTE: route})
    try:
        work = _Work(plain, route, suite, lessons, wanted, _references(declared, version, suite, wanted))
    except InvalidRequest as error:
        return await _keep(versions, _failed(version, "", str(error)), folder)
    async with open_bench(settings, [Planned(_ROUTE, "cascade", suite.prompt, route)], words=True) as opened:
        return await _certify(work, versions, folder, known, opened, progress or running.Quiet())


def _references(declared: Settings, version: Version, suite: Suite, wanted: Policy) -> References | None:
    """Who judges: what judged for the route's policy where that can be done again, else the suite's references."""
    by_agreement = wanted.guarantee.label_source.startswith("agreement")
    if by_agreement and declared.routes[version.route].label_source == "agreement":
        return None
    return References(suite)


async def _certify(
    work: _Work, versions: Versions, folder: Path, known: Calibration | None, opened: Bench, progress: Progress
) -> Calibration:
    (status,) = await opened.palier.status()
    key = _key(work, status.fingerprint)
    if known is not None and known.key == key and _stands(known, folder):
        return known
    cases = await _fresh(work, opened)
    place = folder / CALIBRATING / f"{work.version.id}-{key[:12]}.jsonl"
    records = await _records(work, cases, opened, place, progress)
    try:
        vectors = await _vectors(work, records, opened)
        policy, why = await asyncio.to_thread(_fitted, work, records, status.fingerprint, vectors)
    except InvalidRequest as error:
        policy, why = None, _few(work, str(error), len(cases))
    if policy is None:
        made = _failed(work.version, key, why, labels=len(records), source=work.source)
    else:
        content = policies.dump(policy)
        checkpoints.write(folder / work.version.id / POLICY, content)
        made = Calibration(
            version=work.version.id,
            key=key,
            policy=policies.identity(policy),
            files={POLICY: hashlib.sha256(content).hexdigest()},
            labels=len(records),
            source=work.source,
            at=time.time(),
        )
    made = await _keep(versions, made, folder)
    place.unlink(missing_ok=True)
    return made


async def _keep(versions: Versions, made: Calibration, folder: Path) -> Calibration:
    await versions.calibrate(made)
    if not made.policy:
        (folder / made.version / POLICY).unlink(missing_ok=True)
    return made


def _failed(version: Version, key: str, why: str, *, labels: int = 0, source: str = "") -> Calibration:
    return Calibration(version=version.id, key=key, why=why, labels=labels, source=source, at=time.time())


def _few(work: _Work, why: str, fresh: int) -> str:
    """What is missing, and how many labels it takes at least."""
    dev = work.suite.split("dev")
    unjudged = sum(not work.references.judges(case) for case in dev) if work.references is not None else 0
    promise = work.wanted.guarantee
    least = fewest_labels(promise.target, promise.risk, 1 - promise.confidence) + FIT_LEAST
    told = [f"{fresh} dev cases of the suite are fresh: neither lessons nor the holdout ask the same"]
    if unjudged:
        told.append(f"{unjudged} of its {len(dev)} have no `reference`, and nobody else can judge a student's drafts")
    told.append(f"at least {least} labels are needed, if none is wrong, and 300 are a good start")
    return f"{why} ({'; '.join(told)})"


def _key(work: _Work, fingerprint: dict[str, str]) -> str:
    """Names all that the outcome depends on; its lessons are in the version's own name."""
    promise = work.wanted.guarantee
    asks = any(tier.asks for tier in work.wanted.tiers)
    aim = (promise.target, promise.risk, promise.confidence, promise.abstain_loss, work.wanted.mode, asks)
    suite = (work.suite.task, work.suite.quality, work.suite.prompt, work.suite.labels, work.suite.cases)
    said = (work.version.id, aim, work.source, suite, sorted(fingerprint.items()))
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def _stands(known: Calibration, folder: Path) -> bool:
    """Whether the files are those that were kept: a call may have been killed while it made others."""
    for name, digest in known.files.items():
        path = folder / known.version / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            return False
    return True


# --- cases -----------------------------------------------------------------------------------------------------------


async def _fresh(work: _Work, opened: Bench) -> list[Case]:
    """The dev cases that can be judged, one of a family, without those that ask what a lesson or the holdout asks."""
    one_each: dict[str, Case] = {}
    for case in running.select(work.suite, "dev", None):
        if work.references is not None and not work.references.judges(case):
            continue
        before = one_each.get(case.group)
        if before is None or (before.kind != "original" and case.kind == "original"):
            one_each[case.group] = case
    few = msgspec.structs.replace(work.suite, cases=tuple(one_each.values()))
    cases = running.select(few, "dev", MOST)
    known = [one.asked for one in work.lessons] + [_asked(case) for case in work.suite.split("holdout")]
    asked = [_asked(case) for case in cases]
    if not cases:
        return []
    encode = opened.palier.encoder.encode
    vectors = await encode(asked)
    rows: Vectors | list[Vectors] = await encode(known) if known else []
    # What is known counts as surer, so that of two that ask the same it is the case that goes.
    found = await twins(
        [Asked(text, 1) for text in asked],
        vectors,
        [Asked(text, 0) for text in known],
        list(rows),
        opened.palier.workers.batch,
    )
    return [case for case, known_already in zip(cases, found, strict=True) if not known_already]


def _asked(case: Case) -> str:
    """All that is asked, in words, as of a lesson."""
    before = [message.content for message in case.messages[:-1] if message.role != "system"]
    return "\n".join([*before, case.question])


# --- records ---------------------------------------------------------------------------------------------------------


async def _records(
    work: _Work, cases: Sequence[Case], opened: Bench, place: Path, progress: Progress
) -> list[tuple[Case, Record]]:
    """What every tier said to the cases: kept as it comes, so that a call that is killed asks none twice."""
    known = _read(place)
    left = [case for case in cases if case.id not in known]
    progress.begin(_ROUTE, len(cases), len(cases) - len(left))
    (entrant,) = await opened.entrants()
    lost = 0
    try:
        if left:
            await opened.ready()
        for start in range(0, len(left), _AT_ONCE):
            kept = await _asked_all(work, left[start : start + _AT_ONCE], entrant, opened, progress)
            _append(place, list(kept.values()))
            known |= kept
            lost += len(left[start : start + _AT_ONCE]) - len(kept)
            if lost > LOST * len(cases):
                asked = min(start + _AT_ONCE, len(left))
                raise Unavailable(
                    f"{lost} of {asked} cases could not be put to every tier: nothing is certified",
                    hint="try again; what was asked is kept",
                )
    finally:
        progress.end()
    judged = ((case, known[case.id].record) for case in cases if case.id in known)
    return [(case, record) for case, record in judged if record is not None]


async def _asked_all(
    work: _Work, cases: Sequence[Case], entrant: Entrant, opened: Bench, progress: Progress
) -> dict[str, _Kept]:
    """Of each case that every tier could be asked, its record."""
    palier = opened.palier
    requests = [running.pose(work.suite, entrant, case, opened).request() for case in cases]
    timeout_s = palier.settings.server.request_timeout_s
    for asking in asyncio.as_completed([ask(opened, request, timeout_s) for request in requests]):
        progress.done(await asking)
    await palier.auditor.complete()
    first = min(request.created for request in requests)
    found = await palier.audits.done(route=_ROUTE, after=first - 1.0, limit=10 * MOST, words=True)
    audits = {audit.trace: audit for audit in found}
    return {
        case.id: _Kept(case.id, _record(work, case, audits[request.id]))
        for case, request in zip(cases, requests, strict=True)
        if request.id in audits
    }


def _record(work: _Work, case: Case, audit: Audit) -> Record | None:
    if work.references is not None:
        audit = msgspec.structs.replace(audit, judgements=_judged(work.references, case, audit))
    record = record_of(audit, work.source)
    if record is None:
        return None
    return msgspec.structs.replace(record, id=case.id, segment=case.language or record.segment, sampled="suite")


def _judged(references: References, case: Case, audit: Audit) -> tuple[Judgement, ...]:
    drafts = audit.words.drafts if audit.words is not None else {}
    found = []
    for tier in audit.drafted:
        score = references.score(case, drafts.get(tier, ""))
        if score is not None:
            said = {"correct": score >= 0.5} if references.binary else {"score": score}
            found.append(Judgement(trace=audit.trace, tier=tier, source=references.source, **said))
    return tuple(found)


def _read(place: Path) -> dict[str, _Kept]:
    """What an earlier call kept; of its last line there may be a part alone."""
    found = {}
    try:
        lines = place.read_bytes().split(b"\n")[:-1] if place.is_file() else []
    except OSError as error:
        raise StoreError(f"{place} cannot be read: {error.strerror}") from None
    for line in lines:
        try:
            kept = msgspec.json.decode(line, type=_Kept)
        except msgspec.MsgspecError:
            continue
        found[kept.case] = kept
    return found


def _append(place: Path, kept: Sequence[_Kept]) -> None:
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with place.open("ab") as file:
            # Begun on a line of its own, whatever a kill left.
            file.write(b"\n" + b"".join(msgspec.json.encode(one) + b"\n" for one in kept))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(
            f"{place} cannot be written: {error.strerror}", hint="make room, then the same again"
        ) from None


# --- certifying ------------------------------------------------------------------------------------------------------


async def _vectors(work: _Work, records: Sequence[tuple[Case, Record]], opened: Bench) -> Vectors | None:
    """Of the questions, where the route's policy goes by them."""
    if not records or not (work.wanted.mode == "route" or any(tier.asks for tier in work.wanted.tiers)):
        return None
    return await opened.palier.encoder.encode([case.question for case, _ in records])


def _fitted(
    work: _Work, records: Sequence[tuple[Case, Record]], fingerprint: dict[str, str], vectors: Vectors | None
) -> tuple[Policy | None, str]:
    """The policy, or why there is none. Raises `InvalidRequest` where the records cannot tell."""
    if not records:
        raise InvalidRequest("no case was judged on every tier")
    promise = work.wanted.guarantee
    reading = Reading(tuple(record for _, record in records), work.source, policies.digest(fingerprint), ())
    outcome = calibrate(
        reading,
        Aim(promise.risk, promise.confidence, promise.target, promise.abstain_loss),
        route=work.version.route,
        fingerprint=fingerprint,
        questions=vectors,
        mode=work.wanted.mode,
    )
    if outcome.policy is None:
        return None, _shortfall(outcome.report)
    # Cases that were made of requests are known by these, too: whoever forgets one asks for it by its name.
    ids = {record.id for _, record in records} | {_request(case) for case, _ in records} - {""}
    return msgspec.structs.replace(outcome.policy, seen=Seen.of(ids)), ""


def _request(case: Case) -> str:
    """The request that a case was made of; empty for none."""
    kind, _, name = case.origin.partition(":")
    return name if kind == "trace" else ""


def _shortfall(report: Report) -> str:
    """Why nothing was certified, and what it would take."""
    shortfall = report.shortfall
    assert shortfall is not None
    asked = f"a risk of {percent(report.risk)} ({report.target}) with {percent(report.confidence)} confidence"
    told = (
        f"{asked} cannot be certified from {report.records} labels, of all drafts {shortfall.mean_risk:.1%} are wrong"
    )
    if shortfall.labels_needed:
        return f"{told}: about {shortfall.labels_needed:,} labels would do (dev cases of the suite)"
    return f"{told}: no threshold comes near; more lessons, a better student, or more risk"
