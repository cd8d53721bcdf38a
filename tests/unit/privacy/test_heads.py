"""Heads go out when the head moved, each sink by itself, and come back from where they were told."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from palier.config import parse
from palier.errors import Unavailable
from palier.interfaces import Head
from palier.privacy.heads import HeadFile, Heads, Syslog, Webhook, read, sinks
from palier.privacy.ledger import Chain, verify
from palier.privacy.sealing import Sealer
from palier.stores.ledger import SqliteLedger
from palier.testing.ledger import chain_of, clearance_of
from palier.types import Clearance

HEAD = Head(at=1.5, sequence=7, hash="ab", installation="3f")


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    opened = SqliteLedger.open(tmp_path / "ledger.db", Sealer([b"k" * 32]), Chain())
    yield opened
    await opened.close()


class Door:
    """The door as the ledger sees it: what leaves is entered first. `answers` are statuses, or what is raised."""

    def __init__(self, ledger: SqliteLedger, *answers: int | Exception) -> None:
        self.bodies: list[Head] = []
        self._ledger = ledger
        self._answers = list(answers)

    async def post(self, url: str, body: bytes, clearance: Clearance) -> int:
        assert url == "https://heads.example/"
        assert clearance.purpose == "head"
        await self._ledger.enter(clearance, "heads.example", body)
        answer = self._answers.pop(0) if self._answers else 200
        if isinstance(answer, Exception):
            raise answer
        self.bodies.append(msgspec.json.decode(body, type=Head))
        return answer

    def sink(self) -> Webhook:
        return Webhook("https://heads.example/", self.post)


async def leave(ledger: SqliteLedger, count: int = 1) -> None:
    for _ in range(count):
        await ledger.enter(clearance_of(), "h", b"")


# --- a file ------------------------------------------------------------------------------------------------------


async def test_a_file_gets_a_line_for_each_head(tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    sink = HeadFile(file)
    assert await sink.told() is None
    await sink.send(HEAD)
    await sink.send(msgspec.structs.replace(HEAD, sequence=9))
    lines = file.read_text().splitlines()
    assert json.loads(lines[0]) == {"at": 1.5, "sequence": 7, "hash": "ab", "installation": "3f"}
    assert [json.loads(line)["sequence"] for line in lines] == [7, 9]
    assert await sink.told() == msgspec.structs.replace(HEAD, sequence=9)
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_line_that_was_cut_short_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    await HeadFile(file).send(HEAD)
    with file.open("a") as out:
        out.write('{"at": 3, "seq')
    assert await HeadFile(file).told() is None
    await HeadFile(file).send(HEAD)
    heads, others = read(file.read_text().splitlines())
    assert (heads, others) == ([HEAD, HEAD], 1)


async def test_heads_are_read_out_of_a_log() -> None:
    text = msgspec.json.encode(HEAD).decode()
    lines = [text, f"Nov 26 02:14:21 host palier: {text}", "", "Nov 26 other: {", f"<14>palier: {text}\x00", "\ud800{"]
    assert read([line.rstrip("\x00") for line in lines]) == ([HEAD] * 3, 2)


# --- syslog ------------------------------------------------------------------------------------------------------


async def test_syslog_gets_a_message(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(5)
        await Syslog(path).send(HEAD)
        message = listening.recv(4096)
    assert message.startswith(b"<14>palier: {")
    assert read([message.decode().rstrip("\x00")])[0] == [HEAD]


async def test_a_machine_without_syslog_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="No such file"):
        await Syslog(tmp_path / "absent").send(HEAD)
    assert capsys.readouterr().err == ""


# --- the webhook, and when ---------------------------------------------------------------------------------------


async def test_a_head_is_told_when_something_left_since(ledger: SqliteLedger, tmp_path: Path) -> None:
    door, file = Door(ledger), tmp_path / "heads.jsonl"
    webhook, written = door.sink(), HeadFile(file)
    heads = Heads(ledger, [webhook, written], 3600)
    assert await heads.tell(webhook)
    assert door.bodies == [], "nothing has left yet"
    await leave(ledger, 3)
    for _ in range(3):  # what a head itself leaves behind is no reason to tell another
        assert await heads.tell(webhook)
        assert await heads.tell(written)
    assert [head.sequence for head in door.bodies] == [3]
    await leave(ledger)
    assert await heads.tell(webhook)
    assert [head.sequence for head in door.bodies] == [3, 5]
    told, _ = read(file.read_text().splitlines())
    verdict = verify(await chain_of(ledger), ledger.installation, [*told, *door.bodies])
    assert verdict.intact, verdict.faults
    assert verdict.heads == 3


async def test_one_that_fails_is_logged_and_tried_again(
    ledger: SqliteLedger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    door = Door(ledger, Unavailable("cannot connect"), 500, ValueError("secret"))
    webhook, broken = door.sink(), HeadFile(tmp_path / "absent" / "heads.jsonl")
    heads = Heads(ledger, [webhook, broken], 3600)
    await leave(ledger)
    with caplog.at_level(logging.WARNING):
        for words in ("cannot connect", "answered 500", "unforeseen"):
            assert not await heads.tell(webhook)
            assert words in heads.failing["webhook"]
        assert not await heads.tell(broken)
    assert "No such file" in heads.failing[broken.name]
    assert caplog.text.count("could not be told to") == 4
    assert await heads.tell(webhook)
    assert list(heads.failing) == [broken.name]
    (tmp_path / "absent").mkdir()
    assert await heads.tell(broken)
    assert not heads.failing


async def test_what_an_earlier_process_told_is_not_told_again(ledger: SqliteLedger, tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    await leave(ledger, 2)
    for expected in ([2], [2], [2, 3]):
        if len(expected) == 2:
            await leave(ledger)
        await Heads(ledger, [], 3600).tell(HeadFile(file))
        assert [head.sequence for head in read(file.read_text().splitlines())[0]] == expected


async def test_a_ledger_that_is_shorter_than_what_was_told_is_said_at_the_start(
    ledger: SqliteLedger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = HeadFile(tmp_path / "heads.jsonl")
    await leave(ledger, 2)
    head = await ledger.head()
    assert head is not None
    await file.send(msgspec.structs.replace(head, sequence=9))
    await Heads(ledger, [], 3600).tell(file)
    assert "ends at entry 2, and entry 9 was told" in caplog.text
    other = HeadFile(tmp_path / "other.jsonl")
    await other.send(HEAD)
    await Heads(ledger, [], 3600).tell(other)
    told = await other.told()
    assert told is not None
    assert told.sequence == 2, "of another ledger: nothing of this one was told there"


class Stuck:
    """A sink that never ends."""

    name = "stuck"

    async def told(self) -> Head | None:
        return None

    async def send(self, head: Head) -> None:
        await asyncio.Event().wait()


async def test_it_runs_until_it_is_stopped(
    ledger: SqliteLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("palier.privacy.heads.LAST_S", 0.2)
    file = tmp_path / "heads.jsonl"
    await leave(ledger)
    heads = Heads(ledger, [Stuck(), HeadFile(file)], 0.02)

    async def written(*sequences: int) -> None:
        async with asyncio.timeout(10):
            while (
                not file.exists()
                or tuple(head.sequence for head in read(file.read_text().splitlines())[0]) != sequences
            ):
                await asyncio.sleep(0.01)

    heads.start()
    heads.start()
    await written(1)
    await leave(ledger)
    await written(1, 2)
    await leave(ledger)
    await heads.stop()
    await heads.stop()
    assert [head.sequence for head in read(file.read_text().splitlines())[0]][-1] == 3
    await leave(ledger)
    await asyncio.sleep(0.1)
    assert len(file.read_text().splitlines()) == 3


async def test_the_last_head_goes_out_at_the_end(ledger: SqliteLedger, tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    heads = Heads(ledger, [HeadFile(file)], 3600)
    heads.start()
    await asyncio.sleep(0.1)
    await leave(ledger, 4)
    await heads.stop()
    assert [head.sequence for head in read(file.read_text().splitlines())[0]] == [4]


async def test_sinks_are_those_that_are_named(ledger: SqliteLedger, tmp_path: Path) -> None:
    door = Door(ledger)
    for named, kinds in (
        ({}, []),
        (
            {"heads_file": "h.jsonl", "heads_syslog": True, "heads_webhook": "https://heads.example/"},
            [HeadFile, Syslog, Webhook],
        ),
    ):
        settings = parse({"ledger": named}, root=tmp_path)
        found = sinks(settings.ledger, settings.path, door.post)
        assert [type(sink) for sink in found] == kinds
    assert found[0].name == str(tmp_path / "h.jsonl")
