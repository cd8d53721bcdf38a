"""What a thousand requests cost, streamed and not: the same to the token; and what cannot be counted is said."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from palier.accounting import report
from palier.app import Palier
from palier.config import parse
from palier.server.http import serve
from palier.spending import Line, budget_words
from palier.testing.upstream import Call, Upstream, Wire, answers

MANY = 1_000
AT_ONCE = 16


async def counted(call: Call, wire: Wire) -> None:
    """Says of each question how many tokens it took; of every tenth it does not."""
    found = re.search(r"number (\d+)", str(call.json["messages"]))
    n = int(found[1]) if found else 0
    usage = None if n % 10 == 9 else (n * 7919 % 4001 + 1, n * 104729 % 997 + 1)
    await answers(f"Answer {n}, and some more of it.", usage=usage)(call, wire)


@asynccontextmanager
async def gateway(folder: Path, **routes: Any) -> AsyncIterator[tuple[Palier, httpx2.AsyncClient]]:
    """One over an upstream, its models priced and not."""
    async with Upstream() as upstream:
        upstream.default = counted
        endpoint = {"kind": "endpoint", "base_url": upstream.url, "model": "large"}
        models = {"priced": {**endpoint, "price": {"input": 0.15, "output": 0.6}}, "unpriced": endpoint}
        async with Palier.open(
            parse({"server": {"port": 0}, "models": models, "routes": routes}, root=folder)
        ) as palier:
            ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            serving = asyncio.create_task(serve(palier, ready=ready.set_result))
            headers = {"Authorization": f"Bearer {palier.key}"}
            async with httpx2.AsyncClient(base_url=await ready, headers=headers, timeout=60) as client:
                yield palier, client
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


def tiers(model: str) -> dict[str, Any]:
    return {"tiers": [{"model": model, "highest_label": "internal"}], "audit": 0}


async def lines(palier: Palier) -> dict[str, Line]:
    went = await palier.hours.went_by(0, time.time() + 1)
    return {line.name: line for line in report(went, "route", palier.routes, {}).lines}


@pytest.mark.slow
async def test_a_thousand_requests_cost_the_same_streamed_and_not(tmp_path: Path) -> None:
    budget = {"budget": {"soft": 1.0}}
    async with gateway(tmp_path, whole={**tiers("priced"), **budget}, streamed={**tiers("priced"), **budget}) as opened:
        palier, client = opened
        room = asyncio.Semaphore(AT_ONCE)

        async def ask(route: str, n: int) -> None:
            messages = [{"role": "user", "content": f"This is number {n}."}]
            body = {"model": route, "messages": messages, "stream": route == "streamed"}
            async with room:
                reply = await client.post("/v1/chat/completions", json=body)
                assert reply.status_code == 200, reply.text

        await asyncio.gather(*(ask(route, n) for route in ("whole", "streamed") for n in range(MANY)))
        found = await lines(palier)
        whole, streamed = found["whole"], found["streamed"]
        assert whole.requests == streamed.requests == MANY
        assert (whole.prompt, whole.completion, whole.uncounted) == (
            streamed.prompt,
            streamed.completion,
            streamed.uncounted,
        )
        assert whole.uncounted == MANY // 10
        assert whole.prompt > MANY
        assert whole.cost.value == pytest.approx(streamed.cost.value, rel=1e-12)
        assert whole.cost.unknown == streamed.cost.unknown == 0
        for standing in await palier.budgets_now():
            assert standing.sides[0].spent == pytest.approx(whole.cost.value)


async def test_a_model_without_a_price_is_unknown_and_the_budget_says_so(tmp_path: Path) -> None:
    soft, hard = {"budget": {"soft": 1.0}}, {"budget": {"hard": 1.0}}
    routes = {"soft": {**tiers("unpriced"), **soft}, "hard": {**tiers("unpriced"), **hard}}
    async with gateway(tmp_path, **routes) as (palier, client):
        replies = {}
        for route in ("soft", "soft", "hard"):
            body = {"model": route, "messages": [{"role": "user", "content": "This is number 1."}]}
            replies[route] = await client.post("/v1/chat/completions", json=body)
        assert replies["soft"].status_code == 200
        assert replies["soft"].json()["palier"]["cost"]["basis"] == "unknown"
        assert replies["hard"].status_code == 429
        error = replies["hard"].json()["error"]
        assert (error["code"], "retry-after" in replies["hard"].headers) == ("budget_exceeded", False)
        assert "no price is known for unpriced" in error["message"]
        line = (await lines(palier))["soft"]
        assert (line.cost.value, line.cost.unknown, line.requests) == (0.0, 2, 2)
        (standing, _) = await palier.budgets_now()
        assert "the budget cannot count 2 requests" in budget_words(standing)
        assert "the budget cannot count 2 requests" in (await palier.status())[0].budget
