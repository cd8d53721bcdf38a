"""The admin socket: both sides over a real socket, in front of a real palier with scripted models."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from palier import errors
from palier.app import Palier
from palier.config import parse
from palier.errors import Busy, InvalidRequest, NotFound, PalierError, StoreError, TooLarge, Unavailable
from palier.server import admin, remote
from palier.server.admin import AdminServer, Fault
from palier.server.remote import RemotePalier
from palier.types import Completed, Delta, Document, Label, Message, Principal

RULES = [
    {"match": "slow", "answer": "one two three", "first_s": 30},
    {"match": "cut", "answer": "one two three", "fail": "cut", "after": 1},
    {"pattern": "", "answer": "Noon [1]."},
]


@pytest.fixture
async def palier(tmp_path: Path) -> AsyncIterator[Palier]:
    script = tmp_path / "script.jsonl"
    script.write_text("\n".join(map(json.dumps, RULES)))
    settings = parse(
        {
            "models": {"fake": {"kind": "fake", "file": "script.jsonl"}},
            "routes": {
                "support": {"collections": ["notes"], "tiers": [{"model": "fake", "highest_label": "restricted"}]}
            },
        },
        root=tmp_path,
    )
    async with Palier.open(settings) as opened:
        yield opened


@pytest.fixture
def path(palier: Palier) -> Path:
    return palier.folder.admin_socket


@pytest.fixture
async def gateway(palier: Palier, path: Path) -> AsyncIterator[RemotePalier]:
    async with AdminServer(palier, path):
        connected = await RemotePalier.connect(path)
        assert connected is not None
        yield connected


def note(id: str = "noon", **fields: Any) -> Document:
    given = {"text": "The bell rings at noon.", "title": "The bell", "label": Label.PUBLIC, **fields}
    return Document(id=id, collection="notes", **given)


async def test_it_forgets(gateway: RemotePalier, palier: Palier) -> None:
    await gateway.put_documents([note()])
    asked = await gateway.ask("When?", principal=Principal(name="marie", admin=True))
    would = await gateway.forget(user="marie", dry_run=True)
    found = await gateway.forget(user="marie")
    assert (would.counts, found.counts["requests"], found.user) == (found.counts, 1, "marie")
    assert (await gateway.forget(document="notes/noon")).counts["documents"] == 1
    trace = await palier.traces.get(asked.id)
    assert trace is not None
    assert (trace.principal, trace.content) == ("forgotten", None)
    with pytest.raises(InvalidRequest, match="is no document"):
        await gateway.forget(document="noon")


async def test_it_says_who_it_is(gateway: RemotePalier, palier: Palier) -> None:
    assert gateway.routes == palier.routes == {"support": ["tier-1"]}
    assert gateway.cards("support") == palier.cards("support")
    assert (await gateway.health())["fake"]["ok"]
    with pytest.raises(NotFound, match="no route `x`"):
        gateway.cards("x")


async def test_documents_and_search_are_those_of_the_gateway(gateway: RemotePalier, palier: Palier) -> None:
    await gateway.put_documents([note(), note("private", label=Label.RESTRICTED, groups=("board",))])
    assert await gateway.get_document("notes", "noon") == await palier.get_document("notes", "noon")
    assert await gateway.list_documents("notes") == await palier.list_documents("notes")
    assert [d.id for d in await gateway.list_documents("notes", after="noon", limit=1)] == ["private"]
    assert await gateway.list_collections() == await palier.list_collections()
    assert await gateway.search("When does the bell ring?") == await palier.search("When does the bell ring?")
    stranger = Principal(name="stranger")
    assert [hit.document for hit in await gateway.search("bell", ["notes"], 5, stranger)] == ["noon"]
    assert await gateway.get_document("notes", "private", stranger) is None
    assert await gateway.delete_documents("notes", ["noon", "never"]) == 1


async def test_an_answer_streams_and_is_recorded(gateway: RemotePalier, palier: Palier) -> None:
    await gateway.put_documents([note()])
    events = [event async for event in gateway.stream(gateway.request("When does the bell ring?"))]
    assert "".join(event.text for event in events if isinstance(event, Delta)) == "Noon [1]."
    assert isinstance(events[-1], Completed)
    result = events[-1].result
    assert result.tier == "tier-1"
    assert result.sources[0].cited
    trace = await gateway.traces.get(result.id)
    assert trace == await palier.traces.get(result.id)
    assert trace is not None
    assert [listed.id for listed in await gateway.traces.list(limit=1)] == [trace.id]
    assert await gateway.traces.list(before=trace.created, before_id=trace.id) == []
    assert len(await gateway.traces.list(before=trace.created, before_id=trace.id + "0")) == 1
    assert await gateway.traces.get("never") is None


async def test_ask_is_the_same_as_here(gateway: RemotePalier, palier: Palier) -> None:
    there = await gateway.ask([Message(role="user", content="Hello?")], max_tokens=1, language="en")
    here = await palier.ask("Hello?", max_tokens=1, language="en")
    assert there.text == here.text == "Noon"


@pytest.mark.parametrize(
    ("question", "options", "kind"),
    [
        ("cut", {}, "UpstreamGarbage"),
        ("hello", {"route": "nowhere"}, "NotFound"),
        ("hello", {"tier": "nobody"}, "NotFound"),
    ],
)
async def test_errors_arrive_as_they_were_raised(
    gateway: RemotePalier, palier: Palier, question: str, options: dict[str, Any], kind: str
) -> None:
    with pytest.raises(PalierError) as here:
        await palier.ask(question, **options)
    with pytest.raises(PalierError) as there:
        await gateway.ask(question, **options)
    assert type(there.value) is type(here.value) is getattr(errors, kind)
    assert str(there.value) == str(here.value)


async def test_what_must_stay_at_home_is_told(gateway: RemotePalier, palier: Palier) -> None:
    assert gateway.request("hello", local_only=True).local_only
    assert palier.request("hello", local_only=True).local_only
    assert not palier.request("hello").local_only


async def test_an_unknown_parameter_is_refused_before_it_is_sent(gateway: RemotePalier) -> None:
    with pytest.raises(InvalidRequest, match="temprature"):
        await gateway.ask("hello", temprature=0.1)


def test_every_error_survives_the_journey() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PalierError)]
    for kind in kinds:
        error = kind("what", hint="do", param="p", retry_after=2.0)
        again = msgspec.json.decode(msgspec.json.encode(Fault.of(error)), type=Fault).error()
        assert type(again) is kind
        assert vars(again) == vars(error)


def test_an_error_of_a_plug_in_is_still_an_error_of_palier() -> None:
    for name in ("SomeoneElses", "annotations", "__doc__"):
        assert type(Fault(kind=name, message="what").error()) is PalierError


async def test_leaving_cancels_what_was_asked(gateway: RemotePalier, palier: Palier) -> None:
    asking = asyncio.create_task(gateway.ask("slow"))
    fake: Any = palier.models["fake"]
    async with asyncio.timeout(10):
        while not fake.calls:
            await asyncio.sleep(0.005)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        while not fake.abandoned:
            await asyncio.sleep(0.005)
        while not (traces := await palier.traces.list()):
            await asyncio.sleep(0.005)
    assert traces[0].status == "abandoned"


async def test_only_its_owner_may_open_it(gateway: RemotePalier, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_no_gateway_is_no_error(path: Path) -> None:
    assert await RemotePalier.connect(path) is None


async def test_the_socket_of_a_dead_gateway_is_no_obstacle(palier: Palier, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert path.exists()
    assert await RemotePalier.connect(path) is None
    async with AdminServer(palier, path):
        assert await RemotePalier.connect(path) is not None
    assert not path.exists()


async def say(path: Path, text: bytes) -> bytes:
    """What the gateway replies to raw bytes."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(text)
    await writer.drain()
    async with asyncio.timeout(10):
        reply = await reader.read()
    writer.close()
    return reply


@pytest.mark.parametrize(
    "text",
    [b"\n", b"hello\n", b'{"call":"nothing"}\n', b'{"call":"search"}\n', b'{"call":"status","more":1}\n', b"\xff\n"],
)
async def test_nonsense_is_an_invalid_request(gateway: RemotePalier, path: Path, text: bytes) -> None:
    assert json.loads(await say(path, text))["error"]["kind"] == "InvalidRequest"
    assert await gateway.list_collections() == []


async def test_a_call_beyond_the_limit_is_not_sent(gateway: RemotePalier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "MAX_LINE", 1000)
    with pytest.raises(TooLarge, match="carries"):
        await gateway.put_documents([note(text="x" * 2000)])


async def test_a_line_without_end_is_too_large(palier: Palier, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "MAX_LINE", 1000)
    async with AdminServer(palier, path):
        assert json.loads(await say(path, b"x" * 5000))["error"]["kind"] == "TooLarge"


async def test_too_many_commands_at_once_are_told_so(
    gateway: RemotePalier, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "MAX_CONNECTIONS", 2)
    idle = [await asyncio.open_unix_connection(path) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await gateway.list_collections()
    for _, writer in idle:
        writer.close()
        await writer.wait_closed()
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(Busy):
                assert await gateway.list_collections() == []
                return
            await asyncio.sleep(0.005)


async def test_many_documents_go_in_several_lines(gateway: RemotePalier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "BATCH_BYTES", 3000)
    documents = [note(f"n{n}", text=f"Bell number {n}.") for n in range(10)]
    assert [len(batch) for batch in remote._batches(documents)] == [2, 2, 2, 2, 2]
    await gateway.put_documents(documents)
    assert len(await gateway.list_documents("notes")) == 10


async def test_a_gateway_that_dies_is_said_to_be_unavailable(palier: Palier, path: Path) -> None:
    async with AdminServer(palier, path):
        gateway = await RemotePalier.connect(path)
        assert gateway is not None
        asking = asyncio.create_task(gateway.ask("slow"))
        fake: Any = palier.models["fake"]
        async with asyncio.timeout(10):
            while not fake.calls:
                await asyncio.sleep(0.005)
    with pytest.raises(Unavailable):
        await asking


async def test_a_garbled_reply_is_a_store_error(path: Path) -> None:
    async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"<html>\n")
        writer.close()

    async with await asyncio.start_unix_server(garble, path):
        with pytest.raises(StoreError, match="cannot be read"):
            await RemotePalier.connect(path)
