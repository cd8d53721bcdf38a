"""The door, from end to end: what an upstream that is not on premises receives, and what stands in the ledger."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.serving import Served, served

from palier.interfaces import EntryFilter
from palier.testing.upstream import Call, Upstream, Wire, refuses
from palier.types import Clearance, Document, Label

NAME, MAIL, IBAN = "Claire Le Goff", "claire.legoff@armorique.example", "FR14 2004 1010 0505 0001 3M02 606"
PHONE, HOTLINE = "06 39 98 12 34", "01 99 00 12 34"
TELLING = f"Bonjour, je m'appelle {NAME}, mon adresse est {MAIL}, mon IBAN {IBAN} et mon téléphone le {PHONE}."


async def echoes(call: Call, wire: Wire) -> None:
    """Streams the last message back, three characters at a time; a tool's arguments where there are tools."""
    asked = call.json
    text = asked["messages"][-1]["content"]
    await wire.head(200, {"content-type": "text/event-stream"})
    if asked.get("tools"):
        arguments = json.dumps({"said": text})
        start = {"index": 0, "id": "call-1", "type": "function", "function": {"name": "note", "arguments": ""}}
        deltas: list[dict[str, Any]] = [{"tool_calls": [start]}]
        pieces = [arguments[i : i + 3] for i in range(0, len(arguments), 3)]
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    else:
        deltas = [{"content": text[i : i + 3]} for i in range(0, len(text), 3)]
    for delta in deltas:
        await wire.chunk(f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\n\n".encode())
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    await wire.chunk(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
    await wire.end()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """A recording upstream on a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = Upstream(default=echoes)
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    yield server
    asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.fixture(scope="module")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    tree = {
        "models": {"cloud": {"kind": "endpoint", "base_url": upstream.url, "model": "large", "region": "eu"}},
        "routes": {
            "support": {
                "collections": ["armorique"],
                "audit": 0.0,
                "tiers": [{"model": "cloud", "highest_label": "internal"}],
            },
            "elsewhere": {"regions": ["us"], "audit": 0.0, "tiers": [{"model": "cloud", "highest_label": "internal"}]},
            "home": {"local_only": True, "audit": 0.0, "tiers": [{"model": "cloud", "highest_label": "internal"}]},
            "bare": {"audit": 0.0, "tiers": [{"model": "cloud", "highest_label": "internal", "redact": False}]},
        },
        "ledger": {"payload_days": 1},
    }
    with served(tree, tmp_path_factory.mktemp("door")) as running:
        yield running


@pytest.fixture
def client(gateway: Served, upstream: Upstream) -> Iterator[httpx2.Client]:
    upstream.calls.clear()
    with httpx2.Client(base_url=gateway.url, headers=gateway.headers, timeout=60) as made:
        yield made


def ask(client: httpx2.Client, text: str = TELLING, route: str = "support", **fields: Any) -> dict[str, Any]:
    reply = client.post(
        "/v1/chat/completions", json={"model": route, "messages": [{"role": "user", "content": text}], **fields}
    )
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def last_entry(gateway: Served) -> Any:
    return gateway.run(gateway.palier.ledger.entries(EntryFilter(limit=1)))[0].entry


def received(upstream: Upstream) -> str:
    return "\n".join(call.body.decode() for call in upstream.calls)


def test_personal_data_does_not_leave_and_comes_back(
    client: httpx2.Client, gateway: Served, upstream: Upstream
) -> None:
    answer = ask(client)
    assert TELLING in answer["choices"][0]["message"]["content"]
    sent = received(upstream)
    for value in (NAME, MAIL, IBAN, PHONE, "Le Goff", "2004 1010"):
        assert value not in sent
    (step,) = answer["palier"]["steps"]
    assert (step["verdict"], step["redacted"], step["outcome"]) == ("redact", 4, "answered")
    clearance: Clearance = last_entry(gateway).clearance
    assert clearance.redacted == {"EMAIL": 1, "IBAN": 1, "PERSON": 1, "PHONE": 1}
    assert (clearance.destination, clearance.region, clearance.request) == ("cloud", "eu", answer["id"])


def test_a_stream_is_restored_as_it_comes(client: httpx2.Client, upstream: Upstream) -> None:
    body = {"model": "support", "stream": True, "messages": [{"role": "user", "content": TELLING}]}
    text, chunks = "", 0
    with client.stream("POST", "/v1/chat/completions", json=body) as reply:
        for line in reply.iter_lines():
            if line.startswith("data: {"):
                for choice in json.loads(line[6:])["choices"]:
                    text += choice["delta"].get("content") or ""
                    chunks += 1
    assert text.endswith(TELLING)
    assert chunks > 20
    assert NAME not in received(upstream)


def test_a_tools_arguments_are_restored_within_their_json(client: httpx2.Client, upstream: Upstream) -> None:
    tool = {"type": "function", "function": {"name": "note", "parameters": {"type": "object"}}}
    answer = ask(client, tools=[tool])
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"])["said"].endswith(TELLING)
    assert MAIL not in received(upstream)


def test_what_came_back_is_replaced_again_when_it_is_history(client: httpx2.Client, upstream: Upstream) -> None:
    said = ask(client)["choices"][0]["message"]["content"]
    upstream.calls.clear()
    call = {"id": "c1", "type": "function", "function": {"name": "note", "arguments": json.dumps({"mail": MAIL})}}
    turns = [
        {"role": "user", "content": TELLING},
        {"role": "assistant", "content": said, "tool_calls": [call]},
        {"role": "tool", "content": f"noted {PHONE}", "tool_call_id": "c1", "label": "internal"},
        {"role": "user", "content": "Et ensuite ?"},
    ]
    reply = client.post("/v1/chat/completions", json={"model": "support", "messages": turns})
    assert reply.json()["palier"]["steps"][0]["outcome"] == "refused"  # the tool's result is confidential
    turns[2] = {"role": "user", "content": f"noted {PHONE}"}
    turns[1].pop("tool_calls")
    reply = client.post("/v1/chat/completions", json={"model": "support", "messages": turns})
    assert reply.json()["palier"]["steps"][0]["outcome"] == "answered"
    for value in (NAME, MAIL, IBAN, PHONE):
        assert value not in received(upstream)


def test_what_a_public_passage_says_is_no_secret(client: httpx2.Client, gateway: Served, upstream: Upstream) -> None:
    hotline = Document(
        id="contact", collection="armorique", text=f"Notre service répond au {HOTLINE}.", label=Label.PUBLIC
    )
    gateway.run(gateway.palier.put_documents([hotline]))
    try:
        answer = ask(client, f"Le {HOTLINE} est-il votre service ? Mon numéro de téléphone est le {PHONE}.")
        assert HOTLINE in received(upstream)
        assert PHONE not in received(upstream)
        assert PHONE in answer["choices"][0]["message"]["content"]
    finally:
        gateway.run(gateway.palier.delete_documents("armorique", ["contact"]))


def test_every_attempt_stands_in_the_ledger(client: httpx2.Client, gateway: Served, upstream: Upstream) -> None:
    before = last_entry(gateway).sequence if gateway.run(gateway.palier.ledger.head()) else 0
    upstream.script = [refuses(503), refuses(503)]
    answer = ask(client, "Is an eSIM free?")
    assert len(upstream.calls) == 3
    entries = gateway.run(gateway.palier.ledger.entries(EntryFilter(limit=3)))
    assert [link.entry.sequence for link in entries] == [before + 3, before + 2, before + 1]
    assert {link.entry.clearance.request for link in entries} == {answer["id"]}
    payload = gateway.run(gateway.palier.ledger.payload(before + 3))
    assert payload == upstream.calls[-1].body


@pytest.mark.parametrize(("route", "words"), [("elsewhere", "runs in eu"), ("home", "local only")])
def test_a_route_narrows_where_it_goes(client: httpx2.Client, upstream: Upstream, route: str, words: str) -> None:
    answer = ask(client, "Is an eSIM free?", route)
    (step,) = answer["palier"]["steps"]
    assert (answer["palier"]["status"], step["verdict"]) == ("abstained", "refuse")
    assert words in step["reason"]
    assert upstream.calls == []


def test_a_tier_may_say_that_nothing_is_replaced(client: httpx2.Client, upstream: Upstream) -> None:
    ask(client, route="bare")
    assert MAIL in received(upstream)


def test_what_was_replaced_is_kept_sealed(client: httpx2.Client, gateway: Served) -> None:
    answer = ask(client)
    kept = gateway.run(gateway.palier.ledger.map_of(answer["id"]))
    assert kept is not None
    assert NAME in json.loads(kept)["tier-1"].values()
    for file in gateway.palier.folder.path.iterdir():
        if file.is_file() and file.name.startswith("ledger"):
            assert MAIL.encode() not in Path(file).read_bytes()
