"""The marks suite on SQLite."""

import pytest

from palier.stores.knowledge import SqliteKnowledge
from palier.testing.documents import DIMENSION, ENCODER, analyse
from palier.testing.marks import MARKER, MarksSuite


class TestSqliteMarks(MarksSuite):
    @pytest.fixture
    async def store(self, tmp_path):
        opened = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse, marker=MARKER)
        await opened.marks.fill()
        yield opened
        await opened.close()
