"""The documents suite on SQLite."""

import pytest

from palier.stores.knowledge import SqliteKnowledge
from palier.testing.documents import DIMENSION, ENCODER, DocumentsSuite, analyse


class TestSqliteKnowledge(DocumentsSuite):
    @pytest.fixture
    async def store(self, tmp_path):
        opened = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse)
        yield opened
        await opened.close()
