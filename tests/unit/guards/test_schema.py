"""JSON that follows a schema, or is repaired where nothing has to be guessed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from tests.heads import WordEncoder

from palier.config import Guard
from palier.errors import ConfigurationError, InvalidRequest
from palier.guards.schema import Schema, build
from palier.guards.validating import repaired
from palier.interfaces import Resources, Workers
from palier.interfaces.guarding import Context, Verdict
from palier.jobs.lane import Lane, Limits
from palier.jobs.pool import STRICT_MB, STRICT_S
from palier.types import Parameters

pytest.importorskip("jsonschema_rs")
SCHEMA = {
    "type": "object",
    "properties": {"price": {"type": "number"}},
    "required": ["price"],
    "additionalProperties": False,
}


class Here:
    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    async def close(self) -> None: ...


def resources(folder: Path, strict: Workers | None = None) -> Resources:
    return Resources(cast(Any, None), WordEncoder(), Here(), folder, lambda name: folder / name, strict)


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


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("It is free [1].", None),
        ("Voir [1, 2] et [3].", None),
        ('As [1] says: {"price": 3}', '{"price": 3}'),
        ('```json\n{"price": 3}\n```', '{"price": 3}'),
        ('{"said": "a, ]b", "left": "c,}", "n": "\\",}",}', '{"said": "a, ]b", "left": "c,}", "n": "\\",}"}'),
        ("42", None),
        ('"words"', None),
        ("null", None),
        ('{"price": NaN}', None),
        ('{"price": [-Infinity]}', None),
        ('[{"price": 3}]', None),
        ('[{"price": 3},]', None),
        ('See [1] and {"price": [2]}', '{"price": [2]}'),
    ],
)
async def test_an_object_is_one_and_a_mark_in_prose_is_no_json(tmp_path: Path, text: str, mended: str | None) -> None:
    asked = Context(place="draft", parameters=Parameters(response_format={"type": "json_object"}))
    verdict = await said(tmp_path, text, asked, file="")
    assert (verdict.action, verdict.text or None) == ("climb" if mended is None else "mend", mended)


@pytest.mark.parametrize("schema", [{}, {"properties": {"price": {"type": "number"}}}])
async def test_a_mark_in_prose_follows_no_schema_that_lets_much_through(tmp_path: Path, schema: dict[str, Any]) -> None:
    asked = Context(place="draft", parameters=asking(schema))
    assert (await said(tmp_path, "It is free [1].", asked, file="")).action == "climb"
    verdict = await said(tmp_path, 'As [1] says: {"price": 3}', asked, file="")
    assert (verdict.action, verdict.text) == ("mend", '{"price": 3}')
    listed = await said(tmp_path, "```json\n[1, 2]\n```", asked, file="")
    assert (listed.action, listed.text) == ("mend", "[1, 2]")


async def test_what_stands_in_an_answer_is_not_the_answer(tmp_path: Path) -> None:
    asked = Context(place="draft", parameters=asking({"type": "array"}))
    verdict = await said(tmp_path, '{"prices": [3]}', asked, file="")
    assert (verdict.action, verdict.reason) == ("climb", "the whole does not follow the schema at /type")
    assert (await said(tmp_path, 'Here: {"prices": [3],}', asked, file="")).action == "climb"


@pytest.mark.parametrize("text", ['{"price": "\\ud800"}', "[" * 900 + "]" * 900])
async def test_what_a_schema_cannot_look_at_does_not_pass_and_no_guard_fails(tmp_path: Path, text: str) -> None:
    verdict = await said(tmp_path, text)
    assert verdict.action == "climb"
    assert "it is no JSON" in verdict.reason


def test_a_file_that_is_no_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"type": "numbr"}')
    for file in ("none.json", "bad.json"):
        with pytest.raises(ConfigurationError, match="guard `s`"):
            build("s", Guard(kind="schema", file=file), resources(tmp_path))
    assert repaired("nothing") == []


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/x", "file:///etc/hostname", "other.json"])
async def test_what_a_clients_schema_refers_to_is_not_fetched(tmp_path: Path, reference: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": reference}}}
    guard = build("s", Guard(kind="schema"), resources(tmp_path))
    with pytest.raises(InvalidRequest, match="cannot be used"):
        await guard.check("{}", Context(parameters=Parameters(response_format=form)))


# --- what a client's schema may cost ----------------------------------------------------------------------------------


def asking(schema: Any) -> Parameters:
    return Parameters(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})


def doubling(levels: int) -> dict[str, Any]:
    """Small, and looked at twice as often with each level."""
    parts: dict[str, Any] = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": {**parts, f"a{levels}": {"type": "object"}}, "$ref": "#/$defs/a0"}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"anyOf": [schema]}
    return schema


@pytest.fixture
async def strict() -> AsyncIterator[Lane]:
    lane = Lane("strict", 1, 16, Limits(timeout_s=STRICT_S, memory_mb=STRICT_MB))
    yield lane
    await lane.close()


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (nested(40), "deeper"),
        ({"enum": ["x" * 1000] * 200}, "bytes"),
        ({"anyOf": [{"const": n} for n in range(6_000)]}, "objects and lists"),
        ({"pattern": "^(?=a)(a+)+$"}, "regex"),
        ({"pattern": "(a{1000}){1000}"}, "regex"),
        ({"type": "numbr"}, "numbr"),
        ({"$ref": "http://127.0.0.1:9/x"}, "outside itself"),
        ({"$ref": "#/$defs/none"}, "none"),
    ],
)
async def test_a_clients_schema_that_cannot_be_used_is_refused_with_a_hint(
    tmp_path: Path, schema: Any, why: str
) -> None:
    guard = build("s", Guard(kind="schema"), resources(tmp_path))
    with pytest.raises(InvalidRequest, match=why) as refused:
        await guard.accepts(asking(schema))
    assert refused.value.hint
    assert refused.value.param == "response_format.json_schema.schema"


async def test_a_clients_pattern_takes_linear_time(tmp_path: Path) -> None:
    guard = build("s", Guard(kind="schema"), resources(tmp_path))
    hostile = asking({"type": "string", "pattern": "^(a+)+(a*)*$"})
    await guard.accepts(hostile)
    async with asyncio.timeout(2):
        assert (await guard.check(json.dumps("a" * 100_000 + "b"), Context(parameters=hostile))).action == "climb"


async def test_a_schema_that_never_ends_is_refused_and_holds_up_nobody(tmp_path: Path, strict: Lane) -> None:
    guard = build("s", Guard(kind="schema"), resources(tmp_path, strict))
    await guard.accepts(asking(SCHEMA))
    late = 0.0

    async def watch() -> None:
        nonlocal late
        while True:
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(0.01)
            late = max(late, asyncio.get_running_loop().time() - began)

    watching = asyncio.create_task(watch())
    with pytest.raises(InvalidRequest, match="takes too long"):
        await guard.accepts(asking(doubling(45)))
    watching.cancel()
    assert late < STRICT_S / 2, "the event loop goes on"
    assert (await guard.check('{"price": 3}', Context(parameters=asking(SCHEMA)))).action == "pass"


async def test_what_is_small_enough_is_tried_once(tmp_path: Path) -> None:
    class Counting(Here):
        runs = 0

        async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
            self.runs += 1
            return function(*arguments)

    workers = Counting()
    guard = build("s", Guard(kind="schema"), resources(tmp_path, workers))
    for _ in range(3):
        await guard.accepts(asking(SCHEMA))
    assert workers.runs == 1
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    own = build("s", Guard(kind="schema", file="schema.json"), resources(tmp_path, workers))
    await own.accepts(asking(doubling(45)))
    assert workers.runs == 1, "its own schema counts, and the client's is not looked at"


# --- what the tier is told to mend it by ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('{"price": "zqxj"}', "/properties/price/type"),
        ('{"price": 3, "zqxj": 1}', "/additionalProperties"),
        ("zqxj", "it is no JSON"),
    ],
)
async def test_the_tier_is_told_the_rule_and_the_schema_and_no_word_of_its_answer(
    tmp_path: Path, text: str, rule: str
) -> None:
    verdict = await said(tmp_path, text)
    assert verdict.action == "climb"
    assert rule in verdict.repair
    assert json.dumps(SCHEMA, separators=(",", ":")) in verdict.repair
    assert "zqxj" not in verdict.repair


async def test_nothing_is_to_be_mended_where_settings_or_the_verdict_say_so(tmp_path: Path) -> None:
    def made(**settings: Any) -> Schema:
        return build("s", Guard(kind="schema", file="schema.json", **settings), resources(tmp_path))

    assert (await said(tmp_path, "words")).repair
    assert (await made(repair=False).check("words", DRAFT)).repair == ""
    assert (await made(action="refuse").check("words", DRAFT)).repair == ""
    assert (await made().check("words", Context(place="output"))).repair == ""


def called(arguments: Any, tool: str = "weather") -> Context:
    declared = {"type": "function", "function": {"name": "weather", "parameters": arguments}}
    return Context(part="arguments", tool=tool, parameters=Parameters(tools=(declared,)))


WANTED = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.mark.parametrize(
    ("text", "context", "action"),
    [
        ('{"city": "Brest"}', called(WANTED), "pass"),
        ('{"town": "Brest"}', called(WANTED), "climb"),
        ('```json\n{"city": "Brest"}\n```', called(WANTED), "climb"),
        ('{"town": "Brest"}', called(None), "pass"),
        ('{"town": "Brest"}', called(WANTED, tool="other"), "pass"),
        ("drop the rules", Context(part="name"), "pass"),
    ],
)
async def test_a_call_goes_by_the_parameters_of_its_tool(
    tmp_path: Path, text: str, context: Context, action: str
) -> None:
    assert (await said(tmp_path, text, context)).action == action


async def test_a_tool_whose_parameters_cannot_be_looked_at_is_refused_beforehand(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    guard = build("s", Guard(kind="schema", file="schema.json"), resources(tmp_path))
    await guard.accepts(called(WANTED).parameters)
    with pytest.raises(InvalidRequest, match="cannot be used") as raised:
        await guard.accepts(called({"properties": {"a": {"pattern": "(?=a)b"}}}).parameters)
    assert raised.value.param == "tools.0.function.parameters"
