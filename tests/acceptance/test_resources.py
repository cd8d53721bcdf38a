"""What a request took, seen by a client: the same streamed and not, to the token; and with its method."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from palier.app import Palier
from palier.config import parse
from palier.server.http import serve
from palier.testing.upstream import Behaviour, Upstream, answers, replies, sends

COUNTED = {"prompt_tokens": 1200, "completion_tokens": 300, "prompt_tokens_details": {"cached_tokens": 1000}}


def chunk(text: str | None = None, **fields: Any) -> dict[str, Any]:
    choices = [] if text is None else [{"index": 0, "delta": {"content": text}, "finish_reason": None}]
    return {"id": "x", "object": "chat.completion.chunk", "choices": choices, **fields}


END = {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
WHOLE = {"index": 0, "message": {"role": "assistant", "content": "Bonjour"}, "finish_reason": "stop"}
SHAPES: dict[str, Behaviour] = {
    "at the end": answers("Bonjour, tout va bien.", usage=(1200, 300)),
    "with what was cached": sends(chunk("Bon"), chunk("jour"), END, chunk(usage=COUNTED)),
    "in a last chunk with the finish": sends(chunk("Bonjour"), {**END, "usage": COUNTED}),
    "null until the end": sends(chunk("Bonjour", usage=None), END, chunk(usage=COUNTED)),
    "never": answers("Bonjour, tout va bien.", usage=None),
    "in one reply": replies(200, {"id": "x", "choices": [WHOLE], "usage": COUNTED}),
}


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Any]:
    """Asks the gateway the same question streamed and not; gives (usage, `palier`) of both."""
    async with Upstream() as upstream:
        cloud = {
            "kind": "endpoint",
            "base_url": upstream.url,
            "model": "large",
            "price": {"input": 0.15, "output": 0.6, "cached": 0.075},
            "impacts_as": "openai/gpt-4o-mini",
            "zone": "SWE",
        }
        tiers = [{"model": "cloud", "highest_label": "internal"}]
        tree = {"server": {"port": 0}, "models": {"cloud": cloud}, "routes": {"cloud": {"tiers": tiers}}}
        async with Palier.open(parse(tree, root=tmp_path)) as palier:
            ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            serving = asyncio.create_task(serve(palier, ready=ready.set_result))
            headers = {"Authorization": f"Bearer {palier.key}"}
            async with httpx2.AsyncClient(base_url=await ready, headers=headers, timeout=30) as client:

                async def both(behaviour: Behaviour) -> list[tuple[Any, Any]]:
                    found = []
                    for stream in (False, True):
                        upstream.script = [behaviour]
                        body = {
                            "model": "cloud",
                            "messages": [{"role": "user", "content": "Bonjour"}],
                            "stream": stream,
                        }
                        if stream:
                            body["stream_options"] = {"include_usage": True}
                        reply = await client.post("/v1/chat/completions", json=body)
                        assert reply.status_code == 200, reply.text
                        found.append(_of(reply.text) if stream else _whole(reply.json()))
                    return found

                yield both
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


def _whole(body: Any) -> tuple[Any, Any]:
    return body.get("usage"), body["palier"]


def _of(text: str) -> tuple[Any, Any]:
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    usage = next((chunk["usage"] for chunk in chunks if chunk.get("usage")), None)
    return usage, next(chunk["palier"] for chunk in chunks if chunk.get("palier"))


@pytest.mark.parametrize("shape", SHAPES)
async def test_streamed_and_not_take_the_same_to_the_token(asked: Any, shape: str) -> None:
    (usage, plain), (usage_streamed, streamed) = await asked(SHAPES[shape])
    assert usage == usage_streamed
    for figure in ("cost", "energy", "carbon"):
        assert plain[figure] == streamed[figure]
        assert plain[figure]["value"] > 0
        assert plain["steps"][0][figure] == plain[figure]
    assert (usage is None) == (shape == "never")
    basis = "estimated" if shape == "never" else "measured"
    assert (plain["cost"]["basis"], plain["energy"]["basis"], plain["carbon"]["basis"]) == (
        basis,
        "estimated",
        "estimated",
    )


async def test_cached_tokens_cost_what_they_cost_and_the_methods_are_told(asked: Any) -> None:
    (usage, plain), _ = await asked(SHAPES["with what was cached"])
    assert usage["prompt_tokens_details"] == {"cached_tokens": 1000}
    assert plain["cost"]["value"] == pytest.approx((200 * 0.15 + 1000 * 0.075 + 300 * 0.6) / 1e6)
    assert plain["energy"]["method"].startswith("ecologits ")
    assert "as openai/gpt-4o-mini" in plain["energy"]["method"]
    assert "SWE 40.7 g/kWh" in plain["carbon"]["method"]
    assert plain["carbon"]["value"] == pytest.approx(plain["energy"]["value"] * 40.695 / 1000)
    assert plain["carbon"]["low"] < plain["carbon"]["value"] < plain["carbon"]["high"]
