"""A real gateway for the tests: the whole of palier on a loopback port, its event loop in a thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from palier.app import Palier
from palier.config import parse
from palier.server.http import serve

T = TypeVar("T")


@dataclass(frozen=True)
class Served:
    """Where it listens, the key, and the parts inside."""

    url: str
    key: str
    palier: Palier
    loop: asyncio.AbstractEventLoop

    @property
    def base_url(self) -> str:
        """What an OpenAI client is given."""
        return f"{self.url}/v1"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the gateway's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


@contextmanager
def served(tree: dict[str, Any], folder: Path) -> Iterator[Served]:
    """Serve the settings `tree`, its files and its data in `folder`, until the context ends."""
    settings = parse({**tree, "server": {"port": 0, **tree.get("server", {})}}, root=folder)
    started: concurrent.futures.Future[Served] = concurrent.futures.Future()
    stop = asyncio.Event()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with Palier.open(settings) as palier:
            gateway = asyncio.create_task(
                serve(palier, ready=lambda url: started.set_result(Served(url, palier.key, palier, loop)))
            )
            ended = asyncio.create_task(stop.wait())
            await asyncio.wait({gateway, ended}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            gateway.cancel()
            with suppress(asyncio.CancelledError):
                await gateway

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="gateway", daemon=True)
    thread.start()
    gateway = started.result(60)
    try:
        yield gateway
    finally:
        gateway.loop.call_soon_threadsafe(stop.set)
        thread.join(30)


STAIRS: dict[str, Any] = {
    "models": {
        "scripted": {"kind": "fake", "file": "script.jsonl"},
        "narrow": {"kind": "fake", "file": "script.jsonl", "capabilities": ["chat", "completions"], "context": 40},
    },
    "routes": {
        "support": {"tiers": [{"model": "scripted", "highest_label": "restricted"}], "message_label": "internal"},
        "stairs": {
            "tiers": [
                {"model": "narrow", "highest_label": "restricted", "threshold": 0.0},
                {"model": "scripted", "highest_label": "internal"},
            ],
        },
        "narrow": {"tiers": [{"model": "narrow", "highest_label": "internal", "name": "small"}]},
        "library": {"tiers": [{"model": "scripted", "highest_label": "restricted"}], "collections": ["notes"]},
    },
}

WEATHER = {"id": "call_1", "name": "weather", "arguments": '{"city":"Brest"}'}

SCRIPT: tuple[dict[str, Any], ...] = (
    *({"match": f"fail: {kind}", "fail": kind} for kind in ("busy", "garbage", "refused", "timeout", "unavailable")),
    {"match": "cut after three", "answer": "one two three four five", "fail": "cut", "after": 3},
    {"match": "slowly", "answer": "word " * 400, "delay_s": 0.02},
    {"match": "think first", "answer": "done", "first_s": 20.0},
    {"match": "a city", "answer": '{"city":"Brest","rain":true}'},
    {"pattern": "(?i)weather", "tools": [WEATHER], "answer": ""},
    {"pattern": "^count$", "answer": "one two three four five"},
    {"answer": "Brest is in Brittany."},
)


def write_script(folder: Path) -> None:
    """The rules of the fake models of `STAIRS`."""
    (folder / "script.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in SCRIPT))
