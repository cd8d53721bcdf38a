"""What is taught once, and what is taught again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.earlier import without_lessons
from tests.heads import ENCODER, FILLERS, TOPICS, embed

from palier.app.learning import teach_head
from palier.app.students import check_files
from palier.errors import ConfigurationError
from palier.lessons import Lesson
from palier.stores.versions import SqliteVersions
from palier.testing.lessons import lesson_of
from palier.training.lesson_sets import carried
from palier.types import Label
from palier.versions import Relabelled, Version


@pytest.fixture
async def versions(tmp_path: Path) -> AsyncIterator[SqliteVersions]:
    store = SqliteVersions.open(tmp_path / "state.db")
    yield store
    await store.close()


def lessons(label: Label, collections: tuple[str, ...]) -> list[Lesson]:
    return [
        lesson_of(
            f"l{name} {n}",
            question=f"{words[n % 5]} {FILLERS[n % 8]} {FILLERS[(n * 3) % 8]} number {n}",
            answer=name,
            messages=(),
            evidence=(),
            label=label,
            collections=collections,
        )
        for name, words in TOPICS.items()
        for n in range(20)
    ]


async def test_a_student_of_lessons_that_became_more_confidential_is_another(
    tmp_path: Path, versions: SqliteVersions
) -> None:
    async def teach(label: Label, *collections: str) -> tuple[Version, bool]:
        some = lessons(label, collections)
        return await teach_head(versions, tmp_path, "desk", "tier-1", some, carried(some), embed, ENCODER)

    first, new = await teach(Label.PUBLIC)
    assert (new, first.label, first.collections) == (True, Label.PUBLIC, ())
    assert await teach(Label.PUBLIC) == (first, False)
    second, new = await teach(Label.CONFIDENTIAL)
    assert (new, second.label) == (True, Label.CONFIDENTIAL)
    third, new = await teach(Label.CONFIDENTIAL, "board")
    assert (new, third.collections) == (True, ("board",))
    assert len({first.id, second.id, third.id}) == 3


async def test_one_that_does_not_know_its_lessons_knows_them_once_they_are_given_again(tmp_path: Path) -> None:
    some = lessons(Label.INTERNAL, ())

    async def teach() -> Version:
        versions = SqliteVersions.open(tmp_path / "state.db")
        found, _ = await teach_head(versions, tmp_path, "desk", "tier-1", some, carried(some), embed, ENCODER)
        kept = await versions.get(found.id)
        raised = await versions.raise_to(lessons=[Relabelled(lesson=some[0].id, label=Label.CONFIDENTIAL)])
        await versions.close()
        assert kept == found
        assert raised == ([] if found.label is Label.CONFIDENTIAL else [found.id])
        return found

    first = await teach()
    without_lessons(tmp_path / "state.db")
    again = await teach()
    assert (again.id, first.untold, again.untold, again.label) == (first.id, False, False, Label.CONFIDENTIAL)


async def test_two_who_teach_at_once_do_not_write_over_each_other(tmp_path: Path, versions: SqliteVersions) -> None:
    """Planted codes are drawn anew by each: the files of the second are not those that the registry knows."""
    some = lessons(Label.INTERNAL, ())

    async def teach() -> Version:
        return (await teach_head(versions, tmp_path, "desk", "tier-1", some, carried(some), embed, ENCODER))[0]

    first, second = await asyncio.gather(teach(), teach(), return_exceptions=True)
    assert isinstance(first, Version)
    assert isinstance(second, ConfigurationError)
    assert "another process teaches" in second.message
    check_files(first, tmp_path)
    assert await teach() == first
