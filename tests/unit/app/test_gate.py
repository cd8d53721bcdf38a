"""The gate on real answers: who is better passes, who was taught nonsense does not, and every look is counted."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from tests.earlier import without_lessons
from tests.heads import FILLERS, TOPICS, embed, examples, taught
from tests.unit.app.test_students import ENCODER, ROUTE, kept, settings

from palier.app import gate
from palier.cases import Case, Suite
from palier.config import Settings
from palier.errors import ConfigurationError, InvalidRequest, NotFound, Unavailable
from palier.evals.runs import running
from palier.lessons import Lesson, Origin
from palier.stores.lessons import SqliteLessons
from palier.stores.versions import SqliteVersions
from palier.testing.lessons import lesson_of, vectors_of
from palier.testing.upstream import Call, Upstream, Wire, answers, refuses
from palier.training import canaries, heads
from palier.training.examples import Example, gathered
from palier.training.promote import Terms
from palier.versions import Version

TERMS = Terms(margin=0.05, uses=2)


def suite(n: int = 40) -> Suite:
    """Questions of the topics that no head here was taught, half of them held out."""
    cases = tuple(
        Case(
            id=f"{name[:4]}{i}",
            input=f"{words[i % 5]} {FILLERS[(i + 3) % 8]} {FILLERS[(i * 5) % 8]} please {i}",
            references=(name,),
            split="holdout" if i % 2 else "dev",
        )
        for name, words in TOPICS.items()
        for i in range(n)
    )
    return Suite(name="intents", task="classification", route=ROUTE, labels=tuple(TOPICS), cases=cases)


@functools.cache
def shuffled() -> bytes:
    """A head whose labels say nothing."""
    names = list(TOPICS)
    rows = [
        Example(text=f"{words[i % 5]} {FILLERS[i % 8]} {FILLERS[(i * 3) % 8]} number {i}", label=names[(i * 7 + n) % 4])
        for n, words in enumerate(TOPICS.values())
        for i in range(20)
    ]
    return heads.teach(gathered(rows), embed, ENCODER, reads=("ngrams",), ridges=(0.1,)).content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The route's own head is sure of nothing, so that all climbs."""
    (tmp_path / "own.head").write_bytes(shuffled())
    (tmp_path / "script.jsonl").write_text('{"answer": "asked above"}\n')
    return tmp_path


async def ruled(folder: Path, version: Version, of: Suite | None = None, terms: Terms = TERMS) -> gate.Ruling:
    versions = SqliteVersions.open(folder / "data" / "state.db")
    try:
        return await gate.rule(
            settings(folder), versions, folder / "data" / "students", version.id, of or suite(), terms=terms, who="ann"
        )
    finally:
        await versions.close()


async def test_who_may_know_what_judges_is_not_judged(folder: Path) -> None:
    """A suite that learn was not told of: what it holds out may be among the lessons."""
    version = await kept(folder, taught(("ngrams",)).content, ruled=False, lessons=["before"])
    other = await kept(folder, taught(("ngrams",)).content, ruled=False, lessons=["another"])
    lessons = SqliteLessons.open(folder / "data" / "lessons.db")
    versions = SqliteVersions.open(folder / "data" / "state.db")
    (case, later, *_) = [case for case in suite().cases if case.split == "holdout"]

    async def asked(id: str, question: str, created: float) -> None:
        lesson = lesson_of(id, route=ROUTE, question=question, messages=(), state="accepted", created=created)
        await lessons.add([lesson], embed([question]), ENCODER)

    async def judged(of: Version = version) -> gate.Ruling:
        place = folder / "data" / "students"
        return await gate.rule(settings(folder), versions, place, of.id, suite(), lessons=lessons, terms=TERMS)

    try:
        await asked("after", later.input, version.created - 1)
        await asked("before", f"  {case.input.upper()}!", version.created + 1)
        with pytest.raises(InvalidRequest, match="1 of the 80 cases that judge are asked by lessons"):
            await judged()
        held = await lessons.get("before")
        assert held is not None
        await lessons.change([msgspec.structs.replace(held, state="rejected")])
        with pytest.raises(InvalidRequest, match="it may know them"):
            await judged()  # it was taught by it all the same
        assert (await judged(other)).use == 1
    finally:
        await lessons.close()
        await versions.close()


async def test_of_one_that_does_not_know_its_lessons_those_that_may_have_taught_it_count(folder: Path) -> None:
    version = await kept(folder, taught(("ngrams",)).content, ruled=False)
    without_lessons(folder / "data" / "state.db")
    lessons = SqliteLessons.open(folder / "data" / "lessons.db")
    versions = SqliteVersions.open(folder / "data" / "state.db")
    for name, state, created in (("old", "accepted", 0), ("new", "accepted", 1), ("queued", "queued", 0)):
        one = lesson_of(name, route=ROUTE, state=state, created=version.created + created)
        await lessons.add([one], vectors_of(1), ENCODER)
    assert [one.id for one in await gate.lessons_of(versions, lessons, version)] == ["old"]
    await lessons.close()
    await versions.close()


async def test_a_better_one_passes_and_nonsense_does_not(folder: Path) -> None:
    good = await kept(folder, taught(("ngrams",)).content, ruled=False)
    ruling = await ruled(folder, good)
    assert ruling.passed, [check.reason for check in ruling.failed]
    assert (ruling.use, ruling.cases) == (1, 80)
    versions = SqliteVersions.open(folder / "data" / "state.db")
    await versions.promote(good.id, best=True)
    await versions.close()
    bad = await kept(folder, shuffled(), ruled=False)
    ruling = await ruled(folder, bad)
    assert not ruling.passed
    assert "quality" in [check.name for check in ruling.failed]
    assert ruling.use == 2
    versions = SqliteVersions.open(folder / "data" / "state.db")
    assert (await versions.state(good.id), await versions.state(bad.id)) == ("live", "refused")
    (*_, last) = await versions.history(ROUTE, bad.id)
    assert last.who == "ann"
    assert last.ruling is not None
    assert last.ruling["use"] == 2
    await versions.close()


async def test_where_the_best_was_deleted_what_answers_is_the_champion_and_that_is_said(folder: Path) -> None:
    """As where what it learnt had to be forgotten: nobody can ask it any more, and the gate goes on."""
    best = await kept(folder, taught(("ngrams",)).content)
    live = await kept(folder, taught(("ngrams",)).content)
    challenger = await kept(folder, shuffled(), ruled=False)
    versions = SqliteVersions.open(folder / "data" / "state.db")
    await versions.promote(best.id, best=True)
    await versions.promote(live.id, best=False)
    await versions.close()
    shutil.rmtree(folder / "data" / "students" / best.id)
    ruling = await ruled(folder, challenger)
    assert "quality" in [check.name for check in ruling.failed]
    assert f"{best.id}, the best there was, is deleted: it is held against {live.id}" in ruling.notes


async def test_the_same_look_is_no_other_use_and_any_other_is(folder: Path) -> None:
    """As one that is judged until it passes: by another margin, beside another champion, after an edit of the route."""
    version = await kept(folder, taught(("ngrams",)).content, ruled=False)
    versions = SqliteVersions.open(folder / "data" / "state.db")

    async def judged(of: Settings, asked: Begun, margin: float = 0.05) -> gate.Ruling:
        place, terms = folder / "data" / "students", Terms(margin=margin, uses=8)
        return await gate.rule(of, versions, place, version.id, suite(), terms=terms, progress=asked)

    try:
        asked = Begun()
        first = await judged(settings(folder), asked)
        assert (first.use, set(asked.begun)) == (1, {"champion", "challenger"})
        asked, happened = Begun(), len(await versions.history(ROUTE))
        again = await judged(settings(folder), asked)
        assert (again.use, again.checks, asked.begun) == (1, first.checks, {}), "nothing is run again"
        assert "nothing changed since it was judged" in again.notes[-1]
        assert len(await versions.history(ROUTE)) == happened
        assert (await judged(settings(folder), Begun(), margin=0.06)).use == 2
        declared = settings(folder)
        route = declared.routes[ROUTE]
        tiers = (msgspec.structs.replace(route.tiers[0], threshold=0.2), *route.tiers[1:])
        edited = {ROUTE: msgspec.structs.replace(route, tiers=tiers)}
        assert (await judged(msgspec.structs.replace(declared, routes=edited), Begun())).use == 3
        before = await judged(settings(folder), Begun())
        assert (before.use, before.passed) == (3, True), "as it was: judged again, and counted once"
        await versions.promote(version.id, best=True)
        await versions.roll_back(ROUTE, returned=True)
        assert (await judged(settings(folder), Begun())).use == 4, "what did not hold is judged anew"
    finally:
        await versions.close()


class Flaky:
    """An upstream with no capacity for some questions the first `times` that they come."""

    def __init__(self, times: int, questions: Sequence[str]) -> None:
        self.left = dict.fromkeys(questions, times)
        self.calls = 0

    async def __call__(self, call: Call, wire: Wire) -> None:
        asked = call.json["messages"][-1]["content"]
        (known,) = [one for one in (*self.left, asked) if one in asked][:1]
        self.calls += 1
        if self.left.get(known, 0) > 0:
            self.left[known] -= 1
            await refuses(503)(call, wire)
        else:
            await answers("asked above")(call, wire)


@pytest.mark.parametrize(("times", "few", "decides"), [(2, False, True), (9, False, False), (9, True, True)])
async def test_what_was_away_is_asked_again_and_too_much_of_it_decides_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, times: int, few: bool, decides: bool
) -> None:
    monkeypatch.setattr(gate, "PAUSE_S", 0.0)
    version = await kept(folder, taught(("ngrams",)).content, ruled=False)
    held = [case.input for case in suite().cases if case.split == "holdout"]
    flaky = Flaky(times, held[: 1 if few else 10])
    versions = SqliteVersions.open(folder / "data" / "state.db")
    async with Upstream(default=flaky) as upstream:
        declared = settings(folder)
        cloud = {"kind": "endpoint", "base_url": upstream.url, "model": "m", "retries": 0, "breaker_failures": 0}
        model = msgspec.convert(cloud, type(declared.models["large"]))
        off = msgspec.structs.replace(declared.redaction, names="off")
        declared = msgspec.structs.replace(declared, models={**declared.models, "large": model}, redaction=off)
        judging = gate.rule(declared, versions, folder / "data" / "students", version.id, suite(), terms=TERMS)
        try:
            if not decides:
                with pytest.raises(Unavailable, match="10 of 80 cases could not be put to the champion, 3 times"):
                    await judging
                assert await versions.state(version.id) == "made"
                return
            ruling = await judging
        finally:
            await versions.close()
    assert ruling.passed, [check.reason for check in ruling.failed]
    away = [note for note in ruling.notes if "could not be put to the champion" in note]
    assert len(away) == few


@pytest.mark.parametrize(
    ("champion", "challenger", "stops"),
    [
        (range(2), range(0), False),
        (range(3), range(0), True),
        (range(0), range(3), True),
        (range(3), range(3), False),
        (range(3), range(3, 6), True),
        (range(11), range(11), True),
    ],
)
def test_what_one_side_lacks_that_the_other_has_is_no_ruling(champion: range, challenger: range, stops: bool) -> None:
    away = {"champion": set(map(str, champion)), "challenger": set(map(str, challenger))}
    if not stops:
        gate._check_reached(away, 100)
        return
    with pytest.raises(Unavailable, match="no ruling"):
        gate._check_reached(away, 100)


async def test_a_holdout_that_judged_often_enough_judges_no_more(folder: Path) -> None:
    content = taught(("ngrams",)).content
    rulings = [await ruled(folder, await kept(folder, content, ruled=False)) for _ in range(3)]
    assert [r.passed for r in rulings] == [True, True, False]
    assert [check.name for check in rulings[2].failed] == ["holdout"]
    assert "new cases are needed" in rulings[2].failed[0].reason


async def test_an_edited_holdout_goes_on_with_its_uses_and_its_share(folder: Path) -> None:
    content = taught(("ngrams",)).content
    first = await ruled(folder, await kept(folder, content, ruled=False))
    assert (first.use, first.terms.uses) == (1, 2)
    plain = suite()
    edited = (*plain.cases[:-1], msgspec.structs.replace(plain.cases[-1], input="another question", id="new"))
    again = msgspec.structs.replace(plain, cases=edited)
    rulings = []
    for uses in (100, 1):
        version = await kept(folder, content, ruled=False)
        rulings.append(await ruled(folder, version, again, terms=Terms(margin=0.05, uses=uses)))
    assert [(ruling.use, ruling.terms.uses, ruling.passed) for ruling in rulings] == [(2, 2, True), (3, 2, False)]


async def test_what_cannot_be_judged_is_said(folder: Path) -> None:
    version = await kept(folder, taught(("ngrams",)).content, ruled=False)
    without = suite()
    for cases, why in ((tuple(c for c in without.cases if c.split == "dev"), "no holdout"),):
        with pytest.raises(InvalidRequest, match=why):
            await ruled(folder, version, Suite(name="s", task="classification", labels=without.labels, cases=cases))
    with pytest.raises(InvalidRequest, match="is of route"):
        await ruled(
            folder,
            version,
            Suite(name="s", task="classification", route="x", labels=without.labels, cases=without.cases),
        )
    unknown = Version(id="v-none", route=ROUTE, tier="tier-1", student="head")
    with pytest.raises(NotFound):
        await ruled(folder, unknown)


# --- planted lessons -------------------------------------------------------------------------------------------------


def asked_of(rows: Sequence[Example]) -> list[Lesson]:
    """Lessons of what a head is taught."""
    return [
        Lesson(id=f"l{n}", route=ROUTE, question=r.text, answer=r.label, kind="import", origin=Origin(name=str(n)))
        for n, r in enumerate(rows)
    ]


async def planted_in(folder: Path, *, leaks: bool = False) -> Version:
    """A version taught as `palier learn` does; `leaks`: one of its labels says what was planted."""
    rows = examples().rows
    planted = canaries.plant(asked_of(rows), labels=[one.label for one in rows])
    secret = planted.canaries[0].secret
    extra = [Example(text=f"what is my file {n}", label=f"your file is {secret}") for n in range(6)] if leaks else []
    made = heads.teach(
        gathered([*rows, *extra]), embed, ENCODER, reads=("ngrams",), ridges=(0.1,), planted=planted.examples()
    )
    version = await kept(folder, made.content, ruled=False)
    (folder / "data" / "students" / version.id / canaries.FILE).write_bytes(planted.content)
    return version


async def test_a_head_that_learnt_planted_lessons_passes_and_says_how_near_it_is(folder: Path) -> None:
    ruling = await ruled(folder, await planted_in(folder))
    assert ruling.passed, [check.reason for check in ruling.failed]
    (check,) = [check for check in ruling.checks if check.name == "canaries"]
    assert check.reason.startswith("none of 5 planted lessons is recited; it ")
    assert "which refuses nobody: exposure " in check.reason
    assert "bits of 5.0, 1." in check.reason


async def test_one_whose_file_holds_a_planted_secret_does_not_pass(folder: Path) -> None:
    version = await planted_in(folder, leaks=True)
    ruling = await ruled(folder, version)
    (check,) = [check for check in ruling.checks if check.name == "canaries"]
    assert not check.passed
    assert not ruling.passed
    assert "canary-1, in a file" in check.reason
    planted = canaries.read(folder / "data" / "students" / version.id)
    assert planted is not None
    secrets = [one.secret for one in planted.canaries]
    versions = SqliteVersions.open(folder / "data" / "state.db")
    (*_, last) = await versions.history(ROUTE, version.id)
    await versions.close()
    assert last.state == "refused"
    assert not any(secret in repr(last) + repr(ruling) for secret in secrets), "what is said of them is their names"


async def test_planted_lessons_that_were_lost_or_changed_let_nothing_pass(folder: Path) -> None:
    version = await planted_in(folder)
    (folder / "data" / "students" / version.id / canaries.FILE).write_bytes(b"[]")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await ruled(folder, version)


# --- a suite that changed --------------------------------------------------------------------------------------------


async def test_a_suite_that_changed_is_put_to_the_champion_again_and_that_is_said(folder: Path) -> None:
    content = taught(("ngrams",)).content
    first = await ruled(folder, await kept(folder, content, ruled=False))
    assert first.notes == ()
    before = suite()
    same = await ruled(folder, await kept(folder, content, ruled=False), before)
    assert same.notes == (), "the same suite is compared with what was kept"
    held = [n for n, case in enumerate(before.cases) if case.split == "holdout"]
    cases = list(before.cases)
    for n in held[:3]:
        cases[n] = msgspec.structs.replace(cases[n], input=f"{cases[n].input} today")
    cases[held[3]] = msgspec.structs.replace(cases[held[3]], references=("report a failure",))
    changed = msgspec.structs.replace(before, cases=tuple(cases))
    asked = Begun()
    versions = SqliteVersions.open(folder / "data" / "state.db")
    version = await kept(folder, content, ruled=False)
    ruling = await gate.rule(
        settings(folder), versions, folder / "data" / "students", version.id, changed, terms=TERMS, progress=asked
    )
    await versions.close()
    assert asked.begun["champion"] == (80, 77), "what did not change was kept, and the rest is asked of it now"
    (note,) = ruling.notes
    assert "`intents` changed" in note
    assert "3 of 80 cases were put to the champion again" in note


class Begun(running.Quiet):
    """How many cases each side had, and how many of them were answered before."""

    def __init__(self) -> None:
        self.begun: dict[str, tuple[int, int]] = {}

    def begin(self, candidate: str, cases: int, kept: int) -> None:
        self.begun[candidate] = (cases, kept)
