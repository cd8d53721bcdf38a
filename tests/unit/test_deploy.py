"""What stands in deploy/ names figures that the gateway has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from palier.counting import Counts
from palier.server.metrics import Now, text

ROOT = Path(__file__).parents[2]
PROMTOOL = shutil.which("promtool")
NAME = re.compile(r"\bpalier_[a-z_]+")
SERIES = re.compile(r"(_bucket|_sum|_count)$")


def families() -> set[str]:
    return set(re.findall(r"^# TYPE (\S+)", text(Now(), Counts()), re.MULTILINE))


def named(said: str) -> set[str]:
    return {SERIES.sub("", name) for name in NAME.findall(said)}


def test_alerts_and_the_table_of_figures_are_of_those_that_there_are() -> None:
    alerts = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text("utf-8")
    expressions = "\n".join(line for line in alerts.splitlines() if "palier_" in line)
    assert named(expressions)
    assert named(expressions) <= families()
    page = (ROOT / "docs" / "how-to" / "watch-with-prometheus.md").read_text("utf-8")
    assert named(page) == families()


def test_the_dashboard_asks_for_what_there_is() -> None:
    board: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "palier.json").read_text("utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert named("\n".join(asked)) <= families()
    assert named("\n".join(asked)) >= {"palier_requests_total", "palier_cost_dollars_total", "palier_departures_total"}
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on the PATH: it comes with Prometheus")
@pytest.mark.parametrize(("what", "file"), [("check", "alerts.yml"), ("test", "alerts.test.yml")])
def test_prometheus_takes_the_alerts_and_each_comes_when_it_is_due(what: str, file: str) -> None:
    assert PROMTOOL is not None
    folder = ROOT / "deploy" / "prometheus"
    ran = subprocess.run([PROMTOOL, what, "rules", file], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_is_tested() -> None:
    folder = ROOT / "deploy" / "prometheus"
    alerts = re.findall(r"- alert: (\w+)", (folder / "alerts.yml").read_text("utf-8"))
    tests = (folder / "alerts.test.yml").read_text("utf-8")
    due = set(re.findall(r"alertname: (\w+)\n +exp_alerts", tests))
    assert due == set(alerts)
    assert set(re.findall(r"alertname: (\w+)\}", tests)) >= set(alerts)
