"""What is being taught by lessons that are forgotten goes with them, and what is not concerned goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from palier.app.lessons import erasable
from palier.config.taught import TEACHING
from palier.interfaces import Erasure
from palier.lessons import Lesson, Origin
from palier.stores.lessons import SqliteLessons
from palier.stores.versions import SqliteVersions


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteLessons]:
    lessons = SqliteLessons.open(tmp_path / "lessons.db")
    origin = Origin(name="one", trace="r1")
    lesson = Lesson(id="l1", route="words", question="q", answer="a", kind="escalation", origin=origin)
    await lessons.add([lesson], np.ones((1, 4), np.float32), "encoder")
    yield lessons
    await lessons.close()


async def test_a_training_goes_with_its_lessons(store: SqliteLessons, tmp_path: Path) -> None:
    students = tmp_path / "students"
    begun, whole = students / TEACHING / "words" / "lora-1", students / "lora-0"
    for place in (begun, whole):
        place.mkdir(parents=True)
        (place / "lessons.tokens.json").write_text("[]")
    versions = SqliteVersions.open(tmp_path / "state.db")
    forgets = erasable(store, versions, b"key", students)

    other = Erasure(before=1.0, requests=("r2",))
    assert await forgets.forget(other) == {"lessons": 0, "reviews": 0, "trainings": 0, "sources": 0}
    assert begun.is_dir()

    concerned = Erasure(before=1.0, requests=("r1",))
    counts = {"lessons": 1, "reviews": 0, "trainings": 1, "sources": 0}
    assert await forgets.forget(concerned, dry_run=True) == counts
    assert begun.is_dir()
    assert await forgets.forget(concerned) == counts
    await forgets.scrub(concerned)
    assert not begun.exists()
    assert whole.is_dir()
    assert not any((await forgets.forget(concerned)).values())
    await versions.close()
