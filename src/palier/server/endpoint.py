"""One route as an ASGI application: authenticate, read, work within the limits, answer or fail in OpenAI's shape.

The work is cancelled when the client leaves or the request's time is over, streamed or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from palier.app import Palier
from palier.errors import PalierError, UpstreamTimeout
from palier.server.auth import Authenticator, Caller, Need
from palier.server.limits import JSON, BodyTimeout, ClientLeft, Places, read_body
from palier.server.quotas import Quotas
from palier.server.replies import Answer, Reply, Stream, error_reply, unforeseen
from palier.server.watch import Patrol, Watch
from palier.types import Principal

log = logging.getLogger("palier.server")

FAIL_S = 2.0
"""How long an error waits for a client that does not read."""
ID = "palier.id"
"""Where the scope holds the request's unique id."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """What every endpoint shares."""

    palier: Palier
    places: Places
    authenticate: Authenticator
    quotas: Quotas
    max_body_bytes: int
    patrol: Patrol


@dataclass(slots=True)
class Call:
    """One request as its handler sees it. `id` is unique: those of the answer and its trace end in it."""

    id: str
    palier: Palier
    headers: Mapping[bytes, bytes]
    path: Mapping[str, str]
    query: bytes
    caller: Caller
    places: Places
    body: bytes = b""
    take: Callable[[int], None] = lambda requests: None
    """Takes further requests from the quota of whoever calls: a body may ask for several. Raises what `Quotas` does."""

    @property
    def principal(self) -> Principal:
        """Who asks, where the body names nobody."""
        return self.caller.principal


Handler = Callable[[Call], Awaitable[Reply | Stream]]


class Endpoint:
    """Serves `handler` to who has what it needs.

    `bounded` requests need a place among those at work; `has_body` ones are read before.
    """

    def __init__(
        self, gateway: Gateway, handler: Handler, need: Need, *, bounded: bool = True, has_body: bool = False
    ) -> None:
        self._gateway = gateway
        self._need = need
        self._handler = handler
        self._bounded = bounded
        self._has_body = has_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer(send)
        try:
            headers = headers_of(scope["headers"])
            caller = self._gateway.authenticate(headers)
            caller.check(self._need)
            self._gateway.quotas.take(caller.key, spends=self._need.spends)
            path, query = scope["path_params"], scope["query_string"]
            call = Call(scope[ID], self._gateway.palier, headers, path, query, caller, self._gateway.places)
            call.take = partial(self._take, caller)
            if self._bounded:
                await self._admit(call, receive, answer)
            else:
                await answer.give(await self._handler(call))
        except ClientLeft as left:
            log.debug("%s: %s", scope[ID], left)
        except PalierError as error:
            if error.status >= 500 and not error.logged:
                # Not what an upstream `said`: it may repeat the prompt.
                log.warning("%s: %s: %s", scope[ID], type(error).__name__, error.message)
            error.__traceback__ = error.__context__ = None  # its frames hold the request, and are held by the error
            await _fail(answer, error)
        except Exception:
            log.exception("%s: unforeseen", scope[ID])
            await _fail(answer, unforeseen(scope[ID]))

    def _take(self, caller: Caller, requests: int) -> None:
        self._gateway.quotas.take(caller.key, spends=self._need.spends, requests=requests, held=1)

    async def _admit(self, call: Call, receive: Receive, answer: Answer) -> None:
        gateway = self._gateway

        async def work(body: bytes) -> None:
            call.body = body
            await answer.give(await self._handler(call))

        turn = Turn(gateway.places, gateway.patrol, gateway.max_body_bytes, JSON if self._has_body else None)
        await turn.take(receive, call.headers, work)


@dataclass(frozen=True, slots=True)
class Turn:
    """A request's turn among those at work. With `media` its body, of that kind, is read before."""

    places: Places
    patrol: Patrol
    max_body_bytes: int
    media: bytes | None

    async def take(
        self, receive: Receive, headers: Mapping[bytes, bytes], work: Callable[[bytes], Awaitable[None]]
    ) -> None:
        """Do `work` with the body, once there is a place. Raises `Busy`, what `read_body` does, and why it ended."""
        self.places.admit()
        watch = self.patrol.watch()
        try:
            body = b""
            if self.media is not None:
                body = await read_body(receive, headers, self.max_body_bytes, self.media)
            watch.listen(receive)
            await self.places.take()
            try:
                await work(body)
            finally:
                self.places.give_back()
        except asyncio.CancelledError:
            if watch.ended():
                raise self._ended(watch) from None
            raise
        finally:
            watch.stop()
            self.places.leave()

    def _ended(self, watch: Watch) -> PalierError:
        """Why the work was ended: whose time it was that ran out."""
        limit, hint = self.patrol.limit_s, "[server] request_timeout_s sets the limit"
        if watch.reading:
            return BodyTimeout(f"the body did not come within {limit:g} s", hint=hint)
        if watch.left:
            return ClientLeft("the client left before the end of its answer")
        return UpstreamTimeout(f"the answer took more than {limit:g} s", hint=hint)


def headers_of(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """By name; what was given more than once is one list (RFC 9110, 5.3), so that none of it is overlooked."""
    headers = dict(pairs)
    if len(headers) < len(pairs):
        headers = {name: b", ".join(value for other, value in pairs if other == name) for name in headers}
    return headers


async def _fail(answer: Answer, error: PalierError) -> None:
    """Send an error to who reads it: one who does not is left, and the server closes the connection."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FAIL_S):
            await answer.fail(error)


class MethodNotAllowed(PalierError):
    """405: the path is there, the method is not."""

    status = 405
    code = "method_not_allowed"
    type = "invalid_request_error"


class Resource:
    """What one path answers, by method."""

    def __init__(self, methods: Mapping[str, ASGIApp]) -> None:
        self.methods = dict(methods)
        if "GET" in self.methods:
            self.methods["HEAD"] = self.methods["GET"]
        self._allow = [(b"allow", ", ".join(sorted(self.methods)).encode())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.methods.get(scope["method"])
        if app is None:
            error = MethodNotAllowed(f"{scope['method'][:20]} is not for `{scope['path'][:200]}`")
            await Answer(send).give(error_reply(error, self._allow))
        else:
            await app(scope, receive, send)
