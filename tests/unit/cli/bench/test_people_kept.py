"""`palier bench people` over answers that a benchmark kept: nothing is asked again, and nothing is made up."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from palier.app.bench import open_bench
from palier.cli import app
from palier.config import load
from palier.evals.runs.candidates import resolve
from palier.evals.runs.running import Options
from palier.evals.suites.suite import load as load_suite

TOML = """
data = "data"
[models.small]
kind = "fake"
file = "small.jsonl"
[models.large]
kind = "fake"
file = "large.jsonl"
[routes.support]
tiers = [{ model = "small", threshold = 0.99, highest_label = "restricted" }, { model = "large", highest_label = "internal" }]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "palier.toml").write_text(TOML)
    (tmp_path / "small.jsonl").write_text('{"answer": "small words"}\n')
    (tmp_path / "large.jsonl").write_text('{"answer": "large words"}\n')
    lines = [{"id": f"c{n}", "input": f"Question {n}?", "reference": f"Reference {n}."} for n in range(3)]
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def people(folder: Path, keys: str, *more: str) -> tuple[int, str, str]:
    arguments = ["bench", "people", str(folder / "cases.jsonl"), "-c", str(folder / "palier.toml")]
    arguments += ["--candidates", "tier-1,tier-2", "--to", str(folder / "human.jsonl"), "--rater", "ana", *more]
    result = CliRunner().invoke(app, arguments, input="".join(f"{key}\n" for key in keys))
    return result.exit_code, result.stdout, result.stderr


async def answered(folder: Path) -> None:
    suite, settings = load_suite(folder / "cases.jsonl"), load(folder / "palier.toml")
    async with open_bench(settings, resolve(suite, settings, ["tier-1", "tier-2"])) as bench:
        await bench.run(suite, suite.cases, await bench.entrants(), Options())


def test_answers_that_were_run_are_scored_and_the_command_goes_on(folder: Path) -> None:
    status, _, err = people(folder, "")
    assert status == 2
    assert "nothing was run" in err
    asyncio.run(answered(folder))
    status, out, err = people(folder, "51q")
    assert status == 0
    assert "1 cases scored" in err
    assert "small words" in out
    assert "tier" not in out
    status, out, err = people(folder, "5151")
    assert "2 cases scored" in err
    assert "--human" in err
    lines = [json.loads(line) for line in (folder / "human.jsonl").read_text().splitlines()]
    assert len({(line["id"], line["candidate"]) for line in lines}) == len(lines) == 6
    status, _, err = people(folder, "")
    assert (status, "nothing to score: 6 answers are scored by ana" in err) == (0, True)
    (folder / "human.jsonl").write_text('{"id": "c0", "candidate": "tier-1", "score": 7}\n')
    status, _, err = people(folder, "")
    assert status == 2
    assert "line 1: `score` is 7" in err
