"""`palier models`: filters, published scores with their page, and what was measured here beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.evals.reports.test_results import candidate, keep
from typer.testing import CliRunner

from palier.cli import app

TOML = """
[models.ours]
kind = "engine"
weights = "smollm2-135m"
[models.mystery]
kind = "engine"
weights = "mine.gguf"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "palier.toml"
    file.write_text(TOML)
    return file


def run(config: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["models", "--config", str(config), *arguments])


def listed(config: Path, *arguments: str) -> dict[str, Any]:
    return {card["name"]: card for card in map(json.loads, run(config, "--json", *arguments).stdout.splitlines())}


def test_filters_hold_together_and_say_what_they_left_out(config: Path) -> None:
    asked = ("--max-params", "4B", "--licence", "apache-2.0", "--context", "8k", "--language", "fr", "--on-premises",
             "--trains", "--customisation", "lora")  # fmt: skip
    assert set(listed(config, *asked)) == {"qwen2.5-0.5b", "ministral-3-3b"}
    said = " ".join(run(config, *asked).stderr.split())
    assert "left out, since their cards do not say: 3: qwen3-0.6b (languages)" in said


def test_nothing_that_fits_is_said_too(config: Path) -> None:
    done = run(config, "--max-params", "1", "--licence", "mit")
    assert done.exit_code == 0
    assert "no model of the catalogue is known to fit" in done.stderr


def test_a_wrong_count_is_wrong_usage(config: Path) -> None:
    done = run(config, "--max-params", "two")
    assert done.exit_code == 2
    assert "for example 2B" in done.stderr


def test_published_scores_stand_with_their_page(config: Path) -> None:
    scores = {score["name"]: score for score in listed(config)["llama-3.2-3b"]["benchmarks"]}
    assert scores["MMLU"]["score"] == 63.4
    assert scores["MMLU in French"]["note"] == "5-shot"
    shown = run(config, "--licence", "llama").stdout
    assert "MMLU 63.4 %, 5-shot (https://github.com/meta-llama/" in shown


def test_clouds_have_their_published_price(config: Path) -> None:
    assert listed(config)["gpt-4o-mini"]["price"]["input"] > 0
    assert listed(config)["qwen3-4b"]["price"] is None


def test_results_of_this_installation_stand_beside_the_card(config: Path, tmp_path: Path) -> None:
    keep(tmp_path / ".palier", "run", candidate("ours", 0.812), candidate("mystery", 0.25, simulated=True))
    (result,) = listed(config)["smollm2-135m"]["results"]
    assert (result["model"], result["quality"]["value"], result["suite"]) == ("ours", 0.812, "armorique")
    shown = run(config).stdout
    assert "ours on armorique 2 (holdout, 40 cases, 2001-09-" in shown
    assert "accuracy 0.812 [0.712 to 1.000]; a request: $0.001 [$0 to $0.002] (estimated), unknown" in shown
    assert "mystery  not in the catalogue" in shown
    assert "mystery, simulated on armorique" in shown
    assert "mystery" not in run(config, "--licence", "mit").stdout


def test_a_report_cannot_write_to_the_terminal(config: Path, tmp_path: Path) -> None:
    keep(tmp_path / ".palier", "run", candidate("ours", 0.8), suite="\x1b[2Jwiped")
    (tmp_path / ".palier" / "bench" / "reports" / "b\x1b[2J.json").write_bytes(b"{")
    done = run(config)
    assert "\x1b" not in done.stdout + done.stderr
    assert "wiped" in done.stdout
    assert done.exit_code == 0
