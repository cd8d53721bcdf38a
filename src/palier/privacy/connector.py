"""The one door out: every connection palier opens to elsewhere is opened here (architecture, decision 11).

A host name is looked up once and its addresses pinned, so that a name cannot be made to mean another machine between
the check that it is on premises and the connection; TLS still verifies the name. Pinned addresses that refuse every
connection are looked up again, and judged again. Redirects are handed back, never followed; no proxy, cookie or
netrc is taken from the environment.

What leaves the premises needs a clearance of the gate, and stands in the ledger before its first byte goes: where it
cannot be written down, no connection is opened.

Connections are kept and used again. One that the other end closed in the meantime fails before the first byte of a
reply; the call is then made once more on a new connection, which is safe because nothing was answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.tracing import Trace

from palier.errors import (
    ConfigurationError,
    ConnectTimeout,
    Forbidden,
    LocalOnly,
    PalierError,
    Unavailable,
    UpstreamGarbage,
    UpstreamRefused,
    UpstreamTimeout,
)
from palier.interfaces import Ledger
from palier.privacy.lockdown import is_loopback
from palier.types import Clearance

Departure = Callable[[], Awaitable[None]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KEEP_ALIVE_S = 15.0
CONNECT_S = 10.0
MAX_HOSTS = 1024
DRAIN_S = 0.05
"""How long the end of a reply that has said all is waited for."""
MAX_STREAM_BYTES = 64_000_000


class HttpConnector:
    """`interfaces.Connector` over aiohttp.

    `on_premises` are networks in CIDR notation that count as on premises beside loopback. `connections` bounds those
    open at once, to all hosts together; `max_stream` the bytes of one reply. Without a `ledger` nothing leaves. With
    `local_only` nothing does either: a call that is not `on_premises` raises `LocalOnly`, unless it is to loopback.
    """

    def __init__(
        self,
        on_premises: Sequence[str] = (),
        *,
        ledger: Ledger | None = None,
        connections: int = 256,
        max_stream: int = MAX_STREAM_BYTES,
        local_only: bool = False,
    ) -> None:
        # Two doors that share nothing: a call that must stay on premises can neither meet an address that was looked
        # up for another, nor go over a connection that another opened.
        self._inside = _Door(Pins(_networks(on_premises)), connections)
        self._outside = _Door(Pins(None), connections)
        self._ledger = ledger
        self._max_stream = max_stream
        self._local_only = local_only
        self._closed = False

    def post(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        on_premises: bool,
        connect_s: float,
        first_byte_s: float,
        total_s: float,
        clearance: Clearance | None = None,
    ) -> Call:
        """POST `body`; see `interfaces.Connector`. `first_byte_s` bounds every silence, not only the first.

        A host that does not take the connection in `connect_s` raises `ConnectTimeout`, an untrusted certificate
        `UpstreamRefused`, a connection closed without an answer `UpstreamGarbage`.
        """
        limits = aiohttp.ClientTimeout(total=total_s, sock_connect=connect_s, sock_read=first_byte_s)
        return self._call("POST", url, headers, on_premises, limits, clearance, body)

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        on_premises: bool,
        connect_s: float,
        total_s: float,
        clearance: Clearance | None = None,
    ) -> Call:
        """GET; see `interfaces.Connector`."""
        limits = aiohttp.ClientTimeout(total=total_s, sock_connect=connect_s, sock_read=total_s)
        return self._call("GET", url, headers, on_premises, limits, clearance)

    def _call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        on_premises: bool,
        limits: aiohttp.ClientTimeout,
        clearance: Clearance | None,
        body: bytes | None = None,
    ) -> Call:
        host, port = _target(url)
        if self._closed:
            raise Unavailable(f"no connection to {host}: palier is closing")
        if self._local_only and not on_premises:
            on_premises = is_loopback(host)
            if not on_premises:
                raise LocalOnly(f"local only: nothing may leave to {host}")
        departure = None if on_premises else self._departing(host, clearance, body or b"")
        door = self._inside if on_premises else self._outside
        options = {"data": body, "headers": headers, "timeout": limits, "allow_redirects": False}
        return Call(door, method, url, host, port, options, self._max_stream, departure)

    def _departing(self, host: str, clearance: Clearance | None, body: bytes) -> Departure:
        """What writes into the ledger that `body` goes to `host`."""
        if clearance is None or self._ledger is None:
            raise Forbidden(f"nothing may leave to {host}: the gate did not clear it")
        return partial(self._ledger.enter, clearance, host, body)

    async def close(self) -> None:
        """Close every connection. Further calls raise `Unavailable`."""
        self._closed = True
        await self._inside.close()
        await self._outside.close()


class Call:
    """One outbound call: entering sends it and gives the reply's head, leaving closes what is left of it."""

    def __init__(
        self,
        door: _Door,
        method: str,
        url: str,
        host: str,
        port: int,
        options: dict[str, Any],
        max_stream: int,
        departure: Departure | None,
    ) -> None:
        self._door = door
        self._method = method
        self._url = url
        self._host = host
        self._port = port
        self._options = options
        self._max_stream = max_stream
        self._departure = departure
        self._reply: HttpReply | None = None

    async def __aenter__(self) -> HttpReply:
        limits: aiohttp.ClientTimeout = self._options["timeout"]
        pins = self._door.pins
        if not pins.has(self._host):
            await pins.pin(self._host, self._port, limits.sock_connect or CONNECT_S)
        if self._departure is not None:
            await self._departure()
        try:
            response = await self._door.request(self._method, self._url, self._options, self._departure)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
                pins.forget(self._host)
            raise _explain(error, self._host, limits) from None
        self._reply = HttpReply(response, self._host, limits, self._max_stream)
        return self._reply

    async def __aexit__(self, *error: object) -> None:
        if self._reply is not None:
            self._reply.close()


class _Door:
    """Connections that are kept and used again, and those opened for a second try."""

    def __init__(self, pins: Pins, connections: int) -> None:
        self.pins = pins
        self._connections = connections
        self._kept: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, url: str, options: dict[str, Any], departure: Departure | None
    ) -> aiohttp.ClientResponse:
        """The reply's head; a kept connection that proves closed before it is replaced once by a new one.

        The other end may have read what was sent over the first: the second is a `departure` of its own.
        """
        if self._kept is None:
            self._kept = self._session(keepalive_timeout=KEEP_ALIVE_S)
        try:
            return await self._kept.request(method, url, **options)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not _reused.get():
                raise
        if departure is not None:
            await departure()
        if self._fresh is None:
            self._fresh = self._session(force_close=True)
        return await self._fresh.request(method, url, **options)

    async def close(self) -> None:
        for session in (self._kept, self._fresh):
            if session is not None:
                await session.close()

    def _session(self, **lifetime: Any) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=_Pool(limit=self._connections, resolver=self.pins, use_dns_cache=False, **lifetime),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "palier", "Accept-Encoding": "identity"},
            trust_env=False,
        )


_reused: ContextVar[bool] = ContextVar("palier_connection_reused", default=False)
"""Whether the latest call of this task went over a connection that an earlier call had opened."""
_USED = "palier_used"
"""The attribute of a connection's protocol that says so."""


class _Pool(aiohttp.TCPConnector):
    """A pool that tells, by `_reused`, new connections from kept ones (as aiohttp's tracing does, at 30 us a call)."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> aiohttp.connector.Connection:
        _reused.set(False)
        connection = await super().connect(req, traces, timeout)
        protocol = connection.protocol
        _reused.set(hasattr(protocol, _USED))
        setattr(protocol, _USED, True)
        return connection


class HttpReply:
    """`interfaces.Reply`: status and headers are there, the body is read on demand."""

    def __init__(
        self, response: aiohttp.ClientResponse, host: str, limits: aiohttp.ClientTimeout, max_stream: int
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._host = host
        self._limits = limits
        self._max_stream = max_stream
        self._size = 0

    async def read(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes (then `UpstreamGarbage`)."""
        parts: list[bytes] = []
        size = 0
        async for chunk in self:
            size += len(chunk)
            if size > limit:
                raise UpstreamGarbage(f"{self._host} answered more than {limit} bytes")
            parts.append(chunk)
        return b"".join(parts)

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, bounded by the connector's `max_stream`."""
        return self

    def __aiter__(self) -> HttpReply:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _explain(error.with_traceback(None), self._host, self._limits) from None
        if not chunk:
            raise StopAsyncIteration
        self._size += len(chunk)
        if self._size > self._max_stream:
            raise UpstreamGarbage(f"{self._host} answered more than {self._max_stream} bytes")
        return chunk

    async def finish(self) -> None:
        """See `interfaces.Reply`: only a connection whose reply was read to its end can be used again."""
        if self._response.content.is_eof():
            return
        with contextlib.suppress(TimeoutError, PalierError):
            async with asyncio.timeout(DRAIN_S):
                async for _ in self:
                    pass

    def close(self) -> None:
        """Close the connection, unless the body was read to its end: then it went back to the pool."""
        self._response.close()


class Pins(AbstractResolver):
    """Host names to addresses, looked up once for the life of the process (or until `forget`).

    With `networks`, only hosts whose addresses are all loopback or in one of these are pinned at all.
    """

    def __init__(self, networks: Sequence[Network] | None) -> None:
        self._networks = networks
        self._hosts: dict[str, list[Address]] = {}

    def has(self, host: str) -> bool:
        """Whether `host` is pinned, and so allowed."""
        return host in self._hosts

    async def pin(self, host: str, port: int, limit_s: float) -> None:
        """Make sure that `host` has pinned addresses, which this `Pins` allows.

        Raises `ConfigurationError` (not on premises), `Unavailable` (no such name) and `ConnectTimeout`.
        """
        try:
            async with asyncio.timeout(limit_s):
                found = await _look_up(host, port)
        except TimeoutError:
            raise ConnectTimeout(
                f"the name {host} was not resolved in {limit_s:g} s", hint="does this machine have a name server?"
            ) from None
        except OSError as error:
            raise Unavailable(
                f"the name {host} cannot be resolved: {error.strerror or error}",
                hint="is it spelt right in `base_url`, and does this machine have a name server?",
            ) from None
        for address in found:
            self._check(host, address)
        while len(self._hosts) >= MAX_HOSTS:
            del self._hosts[next(iter(self._hosts))]
        # The first lookup wins: two that ran at once must not pin different addresses.
        self._hosts.setdefault(host, found)

    def forget(self, host: str) -> None:
        """Look `host` up again at the next call: none of its addresses took a connection."""
        self._hosts.pop(host, None)

    def _check(self, host: str, address: Address) -> None:
        if self._networks is None or address.is_loopback or any(address in network for network in self._networks):
            return
        raise ConfigurationError(
            f"{host} is at {address}, which is neither loopback nor in a declared network",
            hint="add its network to `on_premises` of [networks], or remove `on_premises` from the model",
        )

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """For aiohttp: what was pinned, never a lookup of its own."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._hosts.get(host, ())
            if family in (socket.AF_UNSPEC, socket.AF_INET if address.version == 4 else socket.AF_INET6)
        ]

    async def close(self) -> None:
        self._hosts.clear()


async def _look_up(host: str, port: int) -> list[Address]:
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [ipaddress.ip_address(answer[4][0]) for answer in answers]


@lru_cache(MAX_HOSTS)
def _target(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigurationError("a model's URL has no valid port") from None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise ConfigurationError(
            f"the URL of {host or 'a model'} is not http://HOST or https://HOST",
            hint="keys are named by `api_key_env`, never written in a URL",
        )
    return host, port or (443 if parts.scheme == "https" else 80)


def _networks(texts: Sequence[str]) -> list[Network]:
    try:
        return [ipaddress.ip_network(text) for text in texts]
    except ValueError as error:
        raise ConfigurationError(f"`on_premises` of [networks]: {error}", hint='for example "10.0.0.0/8"') from None


def _explain(error: Exception, host: str, limits: aiohttp.ClientTimeout) -> PalierError:
    """aiohttp's exceptions as palier's. Only the host is named: their own words may hold a URL with its query."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeout(f"{host} did not take the connection in {limits.sock_connect:g} s")
        case aiohttp.SocketTimeoutError():
            return UpstreamTimeout(f"{host} was silent for {limits.sock_read:g} s")
        case TimeoutError() if not isinstance(error, OSError) or error.errno is None:
            return UpstreamTimeout(f"{host} did not answer in time ({limits.total:g} s in all)")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return UpstreamRefused(
                f"no trusted TLS connection to {host}", hint="its certificate must be valid for that name"
            )
        case aiohttp.ClientConnectorError():
            code = error.os_error.errno or 0  # a resolver's own codes are negative
            reason = os.strerror(code) if code > 0 else error.strerror or "no route"
            return Unavailable(f"cannot connect to {host}: {reason}", hint="is it running, and is its address right?")
        case aiohttp.ClientPayloadError():
            return UpstreamGarbage(f"{host} cut its answer in the middle")
        case aiohttp.ClientResponseError():
            return UpstreamGarbage(f"{host} did not answer in HTTP")
        case aiohttp.InvalidURL():
            return ConfigurationError(f"the URL of {host} is not valid")
        case _:
            return UpstreamGarbage(f"{host} closed the connection without a whole answer")
