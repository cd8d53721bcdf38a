"""Versions that answer: promoted while others ask, rolled back at once, served to whom they may be, or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.earlier import without_lessons
from tests.heads import ENCODER, FILLERS, TOPICS, embed, taught

from palier import Palier
from palier.config import Collection, Settings, parse
from palier.errors import ConfigurationError, InvalidRequest, NotFound
from palier.lessons import Edit, Teacher
from palier.stores.lessons import SqliteLessons
from palier.stores.versions import SqliteVersions
from palier.testing.lessons import lesson_of, vectors_of
from palier.testing.versions import version_of
from palier.training import heads
from palier.training.examples import Example, gathered
from palier.types import Document, Label, Principal
from palier.versions import Learner, Standing, Version

ROUTE, QUESTION = "intents", "cancel my fibre the box number 3"
OWN, OTHER = "terminate my contract", "say goodbye"


def settings(folder: Path) -> Settings:
    return parse(
        {
            "data": "data",
            "redaction": {"names": "off"},
            "models": {
                "intents": {"kind": "head", "file": "own.head"},
                "large": {"kind": "fake", "file": "script.jsonl"},
            },
            "routes": {
                ROUTE: {
                    "audit": 0,
                    "tiers": [{"model": "intents", "threshold": 0.3}, {"model": "large", "highest_label": "internal"}],
                }
            },
        },
        root=folder,
    )


def another() -> bytes:
    """A head that calls one of the topics by another name."""
    rows = [
        Example(
            text=f"{words[i % 5]} {FILLERS[i % 8]} {FILLERS[(i * 3) % 8]} number {i}", label=OTHER if n == 0 else name
        )
        for n, (name, words) in enumerate(TOPICS.items())
        for i in range(20)
    ]
    return heads.teach(gathered(rows), embed, ENCODER, reads=("ngrams",), ridges=(0.1,)).content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.head").write_bytes(taught(("ngrams",)).content)
    (tmp_path / "script.jsonl").write_text('{"answer": "asked above"}\n')
    return tmp_path


async def kept(
    folder: Path,
    content: bytes,
    *,
    ruled: bool = True,
    sources: Sequence[tuple[str, str]] = (),
    lessons: Sequence[str] = (),
    **fields: Any,
) -> Version:
    """A version that passed the gate, or is still to be `ruled`; taught on `sources`, by `lessons`."""
    digest = hashlib.sha256(content).hexdigest()
    fields = {"collections": (), **fields}
    version = version_of(ROUTE, student="head", policy="", files={"student.head": digest}, **fields)
    place = folder / "data" / "students" / version.id
    place.mkdir(parents=True)
    (place / "student.head").write_bytes(content)
    versions = SqliteVersions.open(folder / "data" / "state.db")
    await versions.add(version, sources, lessons)
    if ruled:
        await versions.shadow(version.id, {"passed": True})
    await versions.close()
    return version


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Palier]:
    async with Palier.open(settings(folder)) as p:
        yield p


async def told(p: Palier, **more: Any) -> str:
    return (await p.ask(QUESTION, **more)).text


async def test_a_version_answers_from_its_promotion_to_its_rollback_and_after_a_restart(folder: Path) -> None:
    version = await kept(folder, another(), label=Label.CONFIDENTIAL)
    async with opened(folder) as p:
        assert await told(p) == OWN
        before = (await p.status())[0].fingerprint
        assert await p.students.promote(version.id, who="ann") == Standing(live=version.id, best=version.id)
        result = await p.ask(QUESTION)
        assert (result.text, result.tier, result.label) == (OTHER, "tier-1", Label.CONFIDENTIAL)
        assert version.id in result.model
        assert (await p.status())[0].fingerprint != before
    async with opened(folder) as p:
        assert await told(p) == OTHER
        started = time.perf_counter()
        assert await p.students.roll_back(ROUTE, why="worse") == Standing()
        assert time.perf_counter() - started < 1.0
        assert await told(p) == OWN
        assert (await p.status())[0].fingerprint == before
    async with opened(folder) as p:
        assert await told(p) == OWN
        assert [h.state for h in await p.students.history(ROUTE)] == ["made", "shadow", "live", "retired"]


async def test_whoever_asks_meanwhile_is_answered(folder: Path) -> None:
    version = await kept(folder, another())
    async with opened(folder) as p:

        async def asks() -> set[str]:
            return {await told(p) for _ in range(30)}

        async def turns() -> None:
            for _ in range(4):
                await p.students.promote(version.id)
                await p.students.roll_back(ROUTE)

        *answers, _ = await asyncio.gather(asks(), asks(), turns())
        assert answers[0] | answers[1] <= {OWN, OTHER}


async def test_who_may_not_read_what_it_was_taught_on_is_not_served_by_it(folder: Path) -> None:
    version = await kept(folder, another(), collections=("board",))
    async with opened(folder) as p:
        await p.put_documents([Document(id="d", collection="board", text="Secret.", label=Label.INTERNAL)])
        await p.change_readers("board", allow=("user:ann",), everyone=False)
        await p.students.promote(version.id)
        assert await told(p, principal=Principal(name="ann")) == OTHER
        result = await p.ask(QUESTION, principal=Principal(name="bob"))
        assert (result.text, result.tier) == ("asked above", "tier-2")
        assert "board" not in result.steps[0].reason
        assert await told(p) == OTHER, "the owner reads everything"


async def test_its_label_and_its_readers_are_those_of_what_it_was_taught_on_today(folder: Path) -> None:
    version = await kept(folder, another(), label=Label.INTERNAL, sources=[("shelf", "d")])
    ann, bob = Principal(name="ann", groups=("board",)), Principal(name="bob")

    def document(label: Label, *groups: str) -> Document:
        return Document(id="d", collection="shelf", text="Of fibre.", label=label, groups=groups)

    async with opened(folder) as p:
        await p.put_documents([document(Label.INTERNAL)])
        await p.students.promote(version.id)
        assert (await p.ask(QUESTION, principal=bob)).label is Label.INTERNAL
        await p.put_documents([document(Label.CONFIDENTIAL)])
        result = await p.ask(QUESTION, principal=bob)
        assert (result.text, result.label) == (OTHER, Label.CONFIDENTIAL), "at once"
        assert p.students.live[ROUTE].label is Label.CONFIDENTIAL
        await p.put_documents([document(Label.PUBLIC, "board")])
        assert await told(p, principal=ann) == OTHER
        assert (await p.ask(QUESTION, principal=bob)).tier == "tier-2", "who may not read it is not served by it"
        await p.forget(document="shelf/d")
    async with opened(folder) as p:
        assert (await p.ask(QUESTION, principal=ann)).label is Label.CONFIDENTIAL, "after a restart, too"
        assert (await p.ask(QUESTION, principal=bob)).tier == "tier-2"
    assert b"shelf" not in (folder / "data" / "state.db").read_bytes()


async def test_what_was_relabelled_while_nobody_looked_is_seen_at_the_next_start(folder: Path) -> None:
    """As by `[collections.NAME] label`, or while a student was being taught."""
    version = await kept(folder, another(), label=Label.INTERNAL, sources=[("shelf", "d")])
    async with opened(folder) as p:
        await p.put_documents([Document(id="d", collection="shelf", text="Of fibre.", label=Label.INTERNAL)])
        await p.students.promote(version.id)
    declared = settings(folder)
    named = {"shelf": Collection(label=Label.RESTRICTED)}
    async with Palier.open(msgspec.structs.replace(declared, collections=named)) as p:
        assert (await p.ask(QUESTION)).label is Label.RESTRICTED


async def test_its_label_is_that_of_its_lessons_today(folder: Path) -> None:
    """Edited while it answers, and while nobody looked, as by one who was killed."""
    version = await kept(folder, another(), label=Label.INTERNAL, lessons=["l1", "l2"])
    store = SqliteLessons.open(folder / "data" / "lessons.db")
    made = {
        "route": ROUTE,
        "evidence": (),
        "label": Label.INTERNAL,
        "state": "accepted",
        "expires": 9e9,
        "teacher": Teacher(),
    }
    await store.add([lesson_of(f"l{n}", **made) for n in (1, 2, 3)], vectors_of(3), "another")
    await store.close()
    async with opened(folder) as p:
        await p.students.promote(version.id)
        await p.lessons.edit("l3", Edit(label=Label.CONFIDENTIAL), who="ann")
        await p.lessons.edit("l1", Edit(answer="another"), who="ann")
        assert (await p.ask(QUESTION)).label is Label.INTERNAL
        await p.lessons.edit("l1", Edit(label=Label.CONFIDENTIAL), who="ann")
        result = await p.ask(QUESTION)
        assert (result.text, result.label) == (OTHER, Label.CONFIDENTIAL), "at once"
        assert p.students.live[ROUTE].label is Label.CONFIDENTIAL
        with pytest.raises(InvalidRequest):
            await p.lessons.edit("l1", Edit(label=Label.INTERNAL), who="ann")
        second = await p.lessons.get("l2")
    store = SqliteLessons.open(folder / "data" / "lessons.db")
    assert await store.change([msgspec.structs.replace(second, label=Label.RESTRICTED)]) == [True]
    await store.close()
    async with opened(folder) as p:
        assert (await p.ask(QUESTION)).label is Label.RESTRICTED, "after a restart, too"


async def test_who_learnt_from_what_is_forgotten_is_told(folder: Path) -> None:
    one = await kept(folder, another(), lessons=["l1", "l2"], sources=[("shelf", "d")], collections=("shelf",))
    other = await kept(folder, another(), lessons=["l2"], collections=("handbook",))
    store = SqliteLessons.open(folder / "data" / "lessons.db")
    await store.add([lesson_of("l1", expires=9e9, route=ROUTE)], vectors_of(1), "another")
    await store.close()
    async with opened(folder) as p:
        await p.students.promote(one.id)
        found = (await p.forget(document="docs/l1.md", dry_run=True)).learners
        assert found == (Learner(version=one.id, route=ROUTE, live=True, lessons=1, document=False),)
        assert (await p.forget(document="shelf/other")).learners == ()
        assert (await p.forget(document="docs/l1.md")).learners == found
        assert (await p.forget(document="docs/l1.md")).learners == (), "it is gone"
        assert [one.document for one in (await p.forget(document="shelf/d")).learners] == [True]
    without_lessons(folder / "data" / "state.db")
    async with opened(folder) as p:
        told = [(one.version, one.unsure) for one in (await p.forget(user="ann", dry_run=True)).learners]
        assert told == [(one.id, True), (other.id, True)]
        shutil.rmtree(folder / "data" / "students" / one.id)
        assert [one.version for one in (await p.forget(document="handbook/a")).learners] == [other.id]


@pytest.mark.parametrize("how", ["was changed", "is not there"])
async def test_what_was_changed_or_is_gone_is_taken_back_and_that_is_told(folder: Path, how: str) -> None:
    version = await kept(folder, another())
    file = folder / "data" / "students" / version.id / "student.head"
    async with opened(folder) as p:
        await p.students.promote(version.id)
    if how == "was changed":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    else:
        file.unlink()
    async with opened(folder) as p:
        assert await told(p) == OWN
        last = (await p.students.history(ROUTE))[-1]
        assert (last.state, last.who) == ("returned", "monitor")
        assert how in last.why
        assert f"{version.id} was taken back by itself" in (await p.status())[0].student


async def test_what_cannot_be_served_changes_nothing(folder: Path) -> None:
    broken = await kept(folder, b"no head")
    unjudged = version_of(ROUTE, student="head", files={})
    async with opened(folder) as p:
        with pytest.raises(ConfigurationError, match="no head"):
            await p.students.promote(broken.id)
        assert await told(p) == OWN
        assert await p.students.standing(ROUTE) == Standing()
        with pytest.raises(NotFound):
            await p.students.promote(unjudged.id)
        with pytest.raises(InvalidRequest):
            await p.students.roll_back(ROUTE)


async def test_what_answered_before_answers_on_where_the_next_cannot_be_served(folder: Path) -> None:
    """As one of a tier that the settings have no more."""
    first, other = await kept(folder, another()), await kept(folder, another(), tier="tier-9", base="")
    async with opened(folder) as p:
        await p.students.promote(first.id)
        with pytest.raises(ConfigurationError, match="tier-9"):
            await p.students.promote(other.id)
        assert (await p.students.standing(ROUTE)).live == first.id
        assert await told(p) == OTHER
        assert p.students.live[ROUTE] == first
        assert p.students.problems == {}


async def test_one_that_cannot_be_loaded_any_more_stops_nobody(folder: Path) -> None:
    """As after an upgrade whose encoder is another."""
    version = await kept(folder, another())
    async with opened(folder) as p:
        await p.students.promote(version.id)
    broken = b"no head"
    place = folder / "data" / "students" / version.id / "student.head"
    place.write_bytes(broken)
    digest = hashlib.sha256(broken).hexdigest()
    with sqlite3.connect(folder / "data" / "state.db") as file:
        (words,) = file.execute("SELECT words FROM version").fetchone()
        known = json.loads(words)
        known["files"] = {"student.head": digest}
        file.execute("UPDATE version SET words = ?", (json.dumps(known).encode(),))
    async with opened(folder) as p:
        assert await told(p) == OWN
        assert "no head" in p.students.problems[ROUTE]
        assert await p.students.roll_back(ROUTE) == Standing()
