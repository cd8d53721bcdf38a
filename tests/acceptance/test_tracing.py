"""A request, seen at a collector of OpenTelemetry; and a collector that is away, which no request feels."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.collectors import Collector, check, collecting, said
from tests.serving import STAIRS, Served, served, write_script

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def asked(gateway: Served, question: str, **headers: str) -> httpx2.Response:
    body = {"model": "stairs", "messages": [{"role": "user", "content": question}]}
    return httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers={**gateway.headers, **headers})


def settings(collector: Collector, **telemetry: Any) -> dict[str, Any]:
    return {"data": "data", **STAIRS, "telemetry": {"otlp": collector.url, "every_s": 0.1, **telemetry}}


def test_it_is_one_trace_with_that_of_who_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_KEY", "Bearer of-the-collector")
    write_script(tmp_path)
    with collecting() as collector:
        with served(settings(collector, authorization_env="COLLECTOR_KEY"), tmp_path) as gateway:
            assert asked(gateway, "count", traceparent=TRACEPARENT).status_code == 200
            assert asked(gateway, "count", traceparent=f"{TRACEPARENT[:-2]}00").status_code == 200
            assert asked(gateway, "count", traceparent="00-nonsense").status_code == 200
        spans = collector.spans
        given = [span for span in spans if span.trace_id.hex() == TRACEPARENT[3:35]]
        check(given)
        own = [span for span in spans if span not in given]
        check(own)
        assert {span.name for span in given} >= {"invoke_workflow stairs", "decision"}
        (root,) = [span for span in given if span.parent_span_id.hex() == TRACEPARENT[36:52]]
        assert said(root)["palier.status"] == "answered"
        assert {headers["Authorization"] for headers in collector.headers} == {"Bearer of-the-collector"}
        assert b"count" not in b"".join(collector.bodies)
        page = "".join(collector.bodies[0].decode())
        assert "of-the-collector" not in page


def test_words_go_along_where_the_settings_say_so_up_to_their_label(tmp_path: Path) -> None:
    write_script(tmp_path)
    with collecting() as collector:
        with served(settings(collector, content=True), tmp_path) as gateway:
            assert asked(gateway, "count").status_code == 200
            assert asked(gateway, "a secret place", **{"X-Palier-Label": "restricted"}).status_code == 200
        words = b"".join(collector.bodies)
        assert b"one two three four five" in words
        assert b"a secret place" not in words


def test_no_request_waits_for_a_collector_that_is_away(tmp_path: Path) -> None:
    write_script(tmp_path)
    with collecting() as collector:
        pass
    with served(settings(collector), tmp_path) as gateway:
        began = time.monotonic()
        for _ in range(5):
            assert asked(gateway, "count").status_code == 200
        time.sleep(0.5)
        page = httpx2.get(f"{gateway.url}/metrics", headers=gateway.headers).text
        assert 'palier_spans_requests_total{became="sent"} 0' in page
        assert "palier_spans_failing 1" in page
    assert time.monotonic() - began < 20
