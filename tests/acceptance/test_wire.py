"""The gateway as a client meets it: whole requests against a real server, good and bad."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from tests.serving import SCRIPT, STAIRS, Served, served, write_script


@pytest.fixture
def client(gateway: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=gateway.url, headers=gateway.headers, timeout=30) as made:
        yield made


def chat(text: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"model": "support", "messages": [{"role": "user", "content": text}], **fields}


def error_of(reply: httpx2.Response, status: int) -> dict[str, Any]:
    """The error object, whose shape is checked."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    body = reply.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    return body["error"]


def frames(text: str) -> list[tuple[str, Any]]:
    """(event, data) of a stream."""
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        data = fields["data"]
        found.append((fields.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return found


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether `condition` comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


# --- the door ------------------------------------------------------------------------------------------------------


def test_every_answer_has_an_id_and_the_security_headers(client: httpx2.Client) -> None:
    replies = [client.get("/healthz"), client.get("/nope"), client.post("/v1/chat/completions", json=chat())]
    assert len({reply.headers["x-request-id"] for reply in replies}) == 3
    for reply in replies:
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "server" not in reply.headers
    assert replies[2].headers["x-palier-trace"] == replies[2].json()["id"] == replies[2].json()["palier"]["trace"]


@pytest.mark.parametrize("given", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic a2V5"}])
def test_without_the_key_nothing_is_served(gateway: Served, given: dict[str, str]) -> None:
    with httpx2.Client(base_url=gateway.url, headers=given) as stranger:
        for method, path in [
            ("POST", "/v1/chat/completions"),
            ("GET", "/v1/models"),
            ("PUT", "/v1/palier/collections/notes/documents/a"),
        ]:
            reply = stranger.request(method, path)
            assert error_of(reply, 401)["code"] == "invalid_api_key"
            assert reply.headers["www-authenticate"] == "Bearer"
            assert gateway.key not in reply.text


def test_probes_need_no_key_and_tell_strangers_little(gateway: Served, client: httpx2.Client) -> None:
    with httpx2.Client(base_url=gateway.url) as stranger:
        assert stranger.get("/healthz").json() == {"status": "ok"}
        assert stranger.head("/healthz").status_code == 200
        assert "models" not in stranger.get("/readyz").json()
        assert stranger.get("/openapi.json").json()["openapi"] == "3.1.0"
    known = client.get("/readyz").json()
    assert (known["status"], known["why"]) == ("ready", "")
    assert known["models"]["scripted"] == {"ok": True, "detail": "ready"}


def test_not_ready_is_a_503(tmp_path: Path) -> None:
    write_script(tmp_path)
    with served(STAIRS, tmp_path) as own:
        own.palier.models["narrow"].healthy = False  # type: ignore[attr-defined]
        with httpx2.Client(base_url=own.url, headers=own.headers) as client:
            reply = client.get("/readyz")
            assert reply.status_code == 503
            assert reply.json()["routes"] == {"support": True, "stairs": True, "narrow": False, "library": True}
            assert reply.json()["why"] == "a route has no tier that could answer: see `routes`"


def test_where_requests_cannot_be_recorded_clients_and_probes_hear_so_and_no_path(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_script(tmp_path)
    with served(STAIRS, tmp_path) as own:
        own.palier.failing.why = f"{tmp_path}/traces.db: database or disk is full"
        own.palier.failing._until = time.monotonic() + 60
        probed = httpx2.get(f"{own.url}/readyz")
        body = {"model": "support", "messages": [{"role": "user", "content": "Hello?"}]}
        asked = httpx2.post(f"{own.base_url}/chat/completions", json=body, headers=own.headers)
    assert "requests cannot be recorded" in probed.json()["why"]
    assert "requests cannot be recorded" in error_of(asked, 503)["message"]
    for reply in (probed, asked):
        assert reply.status_code == 503
        assert str(tmp_path) not in reply.text
    assert not [record for record in caplog.records if record.name == "palier.server"], "not at each request"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("127.0.0.1:8420", 200),
        ("[::1]:8420", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:8420", 403),
        ("", 403),
    ],
)
def test_a_foreign_host_header_is_refused(gateway: Served, host: str, status: int) -> None:
    reply = httpx2.get(f"{gateway.url}/healthz", headers={"Host": host})
    assert reply.status_code == status
    if status == 403:
        error_of(reply, 403)


def test_unknown_paths_and_methods_have_the_error_shape(client: httpx2.Client) -> None:
    assert error_of(client.get("/v1/nothing"), 404)["code"] == "not_found"
    assert error_of(client.get("/v1/models/"), 404)
    reply = client.delete("/v1/chat/completions")
    assert error_of(reply, 405)["code"] == "method_not_allowed"
    assert reply.headers["allow"] == "POST"
    assert client.options("/v1/models").headers["allow"] == "GET, HEAD"


# --- bodies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"{", "not valid JSON"),
        (b"[]", "expected `object`"),
        (b'"text"', "expected `object`"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"model":"support","messages":[{"role":"user","content":"\\ud800"}]}', "surrogate"),
        (b'{"model":"support","messages":[{"role":"user","content":"\\u0000"}]}', "U+0000"),
        (b'{"model":"support","messages":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "messages"),
        (b'{"model":"support","metadata":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}", "metadata"),
        (b'{"model":"support","messages":[],"temperature":1e9999}', "messages"),
    ],
)
def test_a_malformed_body_is_the_clients_fault(client: httpx2.Client, body: bytes, words: str) -> None:
    reply = client.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert words in error_of(reply, 400)["message"]


def test_a_body_over_the_limit_is_a_413_declared_or_not(gateway: Served, client: httpx2.Client) -> None:
    limit = gateway.palier.settings.server.max_body_bytes
    big = b" " * (limit + 1)
    declared = client.post("/v1/chat/completions", content=big, headers={"content-type": "application/json"})
    assert f"{limit:,}" in error_of(declared, 413)["message"]
    chunked = client.post(
        "/v1/chat/completions",
        content=(big[start : start + 65_536] for start in range(0, len(big), 65_536)),
        headers={"content-type": "application/json"},
    )
    error_of(chunked, 413)
    exact = json.dumps(chat()).encode().ljust(limit)
    assert client.post("/v1/chat/completions", content=exact).status_code == 200


def test_other_media_are_a_415(client: httpx2.Client) -> None:
    form = client.post("/v1/chat/completions", data={"model": "support"})
    assert "application/json" in error_of(form, 415)["message"]
    packed = gzip.compress(json.dumps(chat()).encode())
    reply = client.post(
        "/v1/chat/completions", content=packed, headers={"content-type": "application/json", "content-encoding": "gzip"}
    )
    assert "gzip" in error_of(reply, 415)["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 3}, "temperature"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages[0].content[0].type",
        ),
        ({"frobnicate": 1}, "frobnicate"),
        ({"n": "two"}, "n"),
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"messages": None}, "messages"),
    ],
)
def test_a_bad_field_is_a_400_that_names_it(client: httpx2.Client, fields: dict[str, Any], param: str) -> None:
    assert error_of(client.post("/v1/chat/completions", json=chat(**fields)), 400)["param"] == param


def test_an_unknown_model_is_a_404_with_a_suggestion(client: httpx2.Client) -> None:
    error = error_of(client.post("/v1/chat/completions", json=chat(model="suport")), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "did you mean `support`?" in error["message"]
    assert error_of(client.post("/v1/chat/completions", json=chat(model="support/tier-9")), 404)
    assert error_of(client.get("/v1/models/nobody"), 404)["code"] == "model_not_found"


def test_too_long_a_prompt_is_said_with_both_numbers(client: httpx2.Client) -> None:
    error = error_of(client.post("/v1/chat/completions", json=chat("word " * 500, model="narrow")), 400)
    assert error["code"] == "context_length_exceeded"
    assert "501 tokens" in error["message"]
    assert "holds 40" in error["message"]


def test_what_no_tier_can_honour_is_a_400_and_what_one_cannot_is_skipped(client: httpx2.Client) -> None:
    error = error_of(client.post("/v1/chat/completions", json=chat(model="narrow", logprobs=True)), 400)
    assert error["param"] == "logprobs"
    climbed = client.post("/v1/chat/completions", json=chat(model="stairs", logprobs=True)).json()
    assert [(step["tier"], step["outcome"]) for step in climbed["palier"]["steps"]] == [
        ("tier-1", "skipped"),
        ("tier-2", "answered"),
    ]
    assert "logprobs" in climbed["palier"]["steps"][0]["reason"]


def test_a_label_in_the_header_raises_and_never_lowers(client: httpx2.Client) -> None:
    def label(value: str) -> str:
        reply = client.post("/v1/chat/completions", json=chat(), headers={"X-Palier-Label": value})
        assert reply.status_code == 200, reply.text
        return str(reply.json()["palier"]["label"])

    assert label("public") == "internal"
    assert label("Restricted") == "restricted"
    assert error_of(client.post("/v1/chat/completions", json=chat(), headers={"X-Palier-Label": "secret"}), 400)
    kept = client.post(
        "/v1/chat/completions", json=chat(model="narrow"), headers={"X-Palier-Label": "restricted"}
    ).json()
    assert kept["palier"]["status"] == "abstained"


def test_of_two_labels_in_headers_the_higher_holds(client: httpx2.Client) -> None:
    for labels in (("restricted", "public"), ("public", "restricted")):
        headers = [("X-Palier-Label", label) for label in labels]
        reply = client.post("/v1/chat/completions", json=chat(), headers=headers)
        assert reply.json()["palier"]["label"] == "restricted"


def test_a_message_says_its_own_label_and_only_raises(client: httpx2.Client) -> None:
    def label(*turns: dict[str, Any]) -> str:
        reply = client.post("/v1/chat/completions", json=chat(messages=[*turns, {"role": "user", "content": "hello"}]))
        assert reply.status_code == 200, reply.text
        return str(reply.json()["palier"]["label"])

    assert label({"role": "system", "content": "Be brief.", "label": "public"}) == "internal"
    assert label({"role": "user", "content": "My file.", "label": "restricted"}) == "restricted"
    wrong = chat(messages=[{"role": "user", "content": "hello", "label": "secret"}])
    assert "label" in str(error_of(client.post("/v1/chat/completions", json=wrong), 400)["param"])


def test_what_a_tool_said_is_confidential_unless_the_route_says_otherwise(client: httpx2.Client) -> None:
    call = {"id": "call-1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "content": "Ada lives in Brest.", "tool_call_id": "call-1"},
    ]
    reply = client.post("/v1/chat/completions", json=chat(messages=turns))
    assert reply.json()["palier"]["label"] == "confidential"


def test_the_header_that_keeps_a_request_at_home(client: httpx2.Client) -> None:
    for said in ("true", "False"):
        reply = client.post("/v1/chat/completions", json=chat(), headers={"X-Palier-Local-Only": said})
        assert reply.status_code == 200, reply.text
    refused = client.post(
        "/v1/completions", json={"model": "support", "prompt": "x"}, headers={"X-Palier-Local-Only": "1"}
    )
    assert "true or false" in error_of(refused, 400)["message"]


def test_the_name_of_a_conversation_is_short_and_printable(client: httpx2.Client) -> None:
    for name, status in (("support-4711", 200), ("x" * 201, 400), ("a\tb", 400)):
        reply = client.post("/v1/chat/completions", json=chat(), headers={"X-Palier-Conversation": name})
        assert reply.status_code == status, reply.text


# --- raw completions -----------------------------------------------------------------------------------------------


def test_completions_echo_with_logprobs(client: httpx2.Client) -> None:
    body = {"model": "support", "prompt": "Where is it?", "echo": True, "logprobs": 1, "max_tokens": 2}
    (choice,) = client.post("/v1/completions", json=body).json()["choices"]
    assert choice["text"].startswith("Where is it?")
    logprobs = choice["logprobs"]
    assert logprobs["token_logprobs"][0] is None
    assert "".join(logprobs["tokens"]) == choice["text"]
    assert all(
        choice["text"][offset:].startswith(token)
        for offset, token in zip(logprobs["text_offset"], logprobs["tokens"], strict=True)
    )
    refused = client.post("/v1/completions", json={"model": "narrow", "prompt": "Where?", "echo": True})
    assert error_of(refused, 400)["param"] == "echo"


def test_several_prompts_are_answered_in_order(client: httpx2.Client) -> None:
    sent = client.post("/v1/completions", json={"model": "support", "prompt": ["count", "a city"], "n": 2}).json()
    assert [choice["index"] for choice in sent["choices"]] == [0, 1, 2, 3]
    assert sent["choices"][0]["text"] == sent["choices"][1]["text"] == "one two three four five"
    assert sent["choices"][2]["text"].startswith('{"city"')
    assert len(sent["palier"]["others"]) == 1


def test_completions_stream(client: httpx2.Client) -> None:
    body = {"model": "support", "prompt": "count", "stream": True, "stream_options": {"include_usage": True}}
    *chunks, usage, (_, done) = frames(client.post("/v1/completions", json=body).text)
    assert done == "[DONE]"
    assert "".join(chunk["choices"][0]["text"] for _, chunk in chunks) == "one two three four five"
    assert usage[1]["usage"]["completion_tokens"] == 5
    assert usage[1]["palier"]["tier"] == "tier-1"


def test_token_arrays_are_refused_in_words(client: httpx2.Client) -> None:
    error = error_of(client.post("/v1/completions", json={"model": "support", "prompt": [1, 2, 3]}), 400)
    assert error["param"] == "prompt"
    assert "send text" in error["message"]


# --- embeddings, documents, search ---------------------------------------------------------------------------------


def test_embeddings_of_texts_tokens_and_in_base64(gateway: Served, client: httpx2.Client) -> None:
    name = gateway.palier.encoder.name

    def embed(**fields: Any) -> Any:
        reply = client.post("/v1/embeddings", json={"model": name, **fields})
        assert reply.status_code == 200, reply.text
        return reply.json()

    one = embed(input="la pluie")
    several = embed(input=["la pluie", "le soleil"])
    packed = embed(input="la pluie", encoding_format="base64")["data"][0]["embedding"]
    vector = np.array(one["data"][0]["embedding"])
    assert vector.shape == (gateway.palier.encoder.dimension,)
    assert np.allclose(vector, several["data"][0]["embedding"], atol=1e-5)
    assert np.allclose(vector, np.frombuffer(base64.b64decode(packed), "<f4"), atol=1e-6)
    short = np.array(embed(input="la pluie", dimensions=64)["data"][0]["embedding"])
    assert np.isclose(np.linalg.norm(short), 1)
    assert np.allclose(short, vector[:64] / np.linalg.norm(vector[:64]), atol=1e-5)
    (ids,) = gateway.run(gateway.palier.encoder.tokenize(["la pluie"]))  # type: ignore[attr-defined]
    assert one["usage"]["prompt_tokens"] == len(ids)
    assert np.allclose(embed(input=ids)["data"][0]["embedding"], vector, atol=1e-4)
    assert error_of(client.post("/v1/embeddings", json={"model": "other", "input": "a"}), 404)
    assert error_of(client.post("/v1/embeddings", json={"model": name, "input": [999_999_999]}), 400)
    assert error_of(client.post("/v1/embeddings", json={"model": name, "input": "a", "dimensions": 513}), 400)


def test_a_document_lives_by_http(client: httpx2.Client) -> None:
    where = "/v1/palier/collections/notes/documents"
    text = "La fibre de Crozon sera réparée mardi."
    put = client.put(f"{where}/crozon/incident 1", json={"text": text, "title": "Crozon", "label": "internal"})
    assert put.status_code == 200, put.text
    assert (put.json()["id"], put.json()["label"]) == ("crozon/incident 1", "internal")
    assert client.put(f"{where}/other", json={"text": "Le renard dort."}).json()["label"] == "confidential"
    assert client.get(f"{where}/crozon/incident 1").json()["text"] == text
    found = client.post("/v1/palier/search", json={"query": "fibre Crozon", "collections": ["notes"]}).json()["data"]
    assert found[0]["document"] == "crozon/incident 1"
    assert client.post("/v1/palier/search", json={"query": "fibre Crozon"}).json()["data"][0]["collection"] == "notes"
    first = client.get(where, params={"limit": 1}).json()
    assert first["has_more"] is True
    second = client.get(where, params={"limit": 1, "after": first["data"][0]["id"]}).json()
    assert {first["data"][0]["id"], second["data"][0]["id"]} == {"crozon/incident 1", "other"}
    assert "notes" in [collection["name"] for collection in client.get("/v1/palier/collections").json()["data"]]
    assert client.delete(f"{where}/other").json()["deleted"] is True
    assert error_of(client.delete(f"{where}/other"), 404)
    assert error_of(client.get(f"{where}/other"), 404)


@pytest.mark.parametrize(
    ("method", "path", "body", "param"),
    [
        ("PUT", "no%20name/documents/a", {"text": "x"}, "collection"),
        ("PUT", "notes/documents/", {"text": "x"}, "id"),
        ("PUT", "notes/documents/a%00b", {"text": "x"}, "id"),
        ("PUT", "notes/documents/" + "a" * 513, {"text": "x"}, "id"),
        ("PUT", "notes/documents/a", {"text": ""}, "text"),
        ("PUT", "notes/documents/a", {"text": "   "}, "text"),
        ("PUT", "notes/documents/a", {"text": "x", "label": "secret"}, "label"),
        ("PUT", "notes/documents/a", {"text": "x", "colour": "red"}, "colour"),
        ("GET", "notes/documents?limit=0", None, "limit"),
        ("GET", "notes/documents?limit=x", None, "limit"),
        ("GET", "notes/documents?offset=1", None, "offset"),
        ("GET", "notes/documents?after=%00", None, "after"),
    ],
)
def test_a_bad_document_call_is_a_400(client: httpx2.Client, method: str, path: str, body: Any, param: str) -> None:
    reply = client.request(method, f"/v1/palier/collections/{path}", json=body)
    assert error_of(reply, 400)["param"] == param


# --- failing, leaving, waiting -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status"), [("busy", 429), ("garbage", 502), ("refused", 502), ("timeout", 504), ("unavailable", 503)]
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_tier_that_fails_before_a_word_is_an_ordinary_error(
    client: httpx2.Client, kind: str, status: int, stream: bool
) -> None:
    reply = client.post("/v1/chat/completions", json=chat(f"fail: {kind}", stream=stream))
    error_of(reply, status)
    assert reply.headers["retry-after"] == "1"


def test_a_tier_cut_in_the_middle_ends_the_stream_with_an_error_and_no_done(client: httpx2.Client) -> None:
    reply = client.post("/v1/chat/completions", json=chat("cut after three", stream=True))
    assert reply.status_code == 200
    *chunks, (event, last) = frames(reply.text)
    assert "".join(chunk["choices"][0]["delta"]["content"] for _, chunk in chunks) == "one two three"
    assert event == "error"
    assert last["error"]["code"] == "upstream_garbage"
    assert "[DONE]" not in reply.text
    error_of(client.post("/v1/chat/completions", json=chat("cut after three")), 502)


def test_what_nobody_foresaw_shows_nothing_of_the_inside(
    gateway: Served, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def bug(request: Any) -> Any:
        raise ZeroDivisionError("secret internals")

    monkeypatch.setattr(gateway.palier, "answer", bug)
    reply = client.post("/v1/chat/completions", json=chat())
    message = error_of(reply, 500)["message"]
    assert "secret" not in reply.text
    assert reply.headers["x-request-id"].removeprefix("req-") in message


def test_a_bug_in_the_middle_of_a_stream_is_an_error_event(
    gateway: Served, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = gateway.palier.stream

    async def bug(request: Any) -> Any:
        async for event in whole(request):
            yield event
            raise ZeroDivisionError("secret internals")

    monkeypatch.setattr(gateway.palier, "stream", bug)
    reply = client.post("/v1/chat/completions", json=chat(stream=True))
    assert frames(reply.text)[-1][0] == "error"
    assert "secret" not in reply.text
    assert "[DONE]" not in reply.text


def _leave(gateway: Served, body: dict[str, Any], wait_for: bytes) -> None:
    """Send a request by hand and close the connection once `wait_for` was read (at once, when empty)."""
    content = json.dumps(body).encode()
    host, port = gateway.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {gateway.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + content)
        read = b""
        while wait_for not in read:
            read += connection.recv(65_536)
        if not wait_for:
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("body", "wait_for"),
    [
        (chat("slowly", stream=True), b'"content":"word'),
        (chat("slowly"), b""),
        (chat("think first"), b""),
        (chat("think first", stream=True), b""),
    ],
)
def test_a_client_that_leaves_ends_the_generation_and_is_recorded(
    gateway: Served, body: dict[str, Any], wait_for: bytes
) -> None:
    model: Any = gateway.palier.models["scripted"]
    before = model.abandoned
    started = time.time()
    _leave(gateway, body, wait_for)
    assert until(lambda: model.abandoned == before + 1)

    def recorded() -> bool:
        traces = gateway.run(gateway.palier.traces.list(limit=5, status="abandoned"))
        return any(trace.created >= started for trace in traces)

    assert until(recorded)


def test_a_full_queue_is_a_429_and_the_place_comes_back(tmp_path: Path) -> None:
    write_script(tmp_path)
    with served({**STAIRS, "server": {"max_concurrent": 1, "max_queue": 1}}, tmp_path) as own:
        model: Any = own.palier.models["scripted"]
        with httpx2.Client(base_url=own.url, headers=own.headers, timeout=30) as client:
            with client.stream("POST", "/v1/chat/completions", json=chat("slowly", stream=True)) as first:
                chunks = first.iter_bytes()
                next(chunks)
                waiting = _connection(own, chat("hello"))
                assert until(lambda: client.post("/v1/chat/completions", json=chat()).status_code == 429)
                reply = client.post("/v1/chat/completions", json=chat())
                assert error_of(reply, 429)["code"] == "queue_full"
                assert int(reply.headers["retry-after"]) >= 1
                assert client.get("/healthz").status_code == client.get("/v1/models").status_code == 200
            assert b"Brest is in Brittany." in waiting()
            assert client.post("/v1/chat/completions", json=chat()).status_code == 200
            assert until(lambda: model.abandoned == 1)


def _connection(gateway: Served, body: dict[str, Any], length: int | None = None) -> Callable[[], bytes]:
    """Send a request on a connection of its own; what comes back reads the answer. `length` may promise more."""
    content = json.dumps(body).encode()
    host, port = gateway.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {gateway.key}\r\n"
        f"Connection: close\r\nContent-Length: {length or len(content)}\r\n\r\n".encode()
        + content
    )

    def read() -> bytes:
        with connection:
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    return read


def test_a_request_that_takes_too_long_is_a_504_or_an_error_event(tmp_path: Path) -> None:
    write_script(tmp_path)
    with (
        served({**STAIRS, "server": {"request_timeout_s": 0.5}}, tmp_path) as own,
        httpx2.Client(base_url=own.url, headers=own.headers, timeout=30) as client,
    ):
        assert "0.5 s" in error_of(client.post("/v1/chat/completions", json=chat("think first")), 504)["message"]
        streamed = client.post("/v1/chat/completions", json=chat("slowly", stream=True))
        assert frames(streamed.text)[-1][1]["error"]["code"] == "upstream_timeout"
        assert "[DONE]" not in streamed.text
        model: Any = own.palier.models["scripted"]
        assert until(lambda: model.abandoned == 2)
        dribbling = _connection(own, chat(), length=1000)()
        assert b" 408 " in dribbling.partition(b"\r\n")[0]
        assert b"request_timeout" in dribbling


def test_half_a_request_is_not_waited_for_after_its_client_left(gateway: Served, client: httpx2.Client) -> None:
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {gateway.key}\r\n"
            f"Content-Length: 1000\r\n\r\n{{".encode()
        )
        time.sleep(0.05)
    assert client.post("/v1/chat/completions", json=chat()).status_code == 200


def test_the_script_is_the_one_the_tests_speak_of() -> None:
    assert SCRIPT[-1]["answer"] == "Brest is in Brittany."
