"""What the gateway costs: palier against a bare Starlette + aiohttp pass-through, before the same upstream.

    python -m benchmarks.gateway [--seconds 3] [--rounds 16] [--connections 32]

Both gateways run as one process on one core; upstream and load share the other. Rounds alternate between the two, so
that a slow minute of the machine hits both. palier does its whole job: key, routing, label gate, recording on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.results import keep, mean_and_error

BODY = b'{"model":"bench","messages":[{"role":"user","content":"What does the Goeland fibre cost each month?"}]}'
ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"upstream","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"It costs 29.99 euros a month, with television included, for twelve months."},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":18,"total_tokens":38}}'
)
CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"u","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n'
LAST = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"u","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"u","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":16,"total_tokens":36}}\n\n'
CHUNKS, GAP_S = 16, 0.02
"""Fifty tokens a second, as a large model writes: 32 streams then leave the gateways time to breathe."""


# --- the upstream: preformatted bytes, so that it never is the bottleneck -------------------------------------------


class Upstream(asyncio.Protocol):
    """Answers any POST at once, or streams `CHUNKS` chunks when the body asks for a stream."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, separator, body = self.data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = next(
            (
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        if len(body) < length:
            return
        self.data = body[length:]
        if b'"stream":true' in body[:length].replace(b" ", b"") and head.startswith(b"POST /v1/stream"):
            self.streaming = asyncio.ensure_future(self.stream())
        elif b'"stream":true' in body[:length].replace(b" ", b""):
            reply = b"".join(
                [CHUNK.replace(b"word ", b"It costs 29.99 euros a month."), LAST, USAGE, b"data: [DONE]\n\n"]
            )
            self.write(b"text/event-stream", reply)
        else:
            self.write(b"application/json", ANSWER)

    def write(self, kind: bytes, reply: bytes) -> None:
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (kind, len(reply)) + reply
        )

    async def stream(self) -> None:
        write = self.transport.write
        write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in [*[CHUNK] * CHUNKS, LAST, USAGE, b"data: [DONE]\n\n"]:
            write(b"%x\r\n%b\r\n" % (len(part), part))
            await asyncio.sleep(GAP_S)
        write(b"0\r\n\r\n")


async def serve_upstream(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


# --- the baseline: as little as a pass-through can do ----------------------------------------------------------------


def serve_bare(port: int, upstream: int) -> None:
    import aiohttp
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse
    from starlette.routing import Route

    session: aiohttp.ClientSession | None = None

    async def forward(request: Request) -> Response:
        nonlocal session
        session = session or aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        body = await request.body()
        url = f"http://127.0.0.1:{upstream}{request.url.path}"
        if b'"stream"' not in body:
            async with session.post(url, data=body) as reply:
                return Response(await reply.read(), media_type="application/json")
        opened = await session.post(url, data=body)

        async def chunks():  # type: ignore[no-untyped-def]
            async with opened:
                async for chunk in opened.content.iter_any():
                    yield chunk

        return StreamingResponse(chunks(), media_type="text/event-stream")

    app = Starlette(routes=[Route("/{path:path}", forward, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


# --- the load --------------------------------------------------------------------------------------------------------


class Client:
    """One keep-alive connection that reads replies without parsing more than it must."""

    def __init__(self, port: int, path: str, key: str, body: bytes) -> None:
        self.port = port
        self.request = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def exchange(self) -> tuple[float, float]:
        """Seconds to the first byte of the body's first event with text, and to the end."""
        started = time.perf_counter()
        self.writer.write(self.request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(head.decode() + (await self.reader.read(2000)).decode(errors="replace"))
        if b"content-length:" in head:
            await self.reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
            end = time.perf_counter() - started
            return end, end
        first = 0.0
        while size := int((await self.reader.readline()).strip(), 16):
            chunk = await self.reader.readexactly(size + 2)
            if not first and b"word" in chunk:
                first = time.perf_counter() - started
        await self.reader.readline()
        return first, time.perf_counter() - started


async def load(port: int, path: str, key: str, body: bytes, connections: int, seconds: float) -> dict[str, float]:
    """Requests per second and latencies (ms) of `connections` clients that each ask again at once."""
    clients = [Client(port, path, key, body) for _ in range(connections)]
    for client in clients:
        await client.open()
    firsts: list[float] = []
    totals: list[float] = []
    stop = time.perf_counter() + seconds

    async def ask(client: Client) -> None:
        while time.perf_counter() < stop:
            first, total = await client.exchange()
            firsts.append(first)
            totals.append(total)
        client.writer.close()

    started = time.perf_counter()
    await asyncio.gather(*[ask(client) for client in clients])
    elapsed = time.perf_counter() - started
    return {
        "requests_per_s": len(totals) / elapsed,
        "p50_ms": float(np.percentile(totals, 50)) * 1000,
        "p99_ms": float(np.percentile(totals, 99)) * 1000,
        "first_p50_ms": float(np.percentile(firsts, 50)) * 1000,
    }


# --- the whole -------------------------------------------------------------------------------------------------------

CONFIG = """
data = "data"
[server]
port = {port}
max_concurrent = 256
[models.upstream]
kind = "endpoint"
base_url = "http://127.0.0.1:{upstream}/v1"
model = "upstream"
on_premises = true
[models.streaming]
kind = "endpoint"
base_url = "http://127.0.0.1:{upstream}/v1/stream"
model = "upstream"
on_premises = true
[routes.bench]
tiers = [{{ model = "upstream", highest_label = "internal" }}]
[routes.stream]
tiers = [{{ model = "streaming", highest_label = "internal" }}]
"""


@contextlib.contextmanager
def processes(ports: dict[str, int], folder: Path):  # type: ignore[no-untyped-def]
    """Upstream, bare pass-through and palier, each a process; gateways on the first core, the rest on the second."""
    config = folder / "palier.toml"
    config.write_text(CONFIG.format(port=ports["palier"], upstream=ports["upstream"]))
    me = [sys.executable, "-m", "benchmarks.gateway"]
    commands = {
        "upstream": [*me, "--serve-upstream", str(ports["upstream"])],
        "bare": [*me, "--serve-bare", str(ports["bare"]), str(ports["upstream"])],
        "palier": [sys.executable, "-m", "palier", "serve", "--config", str(config)],
    }
    started = {}
    try:
        for name, command in commands.items():
            started[name] = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            with contextlib.suppress(AttributeError, OSError):
                os.sched_setaffinity(started[name].pid, {1 if name == "upstream" else 0})
        with contextlib.suppress(AttributeError, OSError):
            os.sched_setaffinity(0, {1})
        yield started
    finally:
        for process in started.values():
            process.terminate()
        for process in started.values():
            process.wait(15)


async def wait_for(port: int) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"nothing listens on port {port}")


def free_ports(count: int) -> list[int]:
    import socket

    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


async def measure(arguments: argparse.Namespace) -> dict[str, object]:
    ports = dict(zip(("upstream", "bare", "palier"), free_ports(3), strict=True))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with processes(ports, folder):
            for port in ports.values():
                await wait_for(port)
            key = (folder / "data" / "key").read_text().strip()
            figures: dict[str, object] = {}
            for kind in ("whole", "stream"):
                figures[kind] = await compare(kind, ports, key, arguments)
    return figures


async def compare(kind: str, ports: dict[str, int], key: str, arguments: argparse.Namespace) -> dict[str, object]:
    streamed = kind == "stream"
    body = BODY[:-1] + b',"stream":true}' if streamed else BODY
    body = {
        "bare": body,
        "palier": body.replace(b'"bench"', b'"stream"') if streamed else body,
    }
    path = {
        "bare": "/v1/stream/chat/completions" if streamed else "/v1/chat/completions",
        "palier": "/v1/chat/completions",
    }
    rounds: dict[str, list[dict[str, float]]] = {"bare": [], "palier": []}
    for name in rounds:
        await load(ports[name], path[name], key, body[name], arguments.connections, 2)
    for turn in range(arguments.rounds):
        for name in sorted(rounds, reverse=bool(turn % 2)):
            rounds[name].append(
                await load(ports[name], path[name], key, body[name], arguments.connections, arguments.seconds)
            )
    pairs = list(zip(rounds["bare"], rounds["palier"], strict=True))
    return {
        **{name: {k: mean_and_error([r[k] for r in kept]) for k in kept[0]} for name, kept in rounds.items()},
        "requests_per_s_ratio": mean_and_error([p["requests_per_s"] / b["requests_per_s"] for b, p in pairs]),
        "p99_ratio": mean_and_error([p["p99_ms"] / b["p99_ms"] for b, p in pairs]),
        "first_chunk_later_ms": mean_and_error([p["first_p50_ms"] - b["first_p50_ms"] for b, p in pairs]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--serve-upstream", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--serve-bare", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve_upstream:
        asyncio.run(serve_upstream(arguments.serve_upstream))
    elif arguments.serve_bare:
        serve_bare(*arguments.serve_bare)
    else:
        keep("gateway", asyncio.run(measure(arguments)))


if __name__ == "__main__":
    main()
