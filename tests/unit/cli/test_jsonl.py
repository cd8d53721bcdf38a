"""Filters: one line in, one line out, in order, whatever the lines hold."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from palier.cli import jsonl
from palier.errors import ConfigurationError, NotFound
from palier.types import JSON


def printed(capsys: pytest.CaptureFixture[str]) -> list[JSON]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def echo(item: JSON) -> JSON:
    return {"said": jsonl.text_field(item, "text")}


async def test_each_line_is_answered_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first lines are the slowest: order does not depend on who is ready first."""
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"id": n, "text": f"line {n}"}) + "\n\n" for n in range(20)))
    at_once = most = 0

    async def slow_first(item: JSON) -> JSON:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        for _ in range(20 - item["id"]):
            await asyncio.sleep(0)
        at_once -= 1
        return await echo(item)

    assert await jsonl.each_line(source, slow_first, concurrency=4) == 0
    assert printed(capsys) == [{"id": n, "said": f"line {n}"} for n in range(20)]
    assert 1 < most <= 4


async def test_a_bad_line_gives_its_error_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.jsonl"
    lines = [
        '{"id": "a", "text": "ok"}',
        "{not json",
        "[1]",
        '{"id": "b"}',
        '{"id": "c", "text": ""}',
        '{"text": "last"}',
    ]
    source.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe\n")
    assert await jsonl.each_line(source, echo) == 1
    out = printed(capsys)
    assert [line["id"] for line in out] == ["a", None, None, "b", "c", None, None]
    assert out[0]["said"] == "ok"
    assert out[5]["said"] == "last"
    assert [line["error"]["code"] for line in out if "error" in line] == ["invalid_request"] * 5
    assert "`text`" in out[3]["error"]["message"]


async def test_a_line_that_cannot_be_read_is_known_by_its_id_and_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.jsonl"
    lines = [
        b'{"id": "a", "text": "ok"}',
        b"",
        b'{"id": "b", "text": "half \\ud800"}',
        b'{"id": 4, "text": "half \xed\xa0\x80"}',
        b'{"id": "\\ud800", "text": "x"}',
        b'{"id": [1], "text": "\\udc00"}',
        b"{not json",
        b'{"text": ""}',
        b'{"id": "g", "text": ""}',
    ]
    source.write_bytes(b"\n".join(lines))
    assert await jsonl.each_line(source, echo) == 1
    out = printed(capsys)
    assert [line["id"] for line in out] == ["a", "b", 4, "?", None, None, None, "g"]
    said = [line["error"]["message"] for line in out[1:]]
    assert ["no text" in one for one in said] == [True] * 4 + [False] * 3
    assert [one.split(":")[0] for one in said[:6]] == [f"line {n}" for n in (3, 4, 5, 6, 7, 8)]
    assert "line" not in said[6]


async def test_a_line_nested_too_deeply_is_an_error_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where it is only just too deep to be read, or to be written again."""
    source = tmp_path / "in.jsonl"
    depths = [*range(900, 1100), 100_000]
    lines = ['{"text": "a", "id": ' + "[" * depth + "]" * depth + "}" for depth in depths]
    source.write_text("\n".join([*lines, '{"id": 2, "text": "b"}']))
    assert await jsonl.each_line(source, echo) == 1
    out = capsys.readouterr().out.splitlines()
    assert len(out) == len(depths) + 1
    assert "nested too deeply" in out[-2]
    assert json.loads(out[-1]) == {"id": 2, "said": "b"}


async def test_any_error_of_palier_stays_on_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": 1}\n{"id": 2, "text": "x"}\n')

    async def fails_once(item: JSON) -> JSON:
        if item["id"] == 1:
            raise NotFound("there is no route `x`", hint="routes: y")
        return await echo(item)

    assert await jsonl.each_line(source, fails_once) == 1
    assert printed(capsys) == [
        {"id": 1, "error": {"code": "not_found", "message": "there is no route `x` (routes: y)"}},
        {"id": 2, "said": "x"},
    ]


async def test_a_line_too_long_is_an_error_and_the_next_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE", 100)
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"id": 1, "text": "x" * 1000}) + '\n{"id": 2, "text": "short"}\n')
    assert await jsonl.each_line(source, echo) == 1
    first, second = printed(capsys)
    assert first["error"]["code"] == "request_too_large"
    assert second == {"id": 2, "said": "short"}


async def test_a_pipe_is_answered_line_by_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever drives the filter may wait for each answer before it writes the next line."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": pipe}))
        filtering = asyncio.create_task(jsonl.each_line(None, echo))
        out = ""
        for n in range(3):
            os.write(writing, json.dumps({"id": n, "text": str(n)}).encode() + b"\n")
            async with asyncio.timeout(5):
                while out.count("\n") <= n:
                    await asyncio.sleep(0.001)
                    out += capsys.readouterr().out
        os.close(writing)
        assert await filtering == 0
    assert [json.loads(line)["id"] for line in out.splitlines()] == [0, 1, 2]


async def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await jsonl.each_line(tmp_path / "none.jsonl", echo)
