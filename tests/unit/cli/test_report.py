"""`palier report`, without a gateway and through one."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from pathlib import Path

import httpx2
import msgspec
import pytest
from tests.serving import STAIRS, served, write_script
from typer.testing import CliRunner, Result

from palier.cli import app, terminal
from palier.server.admin import AdminServer
from palier.stores.folder import DataFolder
from palier.stores.traces import SqliteTraces
from palier.testing.traces import trace_of
from palier.types import Quantity

TOML = """
data = "data"
[models.small]
kind = "fake"
[models.large]
kind = "fake"
[routes.support]
[[routes.support.tiers]]
model = "small"
threshold = 0.5
[[routes.support.tiers]]
model = "large"
"""
EVIL = '=cmd|"/c calc"!A1'


def palier(*arguments: str, status: int = 0) -> Result:
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    done = CliRunner().invoke(app, list(arguments))
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    assert done.exit_code == status, done.output
    assert "Traceback" not in done.output
    return done


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty requests of the last hour, twelve of which climbed, and one of last year."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    Path("palier.toml").write_text(TOML)

    async def record() -> None:
        now = time.time()
        with DataFolder.claim(Path("data")) as folder:
            store = SqliteTraces.open(folder.traces)
            for n in range(30):
                climbed = n < 12
                trace = trace_of(f"t{n}", now - n, tier="tier-2" if climbed else "tier-1")
                small = msgspec.structs.replace(
                    trace.steps[0], outcome="climbed" if climbed else "answered", simulated=False
                )
                price = Quantity(value=0.01 + n / 1000, basis="measured")
                large = msgspec.structs.replace(small, tier="tier-2", outcome="answered", cost=price)
                steps = (small, large) if climbed else (small,)
                key = EVIL if n == 29 else "shop"
                await store.record(msgspec.structs.replace(trace, steps=steps, key=key))
            await store.record(trace_of("old", now - 400 * 86_400))
            await store.close()

    asyncio.run(record())
    return tmp_path


def test_it_says_what_went_by_and_what_was_saved(recorded: Path) -> None:
    shown = palier("report", "--since", "7d").output
    assert "support" in shown
    assert "40.0%" in shown
    assert "support, saved against always climbing to tier-2 (estimated):" in shown
    assert "18 requests at the mean of 12 that tier-2 worked on" in shown
    found = json.loads(palier("report", "--json").stdout)
    assert found["total"]["requests"] == 30
    assert found["total"]["energy"]["unknown"] == 30
    saved = found["saved"][0]["cost"]
    assert saved["value"] == pytest.approx(18 * 0.0155)
    assert saved["low"] < saved["value"] < saved["high"]
    assert json.loads(palier("report", "--since", "500d", "--json").stdout)["total"]["requests"] == 31


def test_a_spreadsheet_takes_no_name_for_a_formula(recorded: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(palier("report", "--by", "key", "--csv").stdout)))
    assert [(row["key"], row["requests"]) for row in rows] == [("shop", "29"), (f"'{EVIL}", "1")]
    assert rows[0]["cost_unknown"] == "0"
    assert float(rows[0]["cost"]) > 0


def test_what_is_not_known_is_no_zero_in_a_spreadsheet(recorded: Path) -> None:
    (row,) = csv.DictReader(io.StringIO(palier("report", "--csv").stdout))
    assert (row["energy"], row["energy_low"], row["energy_high"], row["energy_unknown"]) == ("", "", "", "30")


def test_a_budget_is_told_with_what_it_cannot_count(recorded: Path) -> None:
    terms = '[routes.support.budget]\nper = "month"\nsoft = 0.1\nhard_co2e = 5.0\n'
    words = ", over the soft limit of $0.1; 0.462 g CO2e of 5 g CO2e this month; the budget cannot count 30 requests"
    assert "budgets count" not in palier("report").output
    Path("palier.toml").write_text(TOML.replace("[[routes", terms + "[[routes", 1))
    shown = " ".join(palier("report").output.split())
    assert "support, budget: $0.1" in shown
    assert "budgets count audits too, and of a request with `?` the part that is known" in shown
    assert words in shown
    assert words in " ".join(palier("status").stdout.split())
    (budget,) = json.loads(palier("report", "--json").stdout)["budgets"]
    assert [side["uncounted"] for side in budget["sides"]] == [0, 30]


def test_what_is_asked_wrongly_is_said(recorded: Path) -> None:
    assert "is none of route, tier, key, team" in palier("report", "--by", "colour", status=2).output
    assert "is no time" in palier("report", "--since", "yesterday", status=2).output
    assert "is not before" in palier("report", "--since", "1h", "--until", "2020-01-01", status=2).output
    assert "nothing was asked" in palier("report", "--since", "2001-01-01", "--until", "2001-01-02").output


def test_through_a_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_script(tmp_path)
    Path("palier.toml").write_text(TOML)
    with served({"data": "data", **STAIRS}, tmp_path) as gateway:
        admin = AdminServer(gateway.palier, gateway.palier.folder.admin_socket)
        gateway.run(admin.__aenter__())
        body = {"model": "support", "messages": [{"role": "user", "content": "Bonjour"}]}
        assert httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=gateway.headers).status_code == 200
        found = json.loads(palier("report", "--json", "--by", "team").stdout)
        assert [(line["name"], line["answered"]) for line in found["lines"]] == [("(none)", 1)]
        gateway.run(admin.__aexit__())
