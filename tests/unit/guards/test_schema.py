"""JSON that follows a schema, or is repaired where nothing has to be guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from tests.heads import WordEncoder

from palier.config import Guard
from palier.errors import ConfigurationError, InvalidRequest
from palier.guards.schema import build, repaired
from palier.interfaces import Resources
from palier.interfaces.guarding import Context, Verdict
from palier.types import Parameters

pytest.importorskip("jsonschema_rs")
SCHEMA = {
    "type": "object",
    "properties": {"price": {"type": "number"}},
    "required": ["price"],
    "additionalProperties": False,
}


def resources(folder: Path) -> Resources:
    return Resources(cast(Any, None), WordEncoder(), cast(Any, None), folder, lambda name: folder / name)


DRAFT = Context()


async def said(folder: Path, text: str, context: Context = DRAFT, *, file: str = "schema.json") -> Verdict:
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    return await build("s", Guard(kind="schema", file=file), resources(folder)).check(text, context)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ('{"price": 3}', "pass"),
        ('```json\n{"price": 3}\n```', "mend"),
        ('Here it is: {"price": 3}. Anything else?', "mend"),
        ('{"price": 3,}', "mend"),
        ('{"price": "3"}', "climb"),
        ('{"cost": 3}', "climb"),
        ("no price", "climb"),
        ("", "climb"),
        ("[" * 100_000, "climb"),
    ],
)
async def test_what_holds_is_mended_or_climbs(tmp_path: Path, text: str, action: str) -> None:
    verdict = await said(tmp_path, text)
    assert verdict.action == action
    if action == "mend":
        assert json.loads(verdict.text) == {"price": 3}
    if action == "climb":
        assert "Anything" not in verdict.reason


async def test_the_clients_own_schema_counts_where_there_is_no_file(tmp_path: Path) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    asked = Context(place="draft", parameters=Parameters(response_format=form))
    assert (await said(tmp_path, "words", file="")).action == "pass"
    assert (await said(tmp_path, "words", asked, file="")).action == "climb"
    assert (await said(tmp_path, '{"price": 3}', asked, file="")).action == "pass"
    anything = Context(place="draft", parameters=Parameters(response_format={"type": "json_object"}))
    assert (await said(tmp_path, "words", anything, file="")).action == "climb"
    assert (await said(tmp_path, "{}", anything, file="")).action == "pass"


def test_a_file_that_is_no_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"type": "numbr"}')
    for file in ("none.json", "bad.json"):
        with pytest.raises(ConfigurationError, match="guard `s`"):
            build("s", Guard(kind="schema", file=file), resources(tmp_path))
    assert repaired("nothing") == "nothing"


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/x", "file:///etc/hostname", "other.json"])
async def test_what_a_clients_schema_refers_to_is_not_fetched(tmp_path: Path, reference: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": reference}}}
    guard = build("s", Guard(kind="schema"), resources(tmp_path))
    with pytest.raises(InvalidRequest, match="cannot be used"):
        await guard.check("{}", Context(parameters=Parameters(response_format=form)))
