"""The versions suite on SQLite; and that what was told is there again."""

from pathlib import Path

import pytest

from palier.errors import StoreError
from palier.stores.traces import SqliteTraces
from palier.stores.versions import SqliteVersions
from palier.testing.versions import VersionsSuite, version_of


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
