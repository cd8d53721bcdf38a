"""The versions suite on SQLite; and that what was told is there again."""

from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from tests.earlier import without_lessons

from palier.errors import StoreError
from palier.interfaces import Erasure
from palier.stores.schema import migrations
from palier.stores.traces import SqliteTraces
from palier.stores.versions import VERSIONS, ErasableVersions, SqliteVersions
from palier.testing.versions import VersionsSuite, holdout_of, version_of
from palier.types import Label
from palier.versions import Relabelled


class TestSqliteVersions(VersionsSuite):
    @pytest.fixture
    async def versions(self, tmp_path):
        opened = SqliteVersions.open(tmp_path / "state.db")
        yield opened
        await opened.close()


async def test_it_is_there_after_it_was_closed(tmp_path: Path) -> None:
    one = version_of("r")
    opened = SqliteVersions.open(tmp_path / "state.db")
    await opened.add(one)
    await opened.shadow(one.id, {})
    before = await opened.promote(one.id, best=True)
    await opened.close()
    again = SqliteVersions.open(tmp_path / "state.db")
    assert (await again.standing("r"), await again.get(one.id)) == (before, one)
    await again.close()


async def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    traces = SqliteTraces.open(tmp_path / "state.db")
    await traces.close()
    with pytest.raises(StoreError):
        SqliteVersions.open(tmp_path / "state.db")


async def test_holdouts_of_an_earlier_file_keep_their_uses_and_their_share(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.execute(migrations("versions")[0][1])
    versions = [version_of("r") for _ in range(3)]
    for one in versions:
        words = msgspec.json.encode(one)
        connection.execute("INSERT INTO version VALUES (?, ?, ?, ?)", (one.id, "r", 1.0, words))
    said = msgspec.json.encode({"holdout": "told", "terms": {"alpha": 0.01, "uses": 3}})
    happened = (
        "INSERT INTO happened (version, route, state, at, who, why, ruling) VALUES (?, 'r', 'shadow', 1.0, '', '', ?)"
    )
    connection.execute(happened, (versions[0].id, said))
    for held in ("told", "untold"):
        connection.execute("INSERT INTO judged VALUES ('r', ?, ?, 1.0)", (held, versions[0].id))
    connection.pragma("application_id", VERSIONS.application_id)
    connection.pragma("user_version", 1)
    connection.close()
    opened = SqliteVersions.open(path)
    for held, share in (("told", (0.01, 3)), ("untold", (0.05, 8))):
        spent = await opened.judged("r", holdout_of(held, range(5), uses=50), versions[1].id)
        assert (spent.others, spent.alpha, spent.uses) == (1, *share)
    edited = await opened.judged("r", holdout_of("edited", range(4), uses=50), versions[2].id)
    assert (edited.others, edited.uses) == (4, 8), "from then on they are known by their cases"
    await opened.close()


async def test_of_versions_of_an_earlier_file_it_is_not_known_by_what_they_were_taught(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    old, bare = version_of("r", collections=("docs",)), version_of("r", collections=())
    opened = SqliteVersions.open(path)
    await opened.add(old, [("docs", "a")])
    await opened.add(bare)
    await opened.close()
    without_lessons(path)
    opened = SqliteVersions.open(path)
    new = version_of("r", created=old.created + 100)
    await opened.add(new, lessons=["l"])
    assert {one.id for one in await opened.list("r") if one.untold} == {old.id, bare.id}
    assert (await opened.lessons(old.id), await opened.lessons(new.id)) == (None, {"l"})

    async def relabelled(**fields: Any) -> set[str]:
        told = Relabelled(lesson="m", label=Label.CONFIDENTIAL, **fields)
        return set(await opened.raise_to(lessons=[told]))

    assert await relabelled() == set()
    assert await relabelled(route="other") == set()
    assert await relabelled(route="r", created=old.created + 1) == set(), "that came after they were taught"
    assert await relabelled(route="r", created=old.created) == {old.id, bare.id}

    async def learners(*lessons: str, **of: str) -> dict[str, tuple[int, bool, bool]]:
        found = await ErasableVersions(opened.database).learners(Erasure(before=1.0, **of), lessons)
        return {one.version: (one.lessons, one.document, one.unsure) for one in found}

    either = {old.id: (0, False, True), bare.id: (0, False, True)}
    assert await learners("l", user="ann") == {**either, new.id: (1, False, False)}
    document = {"collection": "docs", "document": "a"}
    assert await learners(**document) == {old.id: (0, True, False)}
    assert await learners(**{**document, "document": "b"}) == {}, "it knows its documents"
    await ErasableVersions(opened.database).forget(Erasure(before=1.0, **document))
    assert await learners(**{**document, "document": "b"}) == {old.id: (0, False, True)}, "its documents, no more"
    await opened.tell(old.id, [], ["l"])
    assert await learners(**document) == {}
    await opened.close()


async def test_a_registry_that_another_program_changed_says_so_and_lets_a_rollback_through(tmp_path: Path) -> None:
    path, one, two = tmp_path / "state.db", version_of("r"), version_of("r")
    opened = SqliteVersions.open(path)
    for version in (one, two):
        await opened.add(version)
        await opened.shadow(version.id, {})
        await opened.promote(version.id, best=True)
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE promoted SET version = 'nobody' WHERE position = 2")
    assert await opened.get("nobody") is None
    assert (await opened.roll_back("r")).live == one.id
    connection.execute("UPDATE version SET words = CAST('{\"id\": 3' AS BLOB) WHERE id = ?", (two.id,))
    for unreadable in (opened.list("r"), opened.get(two.id), opened.lessons(two.id)):
        with pytest.raises(StoreError, match="a row in it is not what palier wrote") as caught:
            await unreadable
        assert "backup" in caught.value.hint
    assert (await opened.standing("r")).live == one.id
    connection.close()
    await opened.close()
