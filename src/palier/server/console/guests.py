"""Who is there: by the session that the cookie names, or by what a declared proxy says; and signing in and out."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Mapping
from hashlib import sha256

from starlette.types import Scope

from palier.errors import Forbidden, StoreError, Unauthorized
from palier.server.auth import Authenticator, Caller
from palier.server.console.origin import said_https
from palier.server.console.proxy import Proxy, address_of
from palier.server.console.sessions import Session, Sessions, Throttle
from palier.server.replies import Headers
from palier.stores.actions import SqliteActions

LANGUAGE = "palier-language"
_YEAR_S = 31_536_000

log = logging.getLogger("palier.server")


class Guests:
    """Sessions, and what opens them."""

    def __init__(
        self,
        sessions: Sessions,
        proxy: Proxy,
        authenticate: Authenticator,
        actions: SqliteActions,
        *,
        goes_on: bool = False,
    ) -> None:
        """`goes_on`: people come in, to look at pages, while their coming cannot be recorded."""
        self.proxy = proxy
        self._sessions = sessions
        self._authenticate = authenticate
        self._actions = actions
        self._goes_on = goes_on
        self._throttle = Throttle()
        self._forms = secrets.token_bytes(32)
        """Signs the forms of those who have no session yet."""

    async def recognise(self, scope: Scope, headers: Mapping[bytes, bytes]) -> tuple[Caller, Session, Headers]:
        """Who is there, in which session, and the cookie of one that was opened just now, for whom the proxy names.

        Raises `Unauthorized` for nobody, and what `Proxy.caller` does.
        """
        named = self.proxy.named(scope, headers)
        token = cookies(headers).get(_name(scope), "")
        session = self._sessions.find(token) if token else None
        if session is not None and session.user != named and (session.user or named):
            self._sessions.end(token)  # the proxy signed in somebody else, or nobody any more
            session = None
        if session is not None:
            try:
                caller = self.proxy.caller(session.user) if session.user else self._authenticate.holder(session.key)
            except (Unauthorized, Forbidden):
                self._sessions.end(token)
                raise
            return caller, session, []
        if not named:
            raise Unauthorized("nobody is signed in", hint="sign in with an access key")
        caller = self.proxy.caller(named)
        token, session = self._sessions.begin(user=named)
        await self._record(named, caller.role.value, address_of(scope))
        return caller, session, [_cookie(scope, headers, _name(scope), token)]

    async def sign_in(self, scope: Scope, headers: Mapping[bytes, bytes], form: Mapping[str, str]) -> Headers:
        """Open a session for whoever shows a key in `form`: its cookie. Raises `Unauthorized`, `Forbidden`, `Busy`."""
        given = cookies(headers).get(_form_name(scope), "")
        if not given or not hmac.compare_digest(self._signed(given), form.get("csrf", "").encode("utf-8", "replace")):
            raise Forbidden("the form is not of this browser", hint="open the page again, and send it from there")
        address = address_of(scope)
        self._throttle.check(address)
        digest = sha256(form.get("key", "").strip().encode("utf-8", "replace")).digest()
        try:
            caller = self._authenticate.holder(digest)
        except Unauthorized:
            outcome = "blocked" if self._throttle.failed(address) else "unauthorized"
            await self._record("", "", address, outcome)
            raise
        if before := cookies(headers).get(_name(scope)):
            self._sessions.end(before)
        token, _ = self._sessions.begin(key=digest)
        await self._record(caller.principal.name, caller.role.value, address)
        return [_cookie(scope, headers, _name(scope), token), _cookie(scope, headers, _form_name(scope), "")]

    def sign_out(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Headers:
        """End the session of the cookie, and the cookie."""
        self._sessions.end(cookies(headers).get(_name(scope), ""))
        return [_cookie(scope, headers, _name(scope), "")]

    def form(self, scope: Scope, headers: Mapping[bytes, bytes]) -> tuple[str, Headers]:
        """The token of a sign-in form, and the cookie that it must come back with."""
        given = cookies(headers).get(_form_name(scope), "") or secrets.token_urlsafe(24)
        return self._signed(given).decode(), [_cookie(scope, headers, _form_name(scope), given)]

    async def _record(self, who: str, role: str, address: str, outcome: str = "done") -> None:
        """Keep that somebody came, or tried to. Raises `StoreError`, unless the settings say to go on without."""
        try:
            await self._actions.record("sign-in", who=who, role=role, about=address, outcome=outcome)
        except StoreError as error:
            if not self._goes_on:
                raise
            log.error("A SIGN-IN IS NOT RECORDED (`%s`, from %s, %s): %s", who, address, outcome, error.message)

    def _signed(self, given: str) -> bytes:
        return hmac.digest(self._forms, given.encode("utf-8", "replace"), "sha256").hex().encode()


def cookies(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """The cookies of a request by name."""
    found = {}
    for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            found[name] = value
    return found


def language_cookie(scope: Scope, headers: Mapping[bytes, bytes], language: str) -> tuple[bytes, bytes]:
    """The cookie that keeps the language that was chosen, for a year."""
    return _cookie(scope, headers, LANGUAGE, language, lasts_s=_YEAR_S)


def _name(scope: Scope) -> str:
    """Of the session's cookie. Browsers tell hosts apart and not ports: two gateways of one machine are two names."""
    return f"palier-{(scope.get('server') or ('', 0))[1]}"


def _form_name(scope: Scope) -> str:
    return f"{_name(scope)}-form"


def _cookie(
    scope: Scope, headers: Mapping[bytes, bytes], name: str, value: str, lasts_s: int | None = None
) -> tuple[bytes, bytes]:
    """One that scripts cannot read and other sites do not send; behind https it never goes over http.

    An empty value ends it.
    """
    lasts = lasts_s if value else 0
    age = f"; Max-Age={lasts}" if lasts is not None else ""
    secure = "; Secure" if said_https(scope, headers) else ""
    return b"set-cookie", f"{name}={value}; Path=/console; HttpOnly; SameSite=Strict{age}{secure}".encode()
