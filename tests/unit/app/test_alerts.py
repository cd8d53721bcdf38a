"""Which webhook is told of what."""

from __future__ import annotations

from typing import Any

import pytest
from tests.collectors import collecting

from palier.app.alerts import post_of
from palier.config import Settings, parse
from palier.errors import Forbidden
from palier.privacy.connector import HttpConnector


def settings(**sections: Any) -> Settings:
    return parse(sections)


async def test_drift_is_told_to_its_own_webhook_else_to_that_of_alerts() -> None:
    connector = HttpConnector()
    with collecting() as own, collecting() as common:
        alerts = {"webhook": common.url, "on_premises": True}
        drift = {"webhook": own.url, "on_premises": True}
        for sections in ({"alerts": alerts, "drift": drift}, {"alerts": alerts}):
            for what in ("drift", "budgets"):
                post = post_of(settings(**sections), connector, what)
                assert post is not None
                assert await post(f"{what} {len(sections)}".encode()) == 200
        assert own.bodies == [b"drift 2"]
        assert common.bodies == [b"budgets 2", b"drift 1", b"budgets 1"]
        assert post_of(settings(drift=drift), connector, "budgets") is None
        assert post_of(settings(), connector, "drift") is None
    await connector.close()


async def test_what_is_elsewhere_is_not_told_past_the_door() -> None:
    connector = HttpConnector()  # without a ledger
    post = post_of(settings(alerts={"webhook": "https://alerts.example/"}), connector, "budgets")
    assert post is not None
    with pytest.raises(Forbidden):
        await post(b"{}")
    await connector.close()
