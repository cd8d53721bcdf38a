"""Recorded exchanges and documented examples of the OpenAI API, replayed: palier's answers fit OpenAI's own schemas."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import pytest
import yaml
from tests.serving import Served

pytestmark = pytest.mark.data

DATA = Path(os.environ.get("PALIER_BENCH_DATA", "/nowhere")) / "openai_wire"

REFUSED = {
    "messages[0].content[1].type": "files and pictures",
    "web_search_options": "search of the web",
    "moderation": "moderation by request",
}
"""What palier says no to, by `param`: nothing else among the recorded requests may be refused."""


def _recorded() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for file in sorted(DATA.glob("cassettes/*.yaml.gz")):
        for index, exchange in enumerate(yaml.safe_load(gzip.decompress(file.read_bytes()))["interactions"]):
            request = exchange["request"]
            if request["method"] == "POST" and request["uri"].endswith("/chat/completions"):
                found.append((f"{file.name.removesuffix('.yaml.gz')}-{index}", request["parsed_body"]))
    return found


def _documented() -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    with gzip.open(DATA / "spec_examples.jsonl.gz", "rt", encoding="utf-8") as lines:
        for example in map(json.loads, lines):
            body = re.search(r"-d '(\{.*\})'", example["request_curl"] or "", re.DOTALL)
            if example["path"] in ("/chat/completions", "/completions", "/embeddings") and body:
                name = f"{example['path']} {example['title']}"
                found.append((name, example["path"], json.loads(body.group(1))))
    return found


def _with_nulls(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable`, which the document still uses, as JSON Schema says it."""
    if isinstance(schema, list):
        return [_with_nulls(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _with_nulls(item) for name, item in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


HERE = DATA.is_dir()
RECORDED = _recorded() if HERE else []
DOCUMENTED = _documented() if HERE else []

Check = Callable[[str, Any], None]


@pytest.fixture(scope="module")
def fits() -> Check:
    """Checks a value against one of the schemas of OpenAI's document."""
    if not HERE:
        pytest.skip("no recorded exchanges: set PALIER_BENCH_DATA")
    components = _with_nulls(json.loads(gzip.decompress((DATA / "openapi.json.gz").read_bytes()))["components"])

    def check(name: str, value: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": components}
        errors = [f"{error.instance_path}: {error.message}" for error in jsonschema_rs.iter_errors(schema, value)]
        assert not errors, errors

    return check


@pytest.fixture
def client(gateway: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=gateway.base_url, headers=gateway.headers, timeout=30) as made:
        yield made


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("name", "body"), RECORDED, ids=[name for name, _ in RECORDED])
def test_a_recorded_request_is_answered_or_refused_by_name(
    client: httpx2.Client, fits: Check, name: str, body: dict[str, Any], stream: bool
) -> None:
    sent = {**body, "model": "support", "stream": stream}
    reply = client.post("/chat/completions", json=sent)
    if reply.status_code == 400:
        fits("ErrorResponse", reply.json())
        assert reply.json()["error"]["param"] in REFUSED, reply.text
    else:
        _check_answer(fits, "/chat/completions", reply, stream)


@pytest.mark.parametrize(("name", "path", "body"), DOCUMENTED, ids=[name for name, _, _ in DOCUMENTED])
def test_a_documented_example_is_answered_or_refused_by_name(
    gateway: Served, client: httpx2.Client, fits: Check, name: str, path: str, body: dict[str, Any]
) -> None:
    model = gateway.palier.encoder.name if path == "/embeddings" else "support"
    reply = client.post(path, json={**body, "model": model})
    if reply.status_code == 400:
        assert reply.json()["error"]["param"] in REFUSED, reply.text
    else:
        _check_answer(fits, path, reply, bool(body.get("stream")))


def _check_answer(fits: Check, path: str, reply: httpx2.Response, stream: bool) -> None:
    assert reply.status_code == 200, reply.text
    whole, chunk = {
        "/chat/completions": ("CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"),
        "/completions": ("CreateCompletionResponse", "CreateCompletionResponse"),
        "/embeddings": ("CreateEmbeddingResponse", ""),
    }[path]
    if not stream:
        fits(whole, reply.json())
        return
    *frames, done = reply.text.removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]"
    for frame in frames:
        sent = json.loads(frame.removeprefix("data: "))
        if path == "/completions":  # the document has one schema for both, and says null in its example of a chunk
            sent["choices"] = [{**choice, "finish_reason": "stop"} for choice in sent["choices"]]
        fits(chunk, sent)


def test_the_list_of_models_fits(client: httpx2.Client, fits: Check) -> None:
    fits("ListModelsResponse", client.get("/models").json())
    fits("Model", client.get("/models/support/tier-1").json())


def test_everything_at_once_fits(client: httpx2.Client, fits: Check) -> None:
    body = {
        "model": "support",
        "messages": [{"role": "user", "content": "What is the weather?"}],
        "tools": [{"type": "function", "function": {"name": "weather"}}],
        "logprobs": True,
        "top_logprobs": 2,
        "n": 2,
        "stream_options": {"include_usage": True},
        "stream": True,
    }
    for text in ("What is the weather?", "hello"):
        turns = [{"role": "user", "content": text}]
        _check_answer(
            fits, "/chat/completions", client.post("/chat/completions", json={**body, "messages": turns}), True
        )
        whole = {key: value for key, value in body.items() if not key.startswith("stream")}
        _check_answer(
            fits, "/chat/completions", client.post("/chat/completions", json={**whole, "messages": turns}), False
        )
    raw = {"model": "support", "prompt": "count", "logprobs": 2}
    _check_answer(fits, "/completions", client.post("/completions", json=raw), False)
