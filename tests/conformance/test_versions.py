"""The versions suite on SQLite; and that what was told is there again."""

from pathlib import Path

import apsw
import msgspec
import pytest

from palier.errors import StoreError
from palier.stores.schema import migrations
from palier.stores.traces import SqliteTraces
from palier.stores.versions import VERSIONS, SqliteVersions
from palier.testing.versions import VersionsSuite, holdout_of, version_of


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
