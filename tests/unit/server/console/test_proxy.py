"""Who comes near, and whom a declared proxy names: the header counts from nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from palier.access import AccessKey, Role
from palier.app import Palier
from palier.config import parse
from palier.errors import ConfigurationError, Forbidden, Unauthorized
from palier.server.auth import Authenticator
from palier.server.console.guests import Guests
from palier.server.console.proxy import Proxy, address_of
from palier.server.console.sessions import Sessions

SECRET = "PALIER_TEST_PROXY_SECRET"


def scope(address: str) -> dict[str, Any]:
    return {"type": "http", "scheme": "http", "client": (address, 1), "server": ("127.0.0.1", 8420), "path": "/console"}


def settings(folder: Path, **console: Any) -> Any:
    tree = {"models": {"fake": {"kind": "fake"}}, "routes": {"a": {"tiers": [{"model": "fake"}]}}, "console": console}
    return parse(tree, root=folder)


@pytest.mark.parametrize(
    ("console", "message"),
    [
        ({"proxy_header": "X-User"}, "anybody could send"),
        ({"proxy_addresses": ["10.0.0.0/8"]}, "no proxy_header"),
        ({"networks": ["here"]}, "is no network"),
        ({"session_hours": 0}, "session_hours"),
        ({"proxy_role": "king"}, "proxy_role"),
    ],
)
def test_a_console_that_would_be_open_or_makes_no_sense_is_refused(
    tmp_path: Path, console: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        settings(tmp_path, **console)


async def test_only_a_declared_proxy_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = settings(
        tmp_path,
        proxy_header="X-Forwarded-User",
        proxy_addresses=["10.1.0.0/16"],
        proxy_secret_env=SECRET,
        proxy_role="viewer",
    )
    async with Palier.open(said) as palier:
        access = palier.access
        await access.keys.create(AccessKey(name="anna", role=Role.OPERATOR))
        authenticate = Authenticator(palier.key, access.keys)
        with pytest.raises(ConfigurationError, match=SECRET):
            Proxy(said.console, access.keys, authenticate)
        monkeypatch.setenv(SECRET, "hush")
        proxy = Proxy(said.console, access.keys, authenticate)
        right = {b"x-forwarded-user": b"anna", b"x-palier-proxy-secret": b"hush"}
        assert proxy.named(scope("10.1.2.3"), right) == "anna"
        assert proxy.named(scope("::ffff:10.1.2.3"), right) == "anna"
        for address, headers in (
            ("10.2.0.1", right),
            ("127.0.0.1", right),
            ("10.1.2.3", {b"x-forwarded-user": b"anna"}),
            ("10.1.2.3", {**right, b"x-palier-proxy-secret": b"hush, hush"}),
            ("10.1.2.3", {b"x-palier-proxy-secret": b"hush"}),
        ):
            assert not proxy.named(scope(address), headers), (address, headers)
        assert proxy.caller("anna").role is Role.OPERATOR
        assert proxy.caller("dora").principal.name == "dora"
        assert proxy.caller("dora").role is Role.VIEWER
        for name in ("local", "forgotten"):
            with pytest.raises(Forbidden):
                proxy.caller(name)

        guests = Guests(Sessions(60), proxy, authenticate, access.actions)
        caller, session, (cookie,) = await guests.recognise(scope("10.1.2.3"), right)
        assert (caller.principal.name, session.user) == ("anna", "anna")
        shown = {b"cookie": cookie[1].partition(b";")[0]}
        again, _, none = await guests.recognise(scope("10.1.2.3"), {**right, **shown})
        assert (again.principal.name, none) == ("anna", [])
        with pytest.raises(Unauthorized):  # the cookie alone is worth nothing: it may have been carried off
            await guests.recognise(scope("10.1.2.3"), shown)
        await access.keys.revoke("anna")
        with pytest.raises(Forbidden):
            proxy.caller("anna")


async def test_the_console_opens_to_whoever_is_near(tmp_path: Path) -> None:
    said = settings(tmp_path, networks=["192.168.0.0/16", "fd00::/8"])
    async with Palier.open(said) as palier:
        proxy = Proxy(said.console, palier.access.keys, Authenticator(palier.key, palier.access.keys))
        for near in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "192.168.1.1", "fd00::1%eth0"):
            proxy.check_near(scope(near))
        for far in ("192.0.2.1", "10.0.0.1", "2001:db8::1", "somewhere"):
            with pytest.raises(Forbidden):
                proxy.check_near(scope(far))
        assert not proxy.named(scope("127.0.0.1"), {b"x-forwarded-user": b"anna"}), "no proxy is declared"


def test_who_cannot_be_told_is_nowhere_near() -> None:
    assert address_of({"client": None}) == "0.0.0.0"
