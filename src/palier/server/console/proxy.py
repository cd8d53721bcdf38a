"""Who may open the console by where the call comes from, and whom a declared reverse proxy names.

The header counts only from the addresses, and with the secret, that the settings declare; from anywhere else it is as
if it were not there.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Mapping, Sequence

from starlette.types import Scope

from palier.access import AccessKey, Role
from palier.config import Console
from palier.errors import ConfigurationError, Forbidden
from palier.server.auth import Authenticator, Caller
from palier.stores.keys import SqliteKeys

_SECRET = b"x-palier-proxy-secret"
_HOST = b"x-forwarded-host"


class Proxy:
    """The declared proxy, if any. Raises `ConfigurationError`: the variable of its secret is not set."""

    def __init__(self, settings: Console, keys: SqliteKeys, authenticate: Authenticator) -> None:
        self._header = settings.proxy_header.lower().encode()
        self._addresses = _networks(settings.proxy_addresses)
        self._near = _networks(settings.networks)
        self._secret = b""
        self._role = None if settings.proxy_role == "none" else Role(settings.proxy_role)
        self._keys = keys
        self._authenticate = authenticate
        if settings.proxy_secret_env:
            self._secret = os.environ.get(settings.proxy_secret_env, "").encode()
            if not self._secret:
                raise ConfigurationError(
                    f"[console]: the environment variable {settings.proxy_secret_env} is not set",
                    hint="set it to what the proxy sends in X-Palier-Proxy-Secret",
                )

    def check_near(self, scope: Scope) -> None:
        """Raise `Forbidden` for a machine that may not open the console."""
        address = ipaddress.ip_address(address_of(scope))
        if address.is_loopback or any(address in network for network in (*self._near, *self._addresses)):
            return
        raise Forbidden(
            "the console opens on the gateway's own machine alone",
            hint="[console] networks lets others in; best through a proxy that speaks TLS",
        )

    def named(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """Whom the proxy says it signed in; empty where it is not the proxy that calls, or it names nobody."""
        if self._header not in headers or not self._calls(scope, headers):
            return ""
        return headers[self._header].decode("utf-8", "replace").strip()

    def host(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """The name, and port, that the browser was led to: what the proxy says it was asked for, else the `Host`.

        Of several proxies in a row each adds to `X-Forwarded-Host`: the first is the one that the browser called.
        """
        host = headers.get(b"host", b"")
        if _HOST in headers and self._calls(scope, headers):
            host = headers[_HOST].partition(b",")[0]
        return host.decode("latin-1").strip().lower()

    def _calls(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Whether it is the proxy that calls: there is one, and it is where and knows what the settings declare."""
        if not self._header:
            return False
        address = ipaddress.ip_address(address_of(scope))
        if self._addresses and not any(address in network for network in self._addresses):
            return False
        return not self._secret or hmac.compare_digest(headers.get(_SECRET, b""), self._secret)

    def caller(self, name: str) -> Caller:
        """Whoever the proxy names: the holder of the key of that name, else of the role for others.

        Raises `Forbidden` where others stay outside, and for a name whose key holds no more.
        """
        key: AccessKey | None = self._keys.named(name)
        if key is not None:
            return self._authenticate.of(key)
        if self._role is None:
            raise Forbidden(f"`{name[:100]}` has no key here", hint="palier keys create NAME --role ROLE")
        return self._authenticate.without_key(name, self._role)


def address_of(scope: Scope) -> str:
    """The address a call comes from; an IPv4 one that comes as IPv6 as what it is."""
    host = (scope.get("client") or ("0.0.0.0", 0))[0]  # noqa: S104  not listened on: who cannot be told is nowhere near
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "0.0.0.0"  # noqa: S104
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _networks(given: Sequence[str]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(network, strict=False) for network in given)
