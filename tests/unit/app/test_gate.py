"""The gate on real answers: who is better passes, who was taught nonsense does not, and every look is counted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.heads import FILLERS, TOPICS, embed, taught
from tests.unit.app.test_students import ENCODER, ROUTE, kept, settings

from palier.app import gate
from palier.cases import Case, Suite
from palier.errors import InvalidRequest, NotFound
from palier.stores.versions import SqliteVersions
from palier.training import heads
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
