"""The shadows suite on SQLite."""

import pytest

from palier.stores.shadows import SqliteShadows
from palier.stores.traces import SqliteTraces
from palier.testing.shadows import MOST, ShadowsSuite


class TestSqliteShadows(ShadowsSuite):
    @pytest.fixture
    async def traces(self, tmp_path):
        opened = SqliteTraces.open(tmp_path / "traces.db")
        yield opened
        await opened.close()

    @pytest.fixture
    def shadows(self, traces):
        return SqliteShadows(traces.database, most=MOST)
