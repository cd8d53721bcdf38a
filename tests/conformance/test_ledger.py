"""The ledger suite on SQLite."""

import pytest

from palier.privacy.ledger import Chain
from palier.privacy.sealing import Sealer
from palier.stores.ledger import SqliteLedger
from palier.testing.ledger import PAYLOAD_DAYS, LedgerSuite


class TestSqliteLedger(LedgerSuite):
    @pytest.fixture
    async def ledger(self, tmp_path):
        opened = SqliteLedger.open(tmp_path / "ledger.db", Sealer([b"k" * 32]), Chain(), payload_days=PAYLOAD_DAYS)
        yield opened
        await opened.close()
