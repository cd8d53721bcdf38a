"""A budget that passes its limits, told once through the door; a webhook that is away is told by the next gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.collectors import Collector, collecting
from tests.serving import Served, served

from palier.errors import ConfigurationError
from palier.overspending import BudgetAlert


def settings(url: str, **alerts: Any) -> dict[str, Any]:
    """Each answer costs some dollars."""
    model = {"kind": "fake", "price": {"input": 1e6, "output": 1e6}}
    tiers = [{"model": "priced", "highest_label": "internal"}]
    routes = {"support": {"tiers": tiers, "audit": 0, "budget": {"per": "day", "soft": 0.5, "hard": 1e9}}}
    return {"models": {"priced": model}, "routes": routes, "alerts": {"webhook": url, **alerts}}


def ask(gateway: Served) -> None:
    body = {"model": "support", "messages": [{"role": "user", "content": "Bonjour"}], "max_tokens": 5}
    assert httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=gateway.headers).status_code == 200


def look(gateway: Served) -> None:
    gateway.run(gateway.palier.overspending.look())
    gateway.run(gateway.palier.overspending.tell())


def told(collector: Collector) -> list[str]:
    found = [json.loads(body) for body in collector.bodies]
    assert all(set(one) <= set(BudgetAlert.__struct_fields__) for one in found)
    return [f"{one['route']} {one['of']} {one['limit']}" for one in found]


def test_a_limit_that_is_passed_is_told_once_through_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "Bearer of-the-hook")
    with collecting() as collector:
        for turn in range(2):
            with served(settings(collector.url, authorization_env="HOOK"), tmp_path) as gateway:
                look(gateway)
                ask(gateway)
                look(gateway)
                assert told(collector) == ["support cost soft"]
                assert gateway.palier.ledger.departures.get(("alerts_webhook", "internal"), 0) == 1 - turn
        assert collector.headers[0]["Authorization"] == "Bearer of-the-hook"


def test_a_webhook_that_is_away_is_told_by_the_next_gateway(tmp_path: Path) -> None:
    with collecting() as collector:
        collector.status = 503
        with served(settings(collector.url, on_premises=True), tmp_path) as gateway:
            ask(gateway)
            look(gateway)
            page = httpx2.get(f"{gateway.url}/metrics", headers=gateway.headers).text
            assert "palier_budget_unsent 1\n" in page
            ask(gateway)
        collector.status = 200
        with served(settings(collector.url, on_premises=True), tmp_path) as gateway:
            look(gateway)
            assert told(collector) == ["support cost soft"]
            assert not gateway.palier.ledger.departures


def test_a_key_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"\[alerts\]: the environment variable NOT_THERE"),
        served(settings("http://127.0.0.1:9/", authorization_env="NOT_THERE"), tmp_path),
    ):
        pass
