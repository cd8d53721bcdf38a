"""A threshold for a version: certified on what neither taught nor judged, kept before its ruling, and served by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from tests.heads import taught
from tests.promised import RISK, own_policy, promising, suite
from tests.unit.app.test_students import ROUTE, kept

from palier import Palier
from palier.app import gate
from palier.app.calibrating import CALIBRATING, certify
from palier.app.certificates import certificate
from palier.cases import Outcome, Suite
from palier.cli.versions import calibrated as words_of
from palier.config import Settings, label_source
from palier.errors import InvalidRequest, Unavailable
from palier.lessons import Lesson, Origin
from palier.routing import policy as policies
from palier.stores.versions import SqliteVersions
from palier.training.promote import Check, Ruling, Terms
from palier.versions import Calibration, Version

TERMS = Terms(margin=0.2, uses=8)


@dataclass
class Told:
    """A `Progress` that counts, and may be cut short."""

    until: int = 10_000
    asked: list[str] = field(default_factory=list)
    kept: int = 0

    def begin(self, candidate: str, cases: int, kept: int) -> None:
        self.kept = kept

    def done(self, outcome: Outcome) -> None:
        self.asked.append(outcome.trace)
        if len(self.asked) > self.until:
            raise KeyboardInterrupt

    def end(self) -> None: ...


async def certified(
    folder: Path,
    declared: Settings,
    version: Version,
    of: Suite | None = None,
    lessons: Sequence[Lesson] = (),
    told: Told | None = None,
) -> Calibration | None:
    versions = SqliteVersions.open(folder / "data" / "state.db")
    try:
        place = folder / "data" / "students"
        return await certify(declared, versions, place, version, of or suite(), lessons, progress=told)
    finally:
        await versions.close()


async def ruled(folder: Path, declared: Settings, version: Version, of: Suite | None = None) -> Ruling:
    versions = SqliteVersions.open(folder / "data" / "state.db")
    try:
        place = folder / "data" / "students"
        return await gate.rule(declared, versions, place, version.id, of or suite(), terms=TERMS)
    finally:
        await versions.close()


async def said(folder: Path, declared: Settings, version: Version) -> list[str]:
    """What `palier versions VERSION` says of its promise."""
    versions = SqliteVersions.open(folder / "data" / "state.db")
    try:
        return list(words_of(await certificate(declared, versions, folder / "data" / "students", version.id)))
    finally:
        await versions.close()


def calibration(ruling: Ruling) -> Check:
    return next(check for check in ruling.checks if check.name == "calibration")


@pytest.fixture
def declared(tmp_path: Path) -> Settings:
    return promising(tmp_path)


@pytest.fixture
def by_people(tmp_path: Path) -> Settings:
    return promising(tmp_path, label_source="person")


async def version_in(folder: Path) -> Version:
    return await kept(folder, taught(("ngrams",)).content, ruled=False)


async def test_it_is_certified_passes_answers_under_its_own_promise_and_is_taken_back(
    tmp_path: Path, declared: Settings
) -> None:
    version, told = await version_in(tmp_path), Told()
    made = await certified(tmp_path, declared, version, told=told)
    assert made is not None
    assert made.policy, made.why
    assert (made.labels, len(told.asked), made.source) == (200, 200, label_source(declared.routes[ROUTE]))
    ruling = await ruled(tmp_path, declared, version)
    assert ruling.passed, [check.reason for check in ruling.failed]
    assert calibration(ruling).reason.startswith(
        "the threshold was certified again on fresh labels: at most 10 % wrong"
    )
    async with Palier.open(declared) as p:
        own = p.policies.of(ROUTE).named
        await p.students.promote(version.id)
        standing = p.policies.of(ROUTE)
        assert (standing.named, standing.problem) == (made.policy, "")
        assert standing.policy is not None
        assert standing.policy.guarantee.risk == RISK
        cases = suite().split("holdout")
        answers = [await p.ask(case.input) for case in cases]
        home = [a.text == c.references[0] for a, c in zip(answers, cases, strict=True) if a.tier == "tier-1"]
        assert len(home) > len(cases) / 2
        assert sum(home) >= (1 - RISK) * len(home)
        assert all(answer.decision.calibrated for answer in answers if answer.tier == "tier-1")
        await p.auditor.complete()
        await p.watch.look()
        assert p.watch.monitors[ROUTE].n == len(home), "what it keeps is watched, by its own label source"
        await p.students.roll_back(ROUTE)
        assert p.policies.of(ROUTE).named == own
    assert (await said(tmp_path, declared, version))[:2] == [
        f"certified: {standing.policy.guarantee}",
        f"  threshold of tier-1    {standing.policy.tiers[0].threshold:.3f}",
    ]
    versions = SqliteVersions.open(tmp_path / "data" / "state.db")
    with pytest.raises(InvalidRequest, match="does not change any more"):
        await versions.calibrate(msgspec.structs.replace(made, key="another"))
    await versions.close()


async def test_what_was_killed_goes_on_and_what_was_certified_is_not_fitted_twice(
    tmp_path: Path, declared: Settings
) -> None:
    version, cut = await version_in(tmp_path), Told(until=50)
    with pytest.raises(KeyboardInterrupt):
        await certified(tmp_path, declared, version, told=cut)
    (records,) = (tmp_path / "data" / "students" / CALIBRATING).iterdir()
    with records.open("ab") as file:
        file.write(b'{"case": "c1')  # what a kill in the middle of a line leaves
    told = Told()
    made = await certified(tmp_path, declared, version, told=told)
    assert made is not None
    assert made.policy
    assert (told.kept, len(told.asked)) == (48, 152)
    assert not records.exists()
    again = Told()
    assert await certified(tmp_path, declared, version, told=again) == made
    assert (again.kept, again.asked) == (0, [])
    (tmp_path / "data" / "students" / version.id / "policy.json").write_bytes(b"{}")
    mended = await certified(tmp_path, declared, version)
    assert mended is not None
    assert (mended.policy, mended.files) == (made.policy, made.files)


async def test_too_few_labels_are_told_and_the_gate_says_why(tmp_path: Path, declared: Settings) -> None:
    version, few = await version_in(tmp_path), suite(dev=30)
    made = await certified(tmp_path, declared, version, few)
    assert made is not None
    assert not made.policy
    assert "30 labels" in made.why
    assert "labels would do" in made.why
    (told,) = [line for line in await said(tmp_path, declared, version) if line.startswith("not certified")]
    assert made.why in told
    ruling = await ruled(tmp_path, declared, version, few)
    assert "calibration" in [check.name for check in ruling.failed]
    assert made.why in calibration(ruling).reason
    none = suite(dev=0)
    made = await certified(tmp_path, declared, version, none)
    assert made is not None
    assert "0 dev cases" in made.why
    assert "at least 66 labels are needed" in made.why, "36 in a row that are right, at 5 % / 2, and 30 to fit by"
    made = await certified(tmp_path, declared, version)
    assert made is not None
    assert made.policy, "more labels are enough, though it was refused"


async def test_a_tier_that_is_away_is_told_after_a_few_cases(tmp_path: Path, declared: Settings) -> None:
    script, told = tmp_path / "script.jsonl", Told()
    rules, version = script.read_text(), await version_in(tmp_path)
    script.write_text('{"fail": "unavailable"}\n')
    with pytest.raises(Unavailable, match="nothing is certified"):
        await certified(tmp_path, declared, version, told=told)
    assert len(told.asked) < 20
    script.write_text(rules)
    made = await certified(tmp_path, declared, version)
    assert made is not None
    assert made.policy, made.why


async def test_cases_made_of_requests_are_found_when_these_are_forgotten(tmp_path: Path, declared: Settings) -> None:
    version, whole = await version_in(tmp_path), suite()
    cases = (msgspec.structs.replace(whole.cases[0], origin="trace:chatcmpl-7"), *whole.cases[1:])
    made = await certified(tmp_path, declared, version, msgspec.structs.replace(whole, cases=cases))
    assert made is not None
    seen = policies.load(tmp_path / "data" / "students" / version.id / "policy.json").seen
    assert seen is not None
    assert seen.among(["chatcmpl-7", "chatcmpl-8", "c1"]) == ["chatcmpl-7", "c1"]


async def test_what_lessons_ask_certifies_nothing(tmp_path: Path, declared: Settings) -> None:
    version, cases = await version_in(tmp_path), suite().split("dev")
    lessons = [
        Lesson(id=c.id, route=ROUTE, question=c.input.upper(), answer="-", kind="import", origin=Origin(name=c.id))
        for c in cases[:25]
    ]
    whole = suite()
    twin = msgspec.structs.replace(cases[-1], id="twin", split="holdout")
    of = msgspec.structs.replace(whole, cases=(*whole.cases, twin))
    told = Told()
    made = await certified(tmp_path, declared, version, of, lessons, told)
    assert made is not None
    assert len(told.asked) == made.labels == len(cases) - 25 - 1


async def test_where_people_judge_the_references_of_the_suite_do(tmp_path: Path, by_people: Settings) -> None:
    made = await certified(tmp_path, by_people, await version_in(tmp_path))
    assert made is not None
    assert made.policy, made.why
    assert made.source == "references by accuracy"
    bare = [msgspec.structs.replace(one, references=()) if one.split == "dev" else one for one in suite().cases]
    mute = msgspec.structs.replace(suite(), cases=tuple(bare))
    made = await certified(tmp_path, by_people, await version_in(tmp_path), mute)
    assert made is not None
    assert "200 of its 200 have no `reference`" in made.why
    whole = msgspec.structs.replace(suite(), quality="macro_f1")
    made = await certified(tmp_path, by_people, await version_in(tmp_path), whole)
    assert made is not None
    assert "cannot be told case by case" in made.why


async def test_a_weaker_promise_than_the_routes_does_not_pass(tmp_path: Path, declared: Settings) -> None:
    version = await version_in(tmp_path)
    await certified(tmp_path, declared, version)
    stricter = await own_policy(declared, risk=RISK / 2)
    (tmp_path / "own.policy.json").write_bytes(policies.dump(stricter))
    check = calibration(await ruled(tmp_path, declared, version))
    assert not check.passed
    assert "it promises at most 10 % wrong" in check.reason


async def test_what_was_not_certified_does_not_pass(tmp_path: Path, declared: Settings) -> None:
    ruling = await ruled(tmp_path, declared, await version_in(tmp_path), suite(dev=0, holdout=20))
    assert not calibration(ruling).passed
    assert "palier learn" in calibration(ruling).reason


async def test_without_a_promise_nothing_is_asked(tmp_path: Path, declared: Settings) -> None:
    named = msgspec.structs.replace(declared.routes[ROUTE], policy="")
    plain = msgspec.structs.replace(declared, routes={ROUTE: named})
    assert await certified(tmp_path, plain, await version_in(tmp_path)) is None
    assert await said(tmp_path, plain, await version_in(tmp_path)) == ["calibration: its route promises nothing"]


async def test_one_that_answers_without_a_promise_gets_one_as_it_is(tmp_path: Path, declared: Settings) -> None:
    """As where the policy of the route came later."""
    version = await kept(tmp_path, taught(("ngrams",)).content)
    async with Palier.open(declared) as p:
        await p.students.promote(version.id)
        assert p.policies.of(ROUTE).policy is None
        made = await certified(tmp_path, declared, version)
        assert made is not None
        assert made.policy, made.why
        await p.returning.look()
        assert p.policies.of(ROUTE).named == made.policy
        assert (await p.students.standing(ROUTE)).live == version.id
