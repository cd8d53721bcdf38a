"""`palier drift`: lines of JSON, a data folder alone, and through a gateway."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.serving import STAIRS, served, write_script
from typer.testing import CliRunner, Result

from palier.cli import app, terminal
from palier.server.admin import AdminServer
from palier.stores.folder import DataFolder
from palier.stores.traces import SqliteTraces
from palier.testing.traces import trace_of

DAY_S = 86_400.0
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


def palier(*arguments: str, status: int = 0, given: str = "") -> Result:
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    done = CliRunner().invoke(app, ["drift", *arguments], input=given)
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    assert done.exit_code == status, done.output
    assert "Traceback" not in done.output
    return done


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    return tmp_path


def lines(n: int, seed: int, climbing: float, **more: Any) -> str:
    rng = np.random.default_rng(seed)
    asked = (
        {"id": str(k), "escalated": bool(rng.random() < climbing), "vector": rng.normal(size=3).tolist(), **more}
        for k in range(n)
    )
    return "".join(json.dumps(one) + "\n" for one in asked)


def test_lines_of_now_are_compared_with_those_of_before(here: Path) -> None:
    (here / "ref.jsonl").write_text(lines(300, 11, 0.2))
    done = palier("--reference", "ref.jsonl", "--json", given=lines(200, 2, 0.6), status=3)
    found = json.loads(done.stdout)
    by_name = {one["signal"]: one for one in found["findings"]}
    assert [name for name, one in by_name.items() if one["drifts"]] == ["escalated"]
    assert by_name["escalated"]["low"] < by_name["escalated"]["effect"] < by_name["escalated"]["high"]
    assert by_name["topics"]["p"] is not None
    (here / "now.jsonl").write_text(lines(200, 3, 0.2))
    done = palier("--reference", "ref.jsonl", "--now", "now.jsonl")
    assert "no drift found" in done.stdout
    assert "not told: too few" in done.stdout


def test_texts_are_embedded(here: Path) -> None:
    (here / "ref.jsonl").write_text("".join(json.dumps({"text": f"where is my parcel {n}"}) + "\n" for n in range(120)))
    now = "".join(json.dumps({"text": f"a recipe of pancakes for {n}"}) + "\n" for n in range(40))
    found = json.loads(palier("--reference", "ref.jsonl", "--json", given=now, status=3).stdout)
    assert [one["signal"] for one in found["findings"] if one["drifts"]] == ["topics", "novelty"]


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ('{"confidence": "high"}', "line 1 of -: `confidence` is a number"),
        ('{"confidence": 1}\n[1]\n', "line 2: the line is not a JSON object"),
        ('{"vector": [1, 2]}\n{"text": "x"}', "vectors of several encoders cannot be compared"),
    ],
)
def test_a_bad_line_stops_it(here: Path, now: str, words: str) -> None:
    (here / "ref.jsonl").write_text(lines(3, 1, 0.2))
    assert words in palier("--reference", "ref.jsonl", given=now, status=2).output


def test_what_cannot_be_compared_is_wrong_usage(here: Path) -> None:
    (here / "palier.toml").write_text(TOML)
    assert "there is no route `sales`" in palier("sales", status=2).output
    assert "is no window" in palier("--against", "30d", status=2).output
    assert "--against def is no time" in palier("--against", "30d..def", status=2).output
    assert "--until def is no time" in palier("--until", "def", status=2).output
    assert "have requests in common" in palier("--against", "30d..1d", status=2).output
    assert "ends after it begins" in palier("--against", "1d..30d", status=2).output
    assert "the level is 0.7" in palier("--level", "0.7", status=2).output
    assert "cannot be read" in palier("--reference", "absent.jsonl", status=2).output


@pytest.fixture
def recorded(here: Path) -> Path:
    """Three weeks of requests of which a fifth climbed, then one in which most did."""
    (here / "palier.toml").write_text(TOML)

    async def record() -> None:
        now, rng = time.time(), np.random.default_rng(4)
        with DataFolder.claim(Path("data")) as folder:
            store = SqliteTraces.open(folder.traces)
            traces = []
            for n in range(400):
                days = 27.5 - n / 15
                trace = trace_of(f"t{n}", now - days * DAY_S)
                climbed = rng.random() < (0.2 if days > 7 else 0.7)
                step = msgspec.structs.replace(trace.steps[0], outcome="climbed" if climbed else "answered")
                traces.append(msgspec.structs.replace(trace, steps=(step,)))
            await asyncio.gather(*map(store.record, traces))
            await store.close()

    asyncio.run(record())
    return here


def test_a_week_is_compared_with_the_three_before(recorded: Path) -> None:
    found = json.loads(palier("support", "--since", "7d", "--against", "30d..7d", "--json", status=3).stdout)
    assert (found["route"], found["now"]["n"] + found["reference"]["n"]) == ("support", 400)
    assert "no drift found" in palier("--since", "14d", "--until", "7d").stdout


def test_a_running_gateway_answers_and_begins_anew(here: Path) -> None:
    write_script(here)
    (here / "palier.toml").write_text('data = "data"\n')
    with served({"data": "data", **STAIRS, "drift": {"enabled": True}}, here) as gateway:
        admin = AdminServer(gateway.palier, gateway.palier.folder.admin_socket)
        gateway.run(admin.__aenter__())
        assert "say which route" in palier(status=2).output
        untold = json.loads(palier("stairs", "--json", status=3).stdout)["findings"][0]["untold"]
        assert untold == "too few (in the reference)"
        assert palier("stairs", status=3).stdout.splitlines()[0].startswith("nothing could be judged")
        assert "no drift found" not in palier("stairs", status=3).output
        assert "stairs: drift: begun anew" in palier("stairs", "--renew").output
        assert "begun anew" in gateway.run(gateway.palier.drift.words())["stairs"]
        gateway.run(admin.__aexit__())
