"""The audits suite on SQLite."""

import pytest

from palier.stores.audits import SqliteAudits
from palier.stores.feedback import SqliteFeedback
from palier.stores.traces import SqliteTraces
from palier.testing.audits import AuditsSuite


class TestSqliteAudits(AuditsSuite):
    @pytest.fixture
    async def traces(self, tmp_path):
        opened = SqliteTraces.open(tmp_path / "traces.db")
        yield opened
        await opened.close()

    @pytest.fixture
    async def audits(self, traces):
        return SqliteAudits(traces.database)

    @pytest.fixture
    async def ratings(self, traces):
        return SqliteFeedback(traces.database)
