"""The page for Prometheus, alone and served."""

from __future__ import annotations

from pathlib import Path

import httpx2
from tests.serving import STAIRS, served, write_script

from palier.routing.monitor import Monitor
from palier.server.metrics import text


def test_each_route_and_what_is_watched_of_it() -> None:
    monitor = Monitor(alpha=0.1, delta=0.05).update(1.0).update(0.0)
    page = text([("sales", False, False), ("support", False, True)], {"support": monitor})
    assert '# TYPE palier_calibrated gauge\npalier_calibrated{route="sales"} 0\n' in page
    assert 'palier_guarantee_broken{route="support"} 1\n' in page
    assert 'palier_promised_risk{route="support"} 0.1\n' in page
    assert 'palier_watched_answers_total{route="support"} 2\n' in page
    assert 'palier_watched_losses_total{route="support"} 1\n' in page
    assert page.endswith("\n")


def test_it_is_served_to_who_shows_the_key(tmp_path: Path) -> None:
    write_script(tmp_path)
    with served(STAIRS, tmp_path) as gateway:
        assert httpx2.get(f"{gateway.url}/metrics").status_code == 401
        found = httpx2.get(f"{gateway.url}/metrics", headers=gateway.headers)
        assert found.status_code == 200
        assert found.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'palier_calibrated{route="support"} 0\n' in found.text
