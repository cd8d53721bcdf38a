"""Drift in a running gateway: found, told once through the door, seen where one looks; a webhook that is away."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import numpy as np
import pytest
from tests.collectors import Collector, collecting
from tests.serving import STAIRS, Served, served, write_script

from palier.app import Palier
from palier.drift.report import Alert, Window
from palier.testing.traces import trace_of


def settings(url: str, **drift: Any) -> dict[str, Any]:
    return {"data": "data", **STAIRS, "drift": {"enabled": True, "webhook": url, "reference_days": 0, **drift}}


async def went_by(palier: Palier, climbing: float, seed: int, n: int = 300, at: float = 1000.0) -> None:
    """So many requests, of which a share climbs; then a look, and what is to be told is told."""
    rng = np.random.default_rng(seed)
    traces = []
    for number in range(n):
        trace = trace_of(f"{seed}-{number}", at + number, route="stairs")
        outcome = "climbed" if rng.random() < climbing else "answered"
        step = msgspec.structs.replace(trace.steps[0], outcome=outcome, confidence=float(rng.random()))
        traces.append(msgspec.structs.replace(trace, steps=(step,)))
    await asyncio.gather(*map(palier.traces.record, traces))
    await palier.drift.look()
    await palier.drift.tell()


def page(gateway: Served) -> str:
    return httpx2.get(f"{gateway.url}/metrics", headers=gateway.headers).text


def drifted(gateway: Served) -> None:
    gateway.run(gateway.palier.drift.look())
    gateway.run(went_by(gateway.palier, 0.2, 1, 500))
    gateway.run(went_by(gateway.palier, 0.6, 2))
    gateway.run(went_by(gateway.palier, 0.6, 3))


def told(collector: Collector) -> list[dict[str, Any]]:
    return [json.loads(body) for body in collector.bodies]


def test_what_drifts_is_told_once_through_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_script(tmp_path)
    monkeypatch.setenv("HOOK", "Bearer of-the-hook")
    with collecting() as collector, served(settings(collector.url, authorization_env="HOOK"), tmp_path) as gateway:
        drifted(gateway)
        (alert,) = told(collector)
        assert (alert["route"], alert["signal"], alert["state"]) == ("stairs", "escalated", "drifting")
        assert set(alert) <= set(Alert.__struct_fields__)
        assert collector.headers[0]["Authorization"] == "Bearer of-the-hook"
        assert gateway.palier.ledger.departures[("drift_webhook", "internal")] == 1
        assert 'palier_drifting{route="stairs",signal="escalated"} 1' in page(gateway)
        assert 'palier_drifting{route="stairs",signal="confidence"} 0' in page(gateway)
        (status,) = [one for one in gateway.run(gateway.palier.status()) if one.route == "stairs"]
        assert status.drift.startswith("drift: escalated by 0.")
        report = gateway.run(
            gateway.palier.drift.compare("stairs", Window(since=1000, until=1300), Window(since=1300, until=1500))
        )
        assert (report.now.n, report.reference.n) == (900, 200)
        assert "escalated" in report.drifting


def test_a_webhook_that_is_away_is_told_by_the_next_gateway(tmp_path: Path) -> None:
    write_script(tmp_path)
    with collecting() as collector:
        collector.status = 503
        with served(settings(collector.url, on_premises=True), tmp_path) as gateway:
            drifted(gateway)
            assert 'palier_drift_unsent{route="stairs"} 1' in page(gateway)
            body = {"model": "stairs", "messages": [{"role": "user", "content": "count"}]}
            answer = httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=gateway.headers)
            assert answer.status_code == 200
        collector.status = 200
        with served(settings(collector.url, on_premises=True), tmp_path) as gateway:
            gateway.run(gateway.palier.drift.tell())
            assert [alert["signal"] for alert in told(collector)] == ["escalated"]
            assert not gateway.palier.ledger.departures
            assert 'palier_drift_unsent{route="stairs"} 0' in page(gateway)
