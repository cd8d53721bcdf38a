"""`palier distill ROUTE --student lora`: wrong usage is said; what is done is shown, with both engines side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests import tiny_gguf
from typer.testing import CliRunner

from palier.cli import app

SETTINGS = """
[models.quote]
kind = "extract"
[models.small]
kind = "engine"
weights = "tiny.gguf"
context = 256
threads = 1
[routes.support]
tiers = [{ model = "quote" }, { model = "small", system = "Answer." }]
[routes.quotes]
tiers = [{ model = "quote" }]
"""
LORA = ("--student", "lora", "--threads", "1")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gguf", reason="the extra `train` is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    tiny_gguf.write(tmp_path / "tiny.gguf")
    (tmp_path / "palier.toml").write_text(SETTINGS)
    lines = [{"question": f"What is {n}?", "answer": f"{n + 1}", "label": "internal"} for n in range(12)]
    (tmp_path / "lessons.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def ran(*arguments: str, status: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(app, ["distill", *arguments])
    assert done.exit_code == status, done.output
    return done.stdout, " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", *LORA, "--lessons", "lessons.jsonl", "-o", "out"), "there is no route `nowhere`"),
        (("quotes", *LORA, "--lessons", "lessons.jsonl", "-o", "out"), "no tier of route `quotes` is served by"),
        (("support", *LORA, "--lessons", "none.jsonl", "-o", "out"), "none.jsonl cannot be read"),
        ((*LORA, "--base", "gone.gguf", "--lessons", "lessons.jsonl", "-o", "out"), "the weights are not there"),
        (("support", *LORA, "--length", "8", "--lessons", "lessons.jsonl", "-o", "out"), "0 lessons fit in 8 tokens"),
    ],
)
def test_wrong_usage_is_said_and_nothing_written(arguments: tuple[str, ...], said: str) -> None:
    assert said in ran(*arguments, status=2)[1]
    assert not Path("out").exists()


@pytest.mark.slow
def test_it_teaches_and_shows_both_engines_and_does_it_once(tmp_path: Path) -> None:
    for name in ("torch", "transformers", "peft"):
        pytest.importorskip(name, reason="the extra `train` is not installed")
    command = (
        "support",
        *LORA,
        "--lessons",
        "lessons.jsonl",
        "-o",
        "out",
        "--steps",
        "4",
        "--rank",
        "2",
        "--check",
        "2",
    )
    out, err = ran(*command, "--json")
    report = json.loads(out)
    assert "teaching on cpu: 12 lessons" in err
    lineage = report["lineage"]
    assert (lineage["route"], lineage["label"], lineage["lessons"]) == ("support", "internal", 12)
    assert report["loss"] > 0
    fidelity = report["fidelity"]
    assert fidelity["prompts"] == 2
    assert fidelity["adapter"]["mean_difference"] < 0.05
    assert fidelity["adapter"]["same_token"] > 0.9
    assert {file.name for file in Path("out").iterdir()} >= {"adapter.gguf", "adapter.json", "peft", "curve.jsonl"}

    again, err = ran(*command[:-1], "0")
    assert "out/adapter.gguf: 12 lessons, internal, for tiny.gguf" in again
    assert "teaching on" not in err
    assert "another plan: seed differ" in ran(*command, "--seed", "3", status=2)[1]
    _refused_on_another_base(tmp_path)


def _refused_on_another_base(tmp_path: Path) -> None:
    """A gateway that was given the adapter beside other weights says so."""
    from palier.errors import ConfigurationError
    from palier.models import adapters

    other = tiny_gguf.write(tmp_path / "other.gguf", seed=5)
    with pytest.raises(ConfigurationError, match=r"taught on other weights: tiny\.gguf"):
        adapters.check("support", Path("out/adapter.gguf"), other)
