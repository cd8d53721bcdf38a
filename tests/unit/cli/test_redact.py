"""`palier redact` and `palier restore`: filters that need no settings and no data folder, and say no value aloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from palier.cli import app
from palier.types import JSON

TEXT = "Je suis née le 12/03/1985, marie@exemple.fr, 06 12 34 56 78 ou 0612345678. Client C-1234."


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PALIER_CONFIG", raising=False)


def ran(arguments: list[str], lines: list[JSON] | str, status: int = 0) -> tuple[list[JSON], str]:
    given = lines if isinstance(lines, str) else "".join(json.dumps(line) + "\n" for line in lines)
    done = CliRunner().invoke(app, arguments, input=given)
    assert done.exit_code == status, done.output
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_out_and_back() -> None:
    (line,), said = ran(["redact", "--no-names"], [{"id": 7, "text": TEXT}])
    assert line["id"] == 7
    assert [entity["type"] for entity in line["entities"]] == ["BIRTH_DATE", "EMAIL", "PHONE", "PHONE"]
    for entity in line["entities"]:
        assert TEXT[entity["start"] : entity["end"]] == entity["text"] == line["map"][entity["placeholder"]]
        assert entity["text"] not in line["text"]
        assert 0.5 <= entity["score"] <= 1
    assert "only patterns are active" in said
    assert ran(["restore"], [line])[0] == [{"id": 7, "text": TEXT}]
    assert list(Path().iterdir()) == []


def test_settings_are_used_where_there_are_some() -> None:
    Path("palier.toml").write_text(
        '[redaction]\nnames = "off"\nentities = ["CLIENT"]\npatterns = { CLIENT = "C-[0-9]+" }\n'
    )
    (line,), _ = ran(["redact"], [{"id": 1, "text": TEXT}])
    assert [entity["text"] for entity in line["entities"]] == ["C-1234"]


def test_settings_that_were_named_and_are_not_there() -> None:
    assert "does not exist" in ran(["redact", "--config", "other.toml"], [], status=2)[1]


def test_a_bad_line_gives_its_error_in_place_and_no_value() -> None:
    lines = [{"id": 1}, {"id": 2, "text": 5}, {"id": 3, "text": ""}]
    out, _ = ran(["redact", "--no-names"], lines, status=1)
    assert [line["id"] for line in out] == [1, 2, 3]
    assert ["error" in line for line in out] == [True, True, False]
    assert out[2] == {"id": 3, "text": "", "entities": [], "map": {}}
    bad = [
        {"id": 1, "text": "x", "map": {"<PHONE_1>": "0612345678"}},
        {"id": 2, "text": "x", "map": ["0612345678"]},
        {"id": 3, "text": "x"},
        {"id": 4, "text": "x", "map": {"<PHONE_1_K7Q2>": {"secret": "0612345678"}}},
    ]
    out, said = ran(["restore"], bad, status=1)
    assert all(line["error"]["code"] == "invalid_request" for line in out)
    assert "0612345678" not in json.dumps(out) + said


def test_what_was_missed_is_said() -> None:
    line = {"id": 1, "text": "<PHONE_1_K7Q2> or <PHONE_2_K7Q2>", "map": {"<PHONE_1_K7Q2>": "0612345678"}}
    assert ran(["restore"], [line])[0] == [
        {"id": 1, "text": "0612345678 or <PHONE_2_K7Q2>", "missed": ["<PHONE_2_K7Q2>"]}
    ]
