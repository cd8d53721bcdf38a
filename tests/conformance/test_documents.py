"""The documents suite on SQLite, with vectors in memory and without."""

import pytest

from palier.stores.knowledge import VECTOR_MEMORY, SqliteKnowledge
from palier.testing.documents import DIMENSION, ENCODER, DocumentsSuite, analyse


class TestSqliteKnowledge(DocumentsSuite):
    @pytest.fixture(params=[VECTOR_MEMORY, 0], ids=["memory", "file"])
    async def store(self, request, tmp_path):
        path = tmp_path / "knowledge.db"
        opened = SqliteKnowledge.open(path, ENCODER, DIMENSION, analyse, vector_memory=request.param)
        yield opened
        await opened.close()
