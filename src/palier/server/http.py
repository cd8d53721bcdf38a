"""The gateway as an ASGI application, and the server that runs it."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from starlette.routing import Route, Router

from palier.access import OWNER, Role
from palier.app import Palier
from palier.errors import ConfigurationError
from palier.server import feedback_api, models, openai_api, palier_api, traces_api
from palier.server.auth import NEEDS, Authenticator, Need
from palier.server.console.routing import routes as console_routes
from palier.server.corked import CorkedProtocol
from palier.server.edge import Edge, not_found
from palier.server.endpoint import Endpoint, Gateway, Handler, Resource
from palier.server.limits import Places
from palier.server.metrics import metrics
from palier.server.openapi import document
from palier.server.probes import Probes
from palier.server.quotas import Quotas
from palier.server.watch import Patrol
from palier.stores.actions import KEY_SHOWN

_KEEP_ALIVE_S = 75
"""Longer than clients keep an idle connection, so that none writes into one that is just being closed."""


def create_app(palier: Palier) -> Edge:
    """The ASGI application of an open palier."""
    settings = palier.settings.server
    places = Places(settings.max_concurrent, settings.max_queue)
    palier.auditor.load = palier.shadow.load = lambda: places.taken / settings.max_concurrent
    gateway = Gateway(
        palier=palier,
        places=places,
        authenticate=Authenticator(palier.key, palier.access.keys),
        quotas=Quotas(palier.access.purse),
        max_body_bytes=settings.max_body_bytes,
        patrol=Patrol(settings.request_timeout_s),
    )
    pages = console_routes(gateway) if palier.settings.console.enabled else []
    return Edge(Router([*_routes(gateway), *pages], redirect_slashes=False, default=not_found), settings)


def _routes(gateway: Gateway) -> list[Route]:
    def at(path: str, **endpoints: Callable[[Need], Endpoint]) -> Route:
        return Route(path, Resource({method: made(NEEDS[path][method]) for method, made in endpoints.items()}))

    def read(handler: Handler, *, bounded: bool = True) -> Callable[[Need], Endpoint]:
        return partial(Endpoint, gateway, handler, bounded=bounded)

    def take(handler: Handler) -> Callable[[Need], Endpoint]:
        return partial(Endpoint, gateway, handler, has_body=True)

    probes = Probes(gateway.palier, gateway.authenticate, document())
    documents = "/v1/palier/collections/{collection}/documents"
    return [
        at("/v1/chat/completions", POST=take(openai_api.chat_completions)),
        at("/v1/completions", POST=take(openai_api.completions)),
        at("/v1/embeddings", POST=take(openai_api.embeddings)),
        at("/v1/models", GET=read(models.list_models, bounded=False)),
        at("/v1/models/{id:path}", GET=read(models.get_model, bounded=False)),
        at("/v1/palier/search", POST=take(palier_api.search)),
        at("/v1/palier/feedback", POST=take(feedback_api.post_feedback)),
        at("/v1/palier/traces", GET=read(traces_api.list_traces)),
        at("/v1/palier/traces/{id}", GET=read(traces_api.get_trace)),
        at("/v1/palier/collections", GET=read(palier_api.list_collections)),
        at(documents, GET=read(palier_api.list_documents)),
        at(
            documents + "/{id:path}",
            PUT=take(palier_api.put_document),
            GET=read(palier_api.get_document),
            DELETE=read(palier_api.delete_document),
        ),
        at("/metrics", GET=read(metrics, bounded=False)),
        Route("/healthz", Resource({"GET": probes.healthz})),
        Route("/readyz", Resource({"GET": probes.readyz})),
        Route("/openapi.json", Resource({"GET": probes.openapi})),
    ]


async def serve(palier: Palier, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT, SIGTERM or cancellation; then requests have `shutdown_timeout_s` to end.

    `ready` is called with the gateway's URL once it answers; without one, the URL and where the key is are written to
    standard error, the first time with the key itself. Raises `ConfigurationError` where the address cannot be listened
    on.
    """
    settings = palier.settings.server
    config = uvicorn.Config(
        create_app(palier),
        host=settings.host,
        port=settings.port,
        http=CorkedProtocol,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout_s)),
    )
    announce = ready or _announcing(palier, new=await _is_new(palier))
    palier.auditor.start()
    palier.drift.start()
    palier.overspending.start()
    palier.shadow.start()
    try:
        await _Server(config, announce).serve()
    finally:
        await palier.shadow.stop()
        await palier.drift.stop()
        await palier.overspending.stop()
        await palier.auditor.stop()


def _announcing(palier: Palier, *, new: bool) -> Callable[[str], None]:
    def announce(url: str) -> None:
        lines = [f"palier answers on {url}/v1", f"the access key is in {palier.folder.key_file}"]
        if palier.settings.console.enabled:
            lines.append(f"the console is on {url}/console")
        if new:
            lines.append(f"sign in with the owner's key, shown this once: {palier.key}")
        sys.stderr.write("".join(f"{line}\n" for line in lines))  # not logged: a log is kept, and read by others
        sys.stderr.flush()

    return announce


async def _is_new(palier: Palier) -> bool:
    """Whether nobody has a key yet, nor was shown the owner's; from now on they were."""
    actions = palier.access.actions
    if not palier.settings.console.enabled or await palier.access.keys.list():
        return False
    if await actions.page(what=KEY_SHOWN, limit=1):
        return False
    await actions.record(KEY_SHOWN, who=OWNER.name, role=Role.ADMIN.value)
    return True


def _settle() -> None:
    """Tell the interpreter that this process now serves: a fifth more requests a second, and p99 nearly halved.

    What was loaded so far stays, so that the collector need not look at it again; what a request leaves goes by
    counting, so that the collector can look rarely. When it looks, it looks at all: what is in flight at that moment
    moves to the older generations, and would stay there as garbage for hundreds of thousands of requests. The oldest
    is only looked at when it grew by a quarter since the last time, hence a last time when there is nothing in it.
    Threads that commit traces get their turn after 1 ms, not 5.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
    gc.set_threshold(10_000, 3, 3)
    sys.setswitchinterval(0.001)


class _Server(uvicorn.Server):
    """uvicorn's, which says when it is ready, closes its door when cancelled, and leaves signals to the loop.

    uvicorn raises a signal it caught again at its end, which would kill the process before its stores are closed.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: Any = None) -> None:
        own = logging.getLogger("uvicorn.error")
        own.disabled = True  # it logs the errno of what is raised below
        try:
            await super().startup(sockets)
        except SystemExit:
            raise ConfigurationError(
                f"cannot listen on {self.config.host}:{self.config.port}: it is in use, or not of this machine",
                hint="change [server] host or port",
            ) from None
        finally:
            own.disabled = False
        if threading.current_thread() is threading.main_thread():
            _settle()
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        self._ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    async def main_loop(self) -> None:
        try:
            await super().main_loop()
        except asyncio.CancelledError:
            await self.shutdown()
            raise

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
