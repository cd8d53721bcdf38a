"""The outermost layer: names every request, refuses foreign hosts, adds the security headers, hides what broke."""

from __future__ import annotations

import logging
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from palier.config import Server
from palier.errors import Forbidden, NotFound, PalierError
from palier.ids import new_id
from palier.server.endpoint import ID
from palier.server.replies import Answer, unforeseen

log = logging.getLogger("palier.server")

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]


class Edge:
    """Wraps the whole application.

    The Host header must name this gateway: a web page that a name of its own leads here (DNS rebinding) is refused.
    What an answer says of itself, as the console's pages do of what they may load, is left.
    """

    def __init__(self, app: ASGIApp, settings: Server) -> None:
        self.app = app
        self._hosts = frozenset(name.lower() for name in (*_LOOPBACK, _bracketed(settings.host), *settings.hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = scope[ID] = new_id()
        added = [(b"x-request-id", b"req-" + call.encode()), *_SECURITY]

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                message["headers"].extend(pair for pair in added if pair[0] not in own)
            await send(message)

        try:
            self._check_host(scope)
            await self.app(scope, receive, sending)
        except PalierError as error:
            await Answer(sending).fail(error)
        except Exception:
            log.exception("%s: unforeseen", call)
            await Answer(sending).fail(unforeseen(call))

    def _check_host(self, scope: Scope) -> None:
        given = b""
        for header, value in scope["headers"]:
            if header == b"host":
                given = value
                break
        server = scope.get("server")
        name = _name(given)
        if name in self._hosts or (server is not None and name == _bracketed(server[0])):
            return
        raise Forbidden(
            f"the Host header is `{name[:100]}`, which is no name of this gateway", hint="add it to [server] hosts"
        )


def _bracketed(address: str) -> str:
    """An IPv6 address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


@lru_cache(64)
def _name(host: bytes) -> str:
    """The name in a Host header, without its port."""
    given = host.decode("latin-1").lower()
    name, colon, port = given.rpartition(":")
    return name if colon and port.isdigit() else given


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """What no route matches. Raises `NotFound`, which the edge answers."""
    path = scope["path"][:200]
    meant = f"/v1{path}"
    hint = "/openapi.json lists what there is"
    if path.startswith(("/chat/", "/completions", "/embeddings", "/models")):
        hint = f"is it {meant}? The client's base URL ends in /v1"
    raise NotFound(f"there is no `{path}`", hint=hint)
