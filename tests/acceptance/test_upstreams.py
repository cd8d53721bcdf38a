"""An upstream that fails in every way, seen by a client of the gateway: a clear error, never a hang, never half a truth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from palier.app import Palier
from palier.config import parse
from palier.server.http import serve
from palier.testing.upstream import (
    Behaviour,
    Upstream,
    answers,
    cuts,
    disconnects,
    garbage,
    not_http,
    redirects,
    refuses,
    sends,
    stalls,
)


@dataclass
class Chain:
    """A client, a gateway and its upstream, on one event loop."""

    client: httpx2.AsyncClient
    palier: Palier
    upstream: Upstream

    async def ask(self, **fields: Any) -> httpx2.Response:
        body = {"model": "cloud", "messages": [{"role": "user", "content": "Bonjour"}], **fields}
        return await self.client.post("/v1/chat/completions", json=body)


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with Upstream() as upstream:
        settings = parse(
            {
                "server": {"port": 0},
                "models": {
                    "cloud": {
                        "kind": "endpoint",
                        "base_url": upstream.url,
                        "model": "large",
                        "retries": 0,
                        "first_token_timeout_s": 0.5,
                        "total_timeout_s": 1.0,
                    }
                },
                "routes": {"cloud": {"tiers": [{"model": "cloud", "highest_label": "internal"}]}},
            },
            root=tmp_path,
        )
        async with Palier.open(settings) as palier:
            started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            gateway = asyncio.create_task(serve(palier, ready=started.set_result))
            headers = {"Authorization": f"Bearer {palier.key}"}
            async with httpx2.AsyncClient(base_url=await started, headers=headers, timeout=20) as client:
                yield Chain(client, palier, upstream)
            gateway.cancel()
            with suppress(asyncio.CancelledError):
                await gateway


async def test_what_the_upstream_says_arrives(chain: Chain) -> None:
    chain.upstream.script = [answers("Bonjour à tous."), answers("Bonjour à tous.")]
    whole = (await chain.ask()).json()
    assert whole["choices"][0]["message"]["content"] == "Bonjour à tous."
    assert whole["usage"]["total_tokens"] == 12
    streamed = (await chain.ask(stream=True)).text
    assert streamed.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        (garbage(), 502, "upstream_garbage"),
        (garbage(b'{"choices": 5}', "application/json"), 502, "upstream_garbage"),
        (not_http(), 502, "upstream_garbage"),
        (disconnects(), 502, "upstream_garbage"),
        (redirects("http://127.0.0.1:9/v1"), 502, "upstream_refused"),
        (refuses(401, "bad key sk-secret"), 502, "upstream_refused"),
        (refuses(429, "slow down", retry_after=7), 502, "upstream_refused"),
        (refuses(500, "boom"), 502, "upstream_refused"),
        (refuses(400, "no such thing", param="seed"), 400, "invalid_request"),
        (stalls(), 504, "upstream_timeout"),
    ],
    ids=["html", "wrong-json", "not-http", "closes", "redirects", "401", "429", "500", "400", "stalls"],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_failure_before_a_word_is_an_error_in_openais_shape(
    chain: Chain, behaviour: Behaviour, status: int, code: str, stream: bool
) -> None:
    chain.upstream.default = behaviour
    reply = await chain.ask(stream=stream)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code), reply.text
    assert "sk-secret" not in reply.text
    (trace,) = await chain.palier.traces.list(limit=1)
    assert trace.status in ("failed", "abstained")


@pytest.mark.parametrize(
    "behaviour",
    [
        cuts(after=2),
        stalls(after=2),
        sends({"choices": [{"index": 0, "delta": {"content": "Bon"}}]}, "nonsense\n\n", done=False),
    ],
    ids=["cuts", "stalls", "nonsense"],
)
async def test_a_failure_in_the_middle_is_an_error_event_and_no_done(chain: Chain, behaviour: Behaviour) -> None:
    chain.upstream.default = behaviour
    reply = await chain.ask(stream=True)
    assert reply.status_code == 200
    *_, last = reply.text.removesuffix("\n\n").split("\n\n")
    assert last.startswith("event: error\ndata: ")
    assert json.loads(last.partition("data: ")[2])["error"]["code"].startswith("upstream_")
    assert "[DONE]" not in reply.text
    whole = await chain.ask()
    assert whole.status_code in (502, 504)


async def test_a_client_that_leaves_frees_the_upstream(chain: Chain) -> None:
    chain.upstream.default = answers("un deux trois quatre", delay_s=0.2)
    body = {"model": "cloud", "messages": [{"role": "user", "content": "compte"}], "stream": True}
    async with chain.client.stream("POST", "/v1/chat/completions", json=body) as reply:
        async for _ in reply.aiter_bytes():
            break
    await asyncio.wait_for(chain.upstream.left.wait(), 5)
