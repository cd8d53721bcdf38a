"""The page for Prometheus, alone and served."""

from __future__ import annotations

from pathlib import Path

import httpx2
import msgspec
from tests.serving import STAIRS, served, write_script

from palier.counting import Counts
from palier.routing.monitor import Monitor
from palier.server.metrics import text
from palier.testing.traces import trace_of
from palier.types import Guarded


def test_each_route_and_what_is_watched_of_it() -> None:
    monitor = Monitor(alpha=0.1, delta=0.05).update(1.0).update(0.0)
    page = text([("sales", False, False), ("support", False, True)], {"support": monitor}, Counts())
    assert '# TYPE palier_calibrated gauge\npalier_calibrated{route="sales"} 0\n' in page
    assert 'palier_guarantee_broken{route="support"} 1\n' in page
    assert 'palier_promised_risk{route="support"} 0.1\n' in page
    assert 'palier_watched_answers_total{route="support"} 2\n' in page
    assert 'palier_watched_losses_total{route="support"} 1\n' in page
    assert page.endswith("\n")


def test_what_guards_said_is_counted() -> None:
    counts = Counts()
    said = Guarded(guard="cited", place="draft", action="climb", tier="t", took_ms=12.5)
    failed = Guarded(guard="cited", place="draft", action="pass", tier="t", failed=True, took_ms=2000)
    for rows in ((said,), (said, failed), ()):
        counts.take(msgspec.structs.replace(trace_of("a"), route="support", guards=rows))
    page = text([], {}, counts)
    labels = 'route="support",guard="cited",place="draft"'
    assert f'palier_guard_verdicts_total{{{labels},action="climb",failed="false"}} 2\n' in page
    assert f'palier_guard_verdicts_total{{{labels},action="pass",failed="true"}} 1\n' in page
    assert 'palier_guard_seconds_total{route="support",guard="cited"} 2.025\n' in page


def test_what_students_do_by_themselves_is_counted() -> None:
    counts = Counts()
    counts.shadows["support", "kept"] += 3
    counts.returned["support", "promise"] += 1
    page = text([], {}, counts)
    assert 'palier_shadow_requests_total{route="support",outcome="kept"} 3\n' in page
    assert 'palier_students_returned_total{route="support",cause="promise"} 1\n' in page


def test_it_is_served_to_who_shows_the_key(tmp_path: Path) -> None:
    write_script(tmp_path)
    with served(STAIRS, tmp_path) as gateway:
        assert httpx2.get(f"{gateway.url}/metrics").status_code == 401
        found = httpx2.get(f"{gateway.url}/metrics", headers=gateway.headers)
        assert found.status_code == 200
        assert found.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'palier_calibrated{route="support"} 0\n' in found.text
