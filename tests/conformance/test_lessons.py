"""The lessons suite on SQLite."""

import pytest

from palier.stores.lessons import SqliteLessons
from palier.testing.lessons import MOST, LessonsSuite


class TestSqliteLessons(LessonsSuite):
    @pytest.fixture
    async def lessons(self, tmp_path):
        opened = SqliteLessons.open(tmp_path / "lessons.db", most=MOST)
        yield opened
        await opened.close()
