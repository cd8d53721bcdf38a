"""The traces suite on SQLite."""

import pytest

from palier.stores.traces import SqliteTraces
from palier.testing.traces import TracesSuite


class TestSqliteTraces(TracesSuite):
    @pytest.fixture
    async def traces(self, tmp_path):
        opened = SqliteTraces.open(tmp_path / "traces.db")
        yield opened
        await opened.close()
