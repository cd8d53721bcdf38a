"""`palier distill` and `palier predict`: what is wrong is said, what is right becomes a file that answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.heads import DIMENSION, ENCODER, embed, examples, taught
from typer.testing import CliRunner

from palier.cli import app
from palier.retrieval import encoder, sentence_model

LINES = [{"id": i, "text": row.text, "label": row.label, "mood": 1} for i, row in enumerate(examples(20).rows)]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder of words stands in for the sentence model, which takes a second to load."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    monkeypatch.setattr(sentence_model, "embed", embed)
    monkeypatch.setattr(sentence_model, "name", lambda: ENCODER)
    monkeypatch.setattr(sentence_model, "DIMENSION", DIMENSION)
    monkeypatch.setattr(encoder.SentenceEncoder, "dimension", DIMENSION)


def ran(*arguments: str, lines: Any = (), status: int = 0) -> tuple[str, str]:
    given = lines if isinstance(lines, str) else "".join(json.dumps(line) + "\n" for line in lines)
    done = CliRunner().invoke(app, list(arguments), input=given)
    assert done.exit_code == status, done.output
    return done.stdout, done.stderr


def made(*more: str) -> tuple[str, str]:
    Path("examples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return ran("distill", "--student", "head", "--examples", "examples.jsonl", "-o", "intent.head", *more)


def test_it_teaches_and_says_what_that_is_worth() -> None:
    out, err = made("--json", "--licence", "our own", "--source", "messages of 2026")
    report = json.loads(out)
    assert (report["n"], report["labels"], report["reads"]) == (80, 4, report["reads"])
    assert report["accuracy"]["low"] <= report["accuracy"]["value"] <= report["accuracy"]["high"]
    assert report["macro_f1"]["value"] > 0.5
    assert report["calibration_error"] >= 0
    assert report["seconds"] > 0
    assert report["size"] == Path("intent.head").stat().st_size
    assert len(report["tried"]) == 9
    assert "unknown field `mood` in 80 lines was not read" in err


def test_it_tells_a_person_too() -> None:
    out, _ = made()
    assert "4 labels from 80 examples" in out
    assert "accuracy" in out
    assert out.count("chosen") == 1


def test_what_was_taught_predicts_line_by_line() -> None:
    made()
    lines = [{"id": "a", "text": "terminate it"}, {"id": "b"}, {"id": "c", "text": "how much, the price"}]
    out, _ = ran("predict", "--model", "intent.head", lines=lines, status=1)
    first, second, third = map(json.loads, out.splitlines())
    assert (first["id"], first["label"]) == ("a", "terminate my contract")
    assert 0.25 < first["probability"] <= 1
    assert second["error"]["code"] == "invalid_request"
    assert (third["id"], third["label"]) == ("c", "ask for the price")
    assert "probabilities" not in third


def test_all_probabilities_where_they_are_asked_for() -> None:
    made()
    Path("in.jsonl").write_text('{"id": 1, "text": "terminate it"}\n')
    line = json.loads(ran("predict", "--model", "intent.head", "--probabilities", "in.jsonl")[0])
    assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert max(line["probabilities"].values()) == line["probability"]


def test_a_bad_line_aborts_before_anything_is_written() -> None:
    lines = [*LINES, {"text": "x"}]
    _, err = ran("distill", "-e", "-", "-o", "intent.head", lines=lines, status=2)
    assert "line 81" in err
    assert "label" in err or "answer" in err
    assert not Path("intent.head").exists()
    _, err = ran("distill", "-e", "-", "-o", "intent.head", "--skip-bad", lines=lines)
    assert "1 bad lines were left out" in err
    assert Path("intent.head").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--student", "lora", "-e", "-", "-o", "x"), "an adapter is taught by --lessons"),
        (("--student", "head", "--lessons", "-", "-o", "x"), "a head is taught by --examples"),
        (("--student", "lora", "--lessons", "-", "-o", "x"), "nothing says which model is taught"),
        (("--student", "tree", "-e", "-", "-o", "x"), "--student is `tree`"),
        (("-e", "none.jsonl", "-o", "x"), "none.jsonl cannot be read"),
        (("-e", "-", "-o", "nowhere/x"), "nowhere is no folder"),
        (("-e", "-", "-o", "x"), "there are 0 examples"),
    ],
)
def test_wrong_usage_is_said_and_nothing_written(arguments: tuple[str, ...], said: str) -> None:
    assert said in " ".join(ran("distill", *arguments, status=2)[1].split())
    assert not list(Path().iterdir())


def test_an_old_head_is_left_as_it_was_where_teaching_fails() -> None:
    made()
    before = Path("intent.head").read_bytes()
    ran("distill", "-e", "-", "-o", "intent.head", lines=LINES[:3], status=2)
    assert Path("intent.head").read_bytes() == before


def test_a_head_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cannot be read" in ran("predict", "--model", "none.head", lines=[], status=2)[1]
    Path("bad.head").write_bytes(b"PK\x03\x04 hello")
    assert "no head that can be used" in ran("predict", "--model", "bad.head", lines=[], status=2)[1]
    Path("intent.head").write_bytes(taught(("embedding",)).content)
    monkeypatch.setattr(sentence_model, "name", lambda: "words/2")
    assert "was taught with the encoder words/1" in ran("predict", "--model", "intent.head", lines=[], status=2)[1]


def test_labels_never_reach_the_terminal_raw() -> None:
    lines = [{**line, "label": f"{line['label']}\x1b[31m"} for line in LINES]
    ran("distill", "-e", "-", "-o", "intent.head", lines=lines)
    out, _ = ran("predict", "--model", "intent.head", lines=[{"id": 1, "text": "terminate it"}])
    assert "\x1b" not in out
    assert json.loads(out)["label"].endswith("\x1b[31m")
