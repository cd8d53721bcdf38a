"""Whose page sent a request: browsers say so in `Sec-Fetch-Site`, and, wherever something is sent, in `Origin`.

Either is checked by itself: not every browser sends both, and what is between one and the gateway may drop either.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope

from palier.errors import Forbidden
from palier.server.console.proxy import Proxy

_PORTS = {"http": ":80", "https": ":443"}


def check_same_site(scope: Scope, headers: Mapping[bytes, bytes], proxy: Proxy) -> None:
    """Raise `Forbidden` for what another site's page sends. Whoever says nothing is no browser: nobody leads it."""
    _check_origin(scope, headers, proxy)
    if headers.get(b"sec-fetch-site", b"none") in (b"same-origin", b"none"):
        return
    if headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document":
        return  # a link was followed: what it leads to takes a token to do anything
    raise Forbidden("another site's page asked for this")


def said_https(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether the page goes over https as far as is known. Who says so needs no trust: it only narrows what holds."""
    return scope["scheme"] == "https" or headers.get(b"x-forwarded-proto", b"").strip().lower() == b"https"


def _check_origin(scope: Scope, headers: Mapping[bytes, bytes], proxy: Proxy) -> None:
    """An origin is one by its scheme, name and port; `null` is that of a page which will not say where it is from."""
    given = headers.get(b"origin")
    if given is None:
        return
    origin = given.decode("latin-1").strip()
    host = proxy.host(scope, headers)
    scheme, _, name = origin.lower().partition("://")
    schemes = ("https",) if said_https(scope, headers) else ("http", "https")
    if host and scheme in schemes and name.removesuffix(_PORTS[scheme]) == host.removesuffix(_PORTS[scheme]):
        return
    raise Forbidden(
        f"a page of `{origin[:100]}` sent this, and the console is on `{host[:100]}`",
        hint="open the console anew; a reverse proxy in between keeps the Host header, or is declared in [console]"
        " and sends X-Forwarded-Host",
    )
