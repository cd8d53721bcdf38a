"""The suites of access on SQLite."""

import pytest

from palier.stores.access import SqliteAccess
from palier.stores.knowledge import VECTOR_MEMORY, SqliteKnowledge
from palier.testing.access import DirectorySuite, KeysSuite, PurseSuite
from palier.testing.documents import DIMENSION, ENCODER, analyse
from palier.testing.readers import ReadersSuite


@pytest.fixture
async def access(tmp_path):
    opened = await SqliteAccess.open(tmp_path / "access.db")
    yield opened
    await opened.close()


class TestSqliteKeys(KeysSuite):
    @pytest.fixture
    def keys(self, access):
        return access.keys


class TestSqliteDirectory(DirectorySuite):
    @pytest.fixture
    def directory(self, access):
        return access.directory


class TestSqlitePurse(PurseSuite):
    @pytest.fixture
    def purse(self, access):
        return access.purse


class TestSqliteReaders(ReadersSuite):
    @pytest.fixture(params=[VECTOR_MEMORY, 0], ids=["memory", "file"])
    async def store(self, request, tmp_path):
        path = tmp_path / "knowledge.db"
        opened = SqliteKnowledge.open(path, ENCODER, DIMENSION, analyse, vector_memory=request.param)
        yield opened
        await opened.close()
