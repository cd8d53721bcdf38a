"""The console as routes of the gateway: who may open what, within which limits, and what is shown when it fails."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from palier.access import Role
from palier.errors import PalierError, Unauthorized
from palier.server.console import multipart, rendering
from palier.server.console.guests import LANGUAGE, Guests, cookies
from palier.server.console.multipart import MULTIPART
from palier.server.console.origin import check_same_site
from palier.server.console.proxy import Proxy
from palier.server.console.sessions import Sessions
from palier.server.console.visits import Visit, address, fields, see_other
from palier.server.console.words import Words, language_of
from palier.server.endpoint import ID, Gateway, Resource, Turn, headers_of
from palier.server.limits import FORM, ClientLeft, Places
from palier.server.replies import Answer, Headers, Reply, Stream, unforeseen

AT_ONCE, WAITING = 8, 64
"""Pages made at once, and those that may wait: beside the places of those who ask, so that a full gateway is seen."""
HOUR_S = 3_600.0

log = logging.getLogger("palier.server")

Handler = Callable[[Visit], Awaitable[Reply | Stream]]
Open = Callable[[Scope, Mapping[bytes, bytes], Words, Mapping[str, str]], Awaitable[Reply]]
"""What needs nobody signed in: given the scope, the headers, the language, and the form or the query."""


class Console:
    """What the pages share."""

    def __init__(self, gateway: Gateway) -> None:
        palier = gateway.palier
        settings = palier.settings.console
        proxy = Proxy(settings, palier.access.keys, gateway.authenticate)
        sessions = Sessions(settings.session_hours * HOUR_S)
        self.gateway = gateway
        goes_on = palier.settings.store.on_store_failure == "go on"
        self.guests = Guests(sessions, proxy, gateway.authenticate, palier.access.actions, goes_on=goes_on)
        self.pages = Places(AT_ONCE, WAITING)

    def words(self, headers: Mapping[bytes, bytes]) -> Words:
        """The language of whoever asks: what they chose, else what their browser says."""
        accepted = headers.get(b"accept-language", b"").decode("latin-1")
        return Words(language_of(cookies(headers).get(LANGUAGE, ""), accepted))

    async def sign_out(self, visit: Visit) -> Reply:
        """`POST /console/sign-out`."""
        return see_other("/console/sign-in", self.guests.sign_out(visit.scope, visit.headers))

    def turn(self, media: bytes | None = None, *, asks: bool = False) -> Turn:
        """A turn among the pages, or among those who ask models; with `media`, a body of that kind is read."""
        gateway = self.gateway
        places = gateway.places if asks else self.pages
        return Turn(places, gateway.patrol, gateway.max_body_bytes, media)


@dataclass(frozen=True, slots=True)
class Page:
    """One method of one page, for whoever has `role`. Those that `do` something take a form, and are kept on record.

    One that `asks` waits for its place among the gateway's requests, and counts as one. One that takes `files` waits
    there too, as whoever puts documents over the API does.
    """

    console: Console
    handler: Handler
    role: Role
    does: str = ""
    asks: bool = False
    files: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer(send)
        headers = headers_of(scope["headers"])
        failing = _Failing(answer, scope, headers, self.console.words(headers))
        async with failing:
            self.console.guests.proxy.check_near(scope)
            check_same_site(scope, headers, self.console.guests.proxy)
            caller, session, cookie = await self.console.guests.recognise(scope, headers)
            visit = failing.visit = Visit(
                palier=self.console.gateway.palier,
                scope=scope,
                caller=caller,
                session=session,
                words=failing.words,
                places=scope["path_params"],
                query=fields(scope["query_string"]),
                headers=headers,
                quotas=self.console.gateway.quotas,
            )
            caller.check_role(self.role)

            async def work(body: bytes) -> None:
                reply = await self._reply(visit, body)
                await answer.give(replace(reply, headers=[*reply.headers, *cookie]))

            media = None if not self.does else MULTIPART if self.files else FORM
            await self.console.turn(media, asks=self.asks or self.files).take(receive, headers, work)

    async def _reply(self, visit: Visit, body: bytes) -> Reply | Stream:
        if not self.does:
            return await self.handler(visit)
        if self.files:
            visit.form, visit.files = multipart.parse(body, visit.headers.get(b"content-type", b""))
        else:
            visit.form = fields(body)
        visit.check_csrf()
        try:
            if self.asks or self.files:
                visit.quotas.take(visit.caller.key, spends=self.asks)
            reply = await self.handler(visit)
        except PalierError as error:
            await visit.did(self.does, visit.about, error.code)
            raise
        await visit.did(self.does, visit.about, visit.outcome)
        return reply


@dataclass(frozen=True, slots=True)
class Anybody:
    """One method of what is open to whoever is near: the sign-in, the files that pages load."""

    console: Console
    handler: Open
    reads: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer(send)
        headers = headers_of(scope["headers"])
        words = self.console.words(headers)
        async with _Failing(answer, scope, headers, words):
            self.console.guests.proxy.check_near(scope)
            check_same_site(scope, headers, self.console.guests.proxy)

            async def work(body: bytes) -> None:
                given = fields(body) if self.reads else fields(scope["query_string"])
                await answer.give(await self.handler(scope, headers, words, given))

            await self.console.turn(FORM if self.reads else None).take(receive, headers, work)


class _Failing:
    """What is shown when a page fails: a page that says so, a part where one was asked for, the way to sign in."""

    def __init__(self, answer: Answer, scope: Scope, headers: Mapping[bytes, bytes], words: Words) -> None:
        self.words = words
        self.visit: Visit | None = None
        self._answer = answer
        self._scope = scope
        self._headers = headers

    async def __aenter__(self) -> _Failing:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, *rest: object) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        if isinstance(error, ClientLeft):
            return True
        if not isinstance(error, PalierError):
            log.error("%s: unforeseen", self._scope[ID], exc_info=error)
            error = unforeseen(self._scope[ID])
        elif error.status >= 500:
            log.warning("%s: %s: %s", self._scope[ID], type(error).__name__, error.message)
        error.__traceback__ = error.__context__ = None
        with suppress(TimeoutError):
            await self._show(error)
        return True

    async def _show(self, error: PalierError) -> None:
        if self._answer.streaming:
            await self._answer.fail(error)
        elif isinstance(error, Unauthorized) and b"hx-request" not in self._headers:
            await self._answer.give(see_other(_sign_in(self._scope)))
        else:
            await self._answer.give(self._page(error))

    def _page(self, error: PalierError) -> Reply:
        headers: Headers = []
        if isinstance(error, Unauthorized):
            headers.append((b"hx-redirect", b"/console/sign-in"))
        if self._scope["method"] == "POST":  # what was to be done stays as it is, and why it was not stands in it
            headers.append((b"hx-reswap", b"afterbegin"))
        if error.retry_after is not None:
            headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after))))
        given: dict[str, Any] = {"error": error, "status": error.status, "headers": headers}
        if self.visit is not None:
            return self.visit.page("error.html", **given)
        partial = b"hx-request" in self._headers
        return rendering.html("error_outside.html", self.words, partial=partial, address=address(self._scope), **given)


def _sign_in(scope: Scope) -> str:
    """Where to sign in, and come back from to the page that was asked for."""
    if scope["method"] != "GET" or scope["path"] == "/console":
        return "/console/sign-in"
    return f"/console/sign-in?{urlencode({'next': address(scope)})}"


def route(path: str, **methods: Page | Anybody) -> Route:
    """A route by its methods."""
    return Route(path, Resource(methods))
