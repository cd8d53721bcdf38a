"""Which pages may send: those of the host the console was opened on, which a reverse proxy may have renamed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from palier.app import Palier
from palier.config import parse
from palier.errors import Forbidden
from palier.server.auth import Authenticator
from palier.server.console.origin import check_same_site
from palier.server.console.proxy import Proxy

PROXY, OTHER = "10.1.2.3", "10.9.9.9"


def scope(address: str = "127.0.0.1", scheme: str = "http") -> dict[str, Any]:
    return {"type": "http", "scheme": scheme, "client": (address, 1), "server": ("127.0.0.1", 8420)}


def said(**headers: str) -> dict[bytes, bytes]:
    return {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    tree = {
        "models": {"fake": {"kind": "fake"}},
        "routes": {"a": {"tiers": [{"model": "fake"}]}},
        "console": {"proxy_header": "X-Forwarded-User", "proxy_addresses": ["10.1.0.0/16"]},
    }
    async with Palier.open(parse(tree, root=tmp_path)) as palier:
        keys = palier.access.keys
        yield Proxy(palier.settings.console, keys, Authenticator(palier.key, keys))


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:8420"},
        {"host": "127.0.0.1:8420", "origin": "http://127.0.0.1:8420"},
        {"host": "Palier.Example", "origin": "https://palier.example"},
        {"host": "palier.example:443", "origin": "https://palier.example"},
        {"host": "palier.example", "origin": "https://palier.example", "x_forwarded_proto": "https"},
        {"host": "[::1]:8420", "origin": "http://[::1]:8420"},
    ],
)
async def test_its_own_pages_may_send(proxy: Proxy, headers: dict[str, str]) -> None:
    check_same_site(scope(), said(**headers), proxy)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://palier.example",
        "https://palier.example:8420",
        "https://palier.example.evil.example",
        "https://evil.example",
        "https://palier.example@evil.example",
        "https://palier.example/",
        "palier.example",
        "ftp://palier.example",
    ],
)
async def test_others_may_not(proxy: Proxy, origin: str) -> None:
    headers = said(host="palier.example", origin=origin, x_forwarded_proto="https")
    with pytest.raises(Forbidden, match="sent this"):
        check_same_site(scope(), headers, proxy)
    with pytest.raises(Forbidden):
        check_same_site(scope(), said(origin=origin), proxy)


async def test_what_a_proxy_was_asked_for_counts_if_it_is_declared(proxy: Proxy) -> None:
    asked = {"host": "127.0.0.1:8420", "origin": "https://palier.example", "x_forwarded_host": "palier.example, inner"}
    check_same_site(scope(PROXY), said(**asked), proxy)
    for address in (OTHER, "127.0.0.1"):
        with pytest.raises(Forbidden, match="X-Forwarded-Host"):
            check_same_site(scope(address), said(**asked), proxy)
    with pytest.raises(Forbidden):
        check_same_site(scope(PROXY), said(**{**asked, "x_forwarded_host": "elsewhere.example"}), proxy)
