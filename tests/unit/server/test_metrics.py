"""The page for Prometheus, alone and served; read by Prometheus' own parser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from tests.serving import STAIRS, served, write_script

from palier.counting import Counts
from palier.drift.report import Alert
from palier.drift.report import Standing as Drift
from palier.routing.monitor import Monitor
from palier.server.metrics import Now, Standing, text
from palier.testing.traces import trace_of
from palier.types import Guarded

PROMTOOL = shutil.which("promtool")


def read(page: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Samples by name and labels, as Prometheus reads them."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            row = found.setdefault(sample.name, {})
            key = tuple(sorted(sample.labels.items()))
            assert key not in row
            row[key] = sample.value
    return found


def labels(**said: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(said.items()))


def test_each_route_and_what_is_watched_of_it() -> None:
    monitor = Monitor(alpha=0.1, delta=0.05).update(1.0).update(0.0)
    standings = (Standing("sales", False, False), Standing("support", False, True))
    page = text(Now(standings=standings, monitors={"support": monitor}), Counts())
    assert page.endswith("\n")
    found = read(page)
    assert found["palier_calibrated"][labels(route="sales")] == 0
    assert found["palier_guarantee_broken"] == {labels(route="sales"): 0, labels(route="support"): 1}
    assert found["palier_promised_risk"][labels(route="support")] == 0.1
    assert found["palier_watched_answers_total"][labels(route="support")] == 2
    assert found["palier_watched_losses_total"][labels(route="support")] == 1


def test_what_drifts_is_one_and_what_does_not_is_nought() -> None:
    alerts = tuple(
        Alert(id="a", at=1.0, route="support", signal=signal, state="drifting", effect=0.25)
        for signal in ("length", "sources/faq/stale")
    )
    evidence, seen = {"length": 900.0, "refused": 0.5}, {"length": 40, "refused": 50}
    standing = Drift(route="support", evidence=evidence, seen=seen, drifting=alerts, unsent=2)
    found = read(text(Now(drift=(standing,)), Counts()))
    drifting = {dict(at)["signal"]: value for at, value in found["palier_drifting"].items()}
    assert drifting == {"length": 1, "refused": 0, "sources/faq/stale": 1}
    assert found["palier_drift_evidence"][labels(route="support", signal="length")] == 900
    assert found["palier_drift_seen_total"][labels(route="support", signal="refused")] == 50
    assert found["palier_drift_effect"][labels(route="support", signal="sources/faq/stale")] == 0.25
    assert found["palier_drift_unsent"] == {labels(route="support"): 2}


def test_what_guards_said_is_counted() -> None:
    counts = Counts()
    said = Guarded(guard="cited", place="draft", action="climb", tier="t", took_ms=12.5)
    failed = Guarded(guard="cited", place="draft", action="pass", tier="t", failed=True, took_ms=2000)
    for rows in ((said,), (said, failed), ()):
        counts.take(msgspec.structs.replace(trace_of("a"), route="support", guards=rows))
    found = read(text(Now(), counts))
    cited = {"route": "support", "guard": "cited", "place": "draft"}
    verdicts = found["palier_guard_verdicts_total"]
    assert verdicts[labels(**cited, action="climb", failed="false")] == 2
    assert verdicts[labels(**cited, action="pass", failed="true")] == 1
    assert found["palier_guard_seconds_total"][labels(route="support", guard="cited")] == 2.025


def test_what_goes_by_is_counted_and_what_is_unknown_is_in_no_sum() -> None:
    counts = Counts()
    first = msgspec.structs.replace(trace_of("a"), timings={"first_ms": 300.0})
    counts.take(first)
    counts.take(trace_of("b", status="abstained", tier=None))
    found = read(text(Now(running=3, waiting=1, healthy={"small": True, "large": False}), counts))
    assert found["palier_requests_total"] == {
        labels(route="support", status="answered", tier="tier-1"): 1,
        labels(route="support", status="abstained", tier=""): 1,
    }
    assert found["palier_steps_total"][labels(route="support", tier="tier-1", outcome="climbed")] == 2
    assert found["palier_tokens_total"][labels(route="support", tier="tier-1", kind="prompt")] == 240
    assert found["palier_tokens_total"][labels(route="support", tier="tier-1", kind="completion")] == 18
    assert found["palier_cost_dollars_total"][labels(route="support")] == 0.00024
    assert "palier_energy_joules_total" not in found
    assert found["palier_unknown_total"][labels(route="support", what="energy")] == 2
    assert found["palier_request_seconds_count"][labels(route="support")] == 2
    assert found["palier_request_seconds_sum"][labels(route="support")] == 1.6245
    assert found["palier_first_words_seconds_count"][labels(route="support")] == 1
    assert found["palier_confidence_bucket"][labels(route="support", le="0.9")] == 2
    assert found["palier_confidence_bucket"][labels(route="support", le="0.8")] == 0
    assert found["palier_requests_running"][()] == 3
    assert found["palier_requests_waiting"][()] == 1
    assert found["palier_model_healthy"] == {labels(model="small"): 1, labels(model="large"): 0}


@given(
    st.lists(st.floats(0, 500), max_size=60),
    st.text(min_size=1, max_size=20).filter(lambda said: said.isprintable() or "\n" in said),
)
def test_buckets_add_up_and_any_name_is_read_back(seconds: list[float], route: str) -> None:
    counts = Counts()
    for n, took in enumerate(seconds):
        counts.take(msgspec.structs.replace(trace_of(str(n)), route=route, latency_ms=took * 1000))
    found = read(text(Now(departures={(route, "internal"): 2}), counts))
    assert found["palier_departures_total"][labels(destination=route, label="internal")] == 2
    buckets = [(float(dict(key)["le"]), value) for key, value in found.get("palier_request_seconds_bucket", {}).items()]
    for bound, value in buckets:
        assert value == sum(took * 1000 / 1000 <= bound for took in seconds)


def test_what_students_do_by_themselves_is_counted() -> None:
    counts = Counts()
    counts.shadows["support", "kept"] += 3
    counts.returned["support", "promise"] += 1
    found = read(text(Now(), counts))
    assert found["palier_shadow_requests_total"] == {labels(route="support", outcome="kept"): 3}
    assert found["palier_students_returned_total"] == {labels(route="support", cause="promise"): 1}


def test_it_is_served_to_who_shows_the_key(tmp_path: Path) -> None:
    write_script(tmp_path)
    with served(STAIRS, tmp_path) as gateway:
        assert httpx2.get(f"{gateway.url}/metrics").status_code == 401
        body = {"model": "support", "messages": [{"role": "user", "content": "Bonjour"}]}
        assert httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=gateway.headers).status_code == 200
        found = httpx2.get(f"{gateway.url}/metrics", headers=gateway.headers)
        assert found.status_code == 200
        assert found.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        page = read(found.text)
        assert page["palier_calibrated"][labels(route="support")] == 0
        assert sum(page["palier_requests_total"].values()) == 1
        assert page["palier_first_words_seconds_count"][labels(route="support")] == 1
        assert all(page["palier_model_healthy"].values())


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on the PATH: it comes with Prometheus")
def test_promtool_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    assert PROMTOOL is not None
    write_script(tmp_path)
    routes = {"support": {**STAIRS["routes"]["support"], "budget": {"soft": 1.0, "hard": 2.0, "uncounted": "allow"}}}
    with served({**STAIRS, "routes": routes}, tmp_path) as gateway:
        body = {"model": "support", "messages": [{"role": "user", "content": "Bonjour"}]}
        assert httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=gateway.headers).status_code == 200
        page = httpx2.get(f"{gateway.url}/metrics", headers=gateway.headers).text
    assert "palier_budget_limit{" in page
    ran = subprocess.run([PROMTOOL, "check", "metrics"], input=page, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")
