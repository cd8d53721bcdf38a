"""lm-eval against a real gateway: chat, raw completions, and log-likelihood by `echo`, on a task of our own.

It has an environment of its own, made for the test (about 750 MB), or the one whose python `PALIER_LM_EVAL` names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serving import Served, served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HERE = Path(__file__).parent / "lm_eval"
CITIES = [json.loads(line) for line in (HERE / "cities.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter that has lm-eval."""
    if named := os.environ.get("PALIER_LM_EVAL"):
        return named
    folder = tmp_path_factory.mktemp("lm-eval")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    made = str(folder / "bin" / "python")
    subprocess.run([made, "-m", "pip", "install", "--quiet", "lm-eval[api]==0.4.13"], check=True)
    return made


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("cities")
    rules: list[dict[str, Any]] = [
        {"pattern": city["question"].replace("?", r"\?") + "$", "answer": f"{city['answer']}\nAnd more."}
        for city in CITIES
    ]
    (folder / "script.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in [*rules, {"answer": "more"}]))
    tree = {
        "models": {"scripted": {"kind": "fake", "file": "script.jsonl"}},
        "routes": {"support": {"tiers": [{"model": "scripted", "highest_label": "internal"}]}},
    }
    with served(tree, folder) as running:
        yield running


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    tree = {
        "models": {"small": {"kind": "engine", "weights": "smollm2-135m"}},
        "routes": {"support": {"tiers": [{"model": "small"}]}},
    }
    with served(tree, tmp_path_factory.mktemp("engine")) as running:
        yield running


def evaluate(python: str, gateway: Served, wire: str, task: str) -> dict[str, float]:
    """The metrics that lm-eval finds."""
    done = subprocess.run(
        [python, str(HERE / "run.py"), gateway.base_url, "support", wire, task],
        env={
            **os.environ,
            "OPENAI_API_KEY": gateway.key,
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(gateway.palier.folder.path / "hf"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("wire", ["chat", "raw"])
def test_generation(python: str, backend: Served, wire: str) -> None:
    assert evaluate(python, backend, wire, "cities_generate")["exact_match,none"] == 1.0


def test_log_likelihood(python: str, backend: Served) -> None:
    """The scripted model finds every token equally likely: the shortest choice wins, and is the right one."""
    assert evaluate(python, backend, "raw", "cities_choose")["acc,none"] == 1.0


@pytest.mark.engine
@pytest.mark.parametrize("wire", ["chat", "raw"])
def test_generation_by_the_embedded_engine(python: str, engine: Served, wire: str) -> None:
    """That it runs is what is tested: so small a model knows no cities."""
    assert 0.0 <= evaluate(python, engine, wire, "cities_generate")["exact_match,none"] <= 1.0
