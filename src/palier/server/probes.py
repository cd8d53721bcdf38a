"""What needs no key: `/healthz`, `/readyz`, `/openapi.json`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType
from starlette.types import Receive, Scope, Send

from palier.access import Role
from palier.app import Palier
from palier.errors import PalierError
from palier.server.auth import Authenticator, Need
from palier.server.replies import Answer, json_reply
from palier.server.wire import Sent
from palier.types import JSON

_MODELS = Need(Role.OPERATOR)
_REMEMBERED_S = 2.0
"""Probes that come faster share an answer: they have no key, and models must not be asked at a stranger's pace."""


class Alive(Sent, frozen=True, kw_only=True):
    status: Literal["ok"] = "ok"


class ModelHealth(Sent, frozen=True, kw_only=True):
    ok: bool
    detail: str


class Readiness(Sent, frozen=True, kw_only=True):
    """`ready` when workers are there, routes have a tier that could answer, and requests are recorded or need not be.

    `why` it is not, in words that are for everybody; `models` only for who shows an operator's key.
    """

    status: Literal["ready", "not ready"]
    why: str = ""
    routes: dict[str, bool]
    models: dict[str, ModelHealth] | UnsetType = UNSET


class Probes:
    """The three endpoints, as ASGI applications."""

    def __init__(self, palier: Palier, authenticate: Authenticator, document: JSON) -> None:
        self._palier = palier
        self._authenticate = authenticate
        self._asking = asyncio.Lock()
        self._last: Readiness | None = None
        self._until = 0.0
        self._alive = json_reply(Alive())
        self._document = json_reply(document)

    async def healthz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The process answers."""
        await Answer(send).give(self._alive)

    async def readyz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 or 503: whether every route could be answered now."""
        found = await self.readiness()
        status = 200 if found.status == "ready" else 503
        try:
            self._authenticate(dict(scope["headers"])).check(_MODELS)
        except PalierError:
            found = msgspec.structs.replace(found, models=UNSET)
        await Answer(send).give(json_reply(found, status=status))

    async def openapi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The OpenAPI document."""
        await Answer(send).give(self._document)

    async def readiness(self) -> Readiness:
        """How the gateway is now, or was a moment ago."""
        async with self._asking:
            if self._last is None or time.monotonic() >= self._until:
                self._last = await self._ask()
                self._until = time.monotonic() + _REMEMBERED_S
        return self._last

    async def _ask(self) -> Readiness:
        models = {
            name: ModelHealth(ok=bool(part["ok"]), detail=str(part["detail"]))
            for name, part in (await self._palier.health()).items()
        }
        routes = {
            name: any(models[tier.model].ok for tier in route.tiers)
            for name, route in self._palier.settings.routes.items()
        }
        why = "; ".join(self._lacks(routes))
        return Readiness(status="not ready" if why else "ready", why=why, routes=routes, models=models)

    def _lacks(self, routes: dict[str, bool]) -> Iterator[str]:
        """What keeps it from being ready: no path and no error's text, for no key is asked for."""
        failing = self._palier.failing
        if self._palier.warming:
            yield "it is starting"
        if failing.why and not failing.goes_on:
            yield "requests cannot be recorded, and are not answered: palier doctor says why"
        if not all(routes.values()):
            yield "a route has no tier that could answer: see `routes`"
