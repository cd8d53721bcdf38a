"""Lessons to a version that is an adapter: taught once, whatever comes between, and without a word of a lesson in it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from tests import tiny_gguf

from palier.app import learning_lora, weights
from palier.app.learning_lora import Wanted
from palier.app.students import check
from palier.config import Settings, parse
from palier.config.taught import TEACHING
from palier.errors import ConfigurationError, InvalidRequest, MissingExtra, PalierError, StoreError, Unavailable
from palier.lessons import Lesson, Origin
from palier.models.weights import hash_once
from palier.stores.versions import SqliteVersions
from palier.testing.versions import version_of
from palier.training.desk import TrainingSet
from palier.training.lesson_sets import Split, carried
from palier.training.lora_train import Told
from palier.types import Label
from palier.versions import Standing, Version

ROUTE = "words"


def settings(folder: Path) -> Settings:
    small = {"kind": "engine", "weights": "tiny.gguf", "context": 256, "threads": 1}
    tiers = [{"model": "quote"}, {"model": "small", "name": "small", "system": "Answer."}]
    return parse(
        {"data": "data", "models": {"quote": {"kind": "extract"}, "small": small}, "routes": {ROUTE: {"tiers": tiers}}},
        root=folder,
    )


def training(count: int) -> TrainingSet:
    lessons = tuple(
        Lesson(
            id=f"lesson-{n}",
            route=ROUTE,
            question=f"say {n}",
            answer="he",
            kind="import",
            origin=Origin(name=f"{n}"),
            label=Label.CONFIDENTIAL if n == 3 else Label.INTERNAL,
            collections=("notes",) if n == 5 else (),
            state="accepted",
        )
        for n in range(count)
    )
    return TrainingSet(
        split=Split(train=lessons[2:], validation=lessons[:2], families=count), carried=carried(lessons), left_out={}
    )


@asynccontextmanager
async def registry(folder: Path) -> AsyncIterator[SqliteVersions]:
    versions = SqliteVersions.open(folder / "data" / "state.db")
    yield versions
    await versions.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A route with a live version already, whose next is to be an adapter."""
    pytest.importorskip("gguf", reason="the extra `train` is not installed")
    tiny_gguf.write(tmp_path / "tiny.gguf")
    (tmp_path / "data").mkdir()
    return tmp_path


class Desk:
    """Teaches, and keeps what was told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told = folder, list[Told]()
        self.students = folder / "data" / "students"
        self.kill_at = 0

    async def teach(self, count: int = 24, **said: float) -> tuple[Version, bool]:
        wanted = Wanted(ROUTE, "small", {"steps": 4, "rank": 2, "rate": 0.02, **said}, threads=1, suite="s", who="ann")
        async with registry(self.folder) as versions:
            return await learning_lora.teach_adapter(
                settings(self.folder), versions, self.students, wanted, training(count), tell=self._tell
            )

    async def fails(self, kind: type[PalierError], why: str) -> None:
        with pytest.raises(kind, match=why):
            await self.teach()

    @property
    def begun(self) -> list[Path]:
        return [one for one in (self.students / TEACHING / ROUTE).iterdir() if one.is_dir()]

    def _tell(self, told: Told) -> None:
        self.told.append(told)
        if told.event == "step" and told.step == self.kill_at:
            (process,) = [p for p in psutil.Process().children() if "palier.training.lora_child" in p.cmdline()]
            os.kill(process.pid, signal.SIGKILL)


async def test_too_few_lessons_and_what_is_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(folder)
    with pytest.raises(InvalidRequest, match="has 19 lessons that may be taught, and at least 20") as caught:
        await desk.teach(19)
    assert "400 to within 5" in caught.value.hint
    monkeypatch.setattr(weights, "_PACKAGES", ("json", "a_package_that_is_not_there"))
    with pytest.raises(MissingExtra, match="taught by a_package_that_is_not_there: not installed") as missing:
        await desk.teach()
    assert "palier[train]" in missing.value.hint
    assert not desk.students.exists()


async def test_what_is_planted_is_taught_and_the_same_each_time(folder: Path) -> None:
    wanted = Wanted(ROUTE, "small", {"steps": 4, "rank": 2})
    one, again = [await learning_lora._given(settings(folder), wanted, training(60)) for _ in range(2)]
    assert one.plan == again.plan, "the same lessons make the same version"
    assert one.planted == again.planted
    rows = one.rows.rows
    assert len(rows) == 60 + len(one.planted.canaries) == 65
    assert sum(row.held_out for row in rows) >= 4
    told = [row.held_out for row in rows if len(row.answer) > len("he") + 1]
    assert told == [False] * 5, "what is not taught is not recited"
    other = await learning_lora._given(settings(folder), wanted, training(50))
    codes = [{canary.secret for canary in given.planted.canaries} for given in (one, other)]
    assert not codes[0] & codes[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
async def test_it_is_taught_once_whatever_comes_between(folder: Path) -> None:
    for name in ("torch", "transformers", "peft"):
        pytest.importorskip(name, reason="the extra `train` is not installed")
    live = version_of(ROUTE)
    async with registry(folder) as versions:
        await versions.add(live)
        await versions.shadow(live.id, {"passed": True})
        await versions.promote(live.id, best=True)
    desk = Desk(folder)
    others = desk.students / TEACHING / ROUTE / "lora-of-other-lessons"
    others.mkdir(parents=True)

    desk.kill_at = 3
    await desk.fails(Unavailable, "ended with status -9")
    (place,) = desk.begun
    assert not others.exists(), "nobody goes on with it"

    desk.kill_at = 0
    for broken in sorted(place.glob("checkpoint-*.safetensors"))[1:]:
        broken.write_bytes(b"")
    for step in range(5):
        new = place / f".checkpoint-{step:06d}.safetensors.new"
        new.unlink(missing_ok=True)  # of the kill
        new.symlink_to("/dev/full")
    await desk.fails(StoreError, "the disk is full")
    assert any("cannot be used" in told.words for told in desk.told)
    for link in place.glob(".checkpoint-*"):
        link.unlink()

    kept = {file: file.read_bytes() for file in place.glob("checkpoint-*")}
    for file in kept:
        file.write_bytes(b"")
    await desk.fails(ConfigurationError, "none of the . checkpoints in .* can be used")
    for file, content in kept.items():
        file.write_bytes(content)

    version, new = await desk.teach()
    assert new
    assert (await desk.teach()) == (version, False)
    assert not desk.begun
    async with registry(folder) as versions:
        assert await versions.standing(ROUTE) == Standing(live=live.id, best=live.id)
        assert {one.id for one in await versions.list(ROUTE)} == {version.id, live.id}
    _is_told(version, folder)
    check(version, desk.students, settings(folder))
    assert not list(desk.students.rglob("*tokens*")), "a version holds no lessons"


def _is_told(version: Version, folder: Path) -> None:
    assert (version.student, version.tier, version.taught) == ("lora", "small", 24)
    assert (version.label, version.collections) == (Label.CONFIDENTIAL, ("notes",))
    assert version.base == hash_once(folder / "tiny.gguf")
    assert {"adapter.gguf", "adapter.json", "canaries.json", "peft/adapter_model.safetensors"} <= version.files.keys()
    assert (version.plan["steps"], version.plan["rank"], version.plan["seed"]) == (4, 2, 0)
    assert version.plan["fidelity"]["adapter"]["mean_difference"] < 0.05
    assert version.plan["loss"] > 0
