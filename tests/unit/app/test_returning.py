"""A live version that does not hold is taken back by itself, and what answered before answers again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.heads import taught
from tests.unit.app.test_students import OTHER, OWN, ROUTE, another, kept, settings, told

from palier import Palier
from palier.app.returning import DELTA, FAILING
from palier.errors import Busy, InvalidRequest, PalierError, UpstreamError, UpstreamTimeout
from palier.ids import new_id
from palier.pipeline.journey import Journey
from palier.routing import policy as policies
from palier.routing.calibrator import Calibrator, Feature
from palier.routing.monitor import Monitor
from palier.routing.policy import Guarantee, Policy, PolicyTier
from palier.stores.versions import SqliteVersions
from palier.testing.audits import done_of, drawn, judgement_of
from palier.types import Outcome, Request, Step
from palier.versions import Standing, Version

RISK, CONFIDENCE = 0.2, 0.95
NOW = 1_790_000_000.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.head").write_bytes(taught(("ngrams",)).content)
    (tmp_path / "script.jsonl").write_text('{"answer": "asked above"}\n')
    return tmp_path


@pytest.fixture
async def p(folder: Path) -> AsyncIterator[Palier]:
    declared = settings(folder)
    route = msgspec.structs.replace(declared.routes[ROUTE], audit=0.1, label_source="person")
    async with Palier.open(msgspec.structs.replace(declared, routes={ROUTE: route})) as opened:
        yield opened


async def promised(p: Palier, folder: Path, content: bytes) -> Version:
    """A version that is live under a policy of its own, which promises at most `RISK`."""
    version = await kept(folder, content, ruled=False)
    with_policy = msgspec.structs.replace(version, id=f"{version.id}-promised", policy="p", files=version.files)
    place = folder / "data" / "students"
    (place / version.id).rename(place / with_policy.id)
    versions = SqliteVersions.open(folder / "data" / "state.db")
    await versions.add(with_policy)
    await versions.shadow(with_policy.id, {"passed": True})
    await versions.close()
    await p.students.promote(with_policy.id)
    write_policy(p, place / with_policy.id / "policy.json")
    p.policies.look()
    assert p.policies.of(ROUTE).policy is not None
    return with_policy


def write_policy(p: Palier, path: Path, fitted: str = "2026-11-25") -> None:
    """One that keeps what is at least a bit sure, for all that the route is made of now."""
    promise = Guarantee(
        target="kept",
        risk=RISK,
        confidence=CONFIDENCE,
        labels=300,
        certified=300,
        kept=150,
        observed=0.1,
        upper=0.19,
        fitted=fitted,
        label_source="person",
    )
    sure = Calibrator(features=(Feature(name="confidence", mean=0.0, scale=1.0, coefficient=1.0),), intercept=0.0)
    tiers = (PolicyTier(name="tier-1", threshold=0.5, calibrator=sure), PolicyTier(name="tier-2"))
    made_of = dict(p._ruled(ROUTE).fingerprint)
    path.write_bytes(policies.dump(Policy(tiers=tiers, guarantee=promise, fingerprint=made_of)))


async def judged(p: Palier, *right: bool) -> None:
    """Audited answers that the live version kept."""
    named, ids = p.policies.of(ROUTE).named, [new_id() for _ in right]
    audits = [done_of(name, created=NOW + n, route=ROUTE, policy=named, served="tier-1") for n, name in enumerate(ids)]
    await asyncio.gather(*(drawn(p._drawn, audit) for audit in audits))
    first = [judgement_of(name, correct=correct) for name, correct in zip(ids, right, strict=True)]
    await p.audits.judge([*first, *(judgement_of(name, tier="tier-2", correct=True) for name in ids)])


async def test_a_broken_promise_brings_the_champion_back(p: Palier, folder: Path) -> None:
    champion = await kept(folder, another())
    await p.students.promote(champion.id)
    bad = await promised(p, folder, taught(("ngrams",)).content)
    assert (await p.students.standing(ROUTE)).live == bad.id
    await judged(p, *(n % 3 == 0 for n in range(40)))
    await p.watch.look()
    assert await p.students.standing(ROUTE) == Standing(live=champion.id, best=champion.id)
    assert await told(p) == OTHER
    last = [h for h in await p.students.history(ROUTE) if h.version == bad.id][-1]
    assert (last.state, last.who) == ("returned", "monitor")
    assert last.why.startswith("the guarantee broke: breached, seen after")
    assert p.counts.returned == {(ROUTE, "promise"): 1}
    status = (await p.status())[0]
    assert not status.words.startswith("the guarantee broke"), "that was of the other"
    assert f"{champion.id} answers; {bad.id} was taken back by itself" in status.student
    with pytest.raises(InvalidRequest, match="did not keep what it promised"):
        await p.students.promote(bad.id)
    await p.watch.look()
    await p.returning.look()
    assert (await p.students.standing(ROUTE)).live == champion.id


async def test_a_breach_while_nobody_looked_is_one_at_the_next_start(p: Palier, folder: Path) -> None:
    """The state of the watch and the return are two commits: a kill between them changes nothing."""
    bad = await promised(p, folder, another())
    await judged(p, *[False] * 40)
    p.watch._broke = None
    await p.watch.look()
    assert (await p.students.standing(ROUTE)).live == bad.id
    p.watch._broke = p.returning.broke
    await p.watch.look()
    assert await p.students.standing(ROUTE) == Standing()
    assert await told(p) == OWN


async def test_a_bad_one_goes_when_the_test_says_so_and_a_good_one_never(p: Palier, folder: Path) -> None:
    """Fifty streams of 120 audits of a student that is within its promise; then one that is wrong twice as often."""
    version = await promised(p, folder, another())
    path = folder / "data" / "students" / version.id / "policy.json"
    for stream in range(50):
        write_policy(p, path, fitted=f"stream {stream}")
        p.policies.look()
        rng = random.Random(stream)
        await judged(p, *(rng.random() >= 0.75 * RISK for _ in range(120)))
        await p.watch.look()
    assert (await p.students.standing(ROUTE)).live == version.id

    write_policy(p, path, fitted="and then")
    p.policies.look()
    rng, seen = random.Random(1), Monitor(alpha=RISK, delta=1 - CONFIDENCE)
    while await p.students.standing(ROUTE) != Standing():
        assert not seen.alarm, "it is returned at the audit that tells"
        right = rng.random() >= 2 * RISK
        seen = seen.update(float(not right))
        await judged(p, right)
        await p.watch.look()
    assert seen.alarmed_at == seen.n
    assert seen.n < 150


async def test_the_routes_own_policy_that_breaks_takes_nothing_back(p: Palier, folder: Path) -> None:
    await p.returning.broke(ROUTE, "it broke")
    assert p.counts.returned == {}
    assert await p.students.history(ROUTE) == []


async def test_a_return_that_was_cut_short_is_finished_at_the_next_look(p: Palier, folder: Path) -> None:
    version = await kept(folder, another())
    await p.students.promote(version.id)
    await p._versions.roll_back(ROUTE, returned=True)
    assert await told(p) == OTHER, "the registry knows, and what serves does not yet"
    await p.returning.look()
    assert await told(p) == OWN


async def test_files_that_change_while_it_answers_bring_the_champion_back(p: Palier, folder: Path) -> None:
    version = await kept(folder, another())
    await p.students.promote(version.id)
    await p.returning.look()
    assert await told(p) == OTHER
    (folder / "data" / "students" / version.id / "student.head").unlink()
    await p.returning.look()
    assert await told(p) == OWN
    assert p.counts.returned == {(ROUTE, "files"): 1}


def journey(*outcomes: Outcome | PalierError, of: Version | None = None) -> Journey:
    """A request that came past the tiers, each of which said something or raised; the first was the student `of`."""
    went = Journey(Request(id="r", route=ROUTE, messages=()), 1.0)
    for n, outcome in enumerate(outcomes, 1):
        failed = isinstance(outcome, PalierError)
        went.failures += [outcome] if isinstance(outcome, PalierError) else []
        said: Outcome = "failed" if isinstance(outcome, PalierError) else outcome
        version = of.id if of is not None and n == 1 else ""
        went.steps.append(
            Step(tier=f"tier-{n}", model="m", version=version, outcome=said, reason="odd" if failed else "")
        )
    return went


async def test_one_that_raises_is_taken_back_within_a_dozen_requests(p: Palier, folder: Path) -> None:
    version = await kept(folder, another())
    await p.students.promote(version.id)
    for _ in range(100):
        p.returning.take(journey(Busy("full"), "answered", of=version))
        p.returning.take(journey(UpstreamTimeout("asked for a book"), "answered", of=version))
        p.returning.take(journey("skipped", UpstreamError("the tier above"), of=version))
        p.returning.take(journey(UpstreamError("odd"), "answered"))  # it began before the promotion
    await p.returning.look()
    assert (await p.students.standing(ROUTE)).live == version.id
    for _ in range(12):
        p.returning.take(journey(UpstreamError("odd"), "answered", of=version))
    await p.returning.look()
    assert await p.students.standing(ROUTE) == Standing()
    assert "12 of 12 requests failed" in (await p.students.history(ROUTE))[-1].why
    assert p.counts.returned == {(ROUTE, "failures"): 1}


async def test_one_that_fails_as_seldom_as_it_may_stays(p: Palier, folder: Path) -> None:
    """Fifty versions of a thousand requests each, which fail half as often as is let pass."""
    version = await kept(folder, another())
    await p.students.promote(version.id)
    odd, taken = UpstreamError("odd"), 0
    for stream in range(50):
        rng = random.Random(stream)
        p.returning._monitors.clear()
        for _ in range(1_000):
            failed = rng.random() < FAILING / 2
            p.returning.take(journey(odd if failed else "answered", of=version))
        taken += p.returning._monitors[ROUTE][1].alarm
    assert DELTA < 0.02
    assert taken == 0
