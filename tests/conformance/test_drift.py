"""The suite of what drift is looked for in, on SQLite."""

import pytest

from palier.stores.audits import SqliteAudits
from palier.stores.drift import SqlitePassing
from palier.stores.feedback import SqliteFeedback
from palier.stores.traces import SqliteTraces
from palier.testing.drift import PassingSuite


class TestSqlitePassing(PassingSuite):
    @pytest.fixture
    async def traces(self, tmp_path):
        opened = SqliteTraces.open(tmp_path / "traces.db")
        yield opened
        await opened.close()

    @pytest.fixture
    def audits(self, traces):
        return SqliteAudits(traces.database)

    @pytest.fixture
    def ratings(self, traces):
        return SqliteFeedback(traces.database)

    @pytest.fixture
    def passing(self, traces):
        return SqlitePassing(traces.database)
