"""The one door out: what it refuses to do, and how it says what went wrong."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from palier.errors import (
    ConfigurationError,
    ConnectTimeout,
    Forbidden,
    PalierError,
    StoreError,
    Unavailable,
    UpstreamGarbage,
    UpstreamRefused,
    UpstreamTimeout,
)
from palier.privacy.connector import HttpConnector
from palier.testing import upstream as scripted
from palier.testing.departures import Departures
from palier.testing.upstream import Upstream
from palier.types import Clearance

SECRET = "sk-not-to-be-seen"
CLEARED = Clearance(purpose="draft", destination="cloud")


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
async def connector() -> AsyncIterator[HttpConnector]:
    connector = HttpConnector(ledger=Departures())
    yield connector
    await connector.close()


def url(upstream: Upstream) -> str:
    return f"{upstream.url}/chat/completions"


async def post(
    connector: HttpConnector, url: str, body: bytes = b'{"stream": false}', **changes: Any
) -> tuple[int, bytes]:
    options: dict[str, Any] = {
        "headers": {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"},
        "on_premises": False,
        "connect_s": 2.0,
        "first_byte_s": 2.0,
        "total_s": 5.0,
        "clearance": CLEARED,
    }
    async with connector.post(url, body, **{**options, **changes}) as reply:
        return reply.status, await reply.read(1_000_000)


async def test_posts_and_reads(connector: HttpConnector, upstream: Upstream) -> None:
    upstream.script = [scripted.replies(200, {"ok": True})]
    assert await post(connector, url(upstream)) == (200, b'{"ok": true}')
    call = upstream.calls[0]
    assert call.headers["authorization"] == f"Bearer {SECRET}"
    assert call.headers["accept-encoding"] == "identity"


async def test_gets(connector: HttpConnector, upstream: Upstream) -> None:
    upstream.script = [scripted.replies(200, {"status": "ok"})]
    async with connector.get(f"{upstream.url}/health", headers={}, on_premises=True, connect_s=1, total_s=1) as reply:
        assert (reply.status, await reply.read(100)) == (200, b'{"status": "ok"}')
    assert upstream.calls[0].method == "GET"


async def test_redirects_are_handed_back_and_not_followed(connector: HttpConnector, upstream: Upstream) -> None:
    upstream.script = [scripted.redirects(url(upstream))]
    status, _ = await post(connector, url(upstream))
    assert status == 307
    assert len(upstream.calls) == 1


async def test_neither_proxy_nor_netrc_nor_cookies(
    connector: HttpConnector, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", str(netrc))
    upstream.script = [scripted.replies(200, {}, {"Set-Cookie": "session=1"}), scripted.replies(200, {})]
    for _ in range(2):
        assert (await post(connector, url(upstream), headers={}))[0] == 200
    for call in upstream.calls:
        assert "authorization" not in call.headers
        assert "cookie" not in call.headers


async def test_on_premises_holds_for_loopback_and_declared_networks_only(upstream: Upstream) -> None:
    connector = HttpConnector(ledger=Departures())
    for address in ("192.0.2.7", "[2001:db8::1]"):
        with pytest.raises(ConfigurationError, match="neither loopback nor in a declared network"):
            await post(connector, f"http://{address}:1/v1", on_premises=True, connect_s=0.2)
    assert (await post(connector, url(upstream), on_premises=True))[0] == 200
    declared = HttpConnector(["192.0.2.0/24"], ledger=Departures())
    with pytest.raises((ConnectTimeout, Unavailable)):  # let through by the check; nobody is there
        await post(declared, "http://192.0.2.7:1/v1", on_premises=True, connect_s=0.2)
    await connector.close()
    await declared.close()


async def test_a_network_that_is_none_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="on_premises"):
        HttpConnector(["10.0.0.0/33"])


async def test_a_host_is_looked_up_once(
    connector: HttpConnector, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    loop = asyncio.get_running_loop()

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        names.append(host)
        return [(2, 1, 6, "", ("127.0.0.1" if len(names) == 1 else "192.0.2.7", port))]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    named = url(upstream).replace("127.0.0.1", "model.example")
    for _ in range(3):
        upstream.script = [scripted.replies(200, {}, {"Connection": "close"})]
        assert (await post(connector, named, on_premises=True))[0] == 200
    assert names == ["model.example"]


async def test_a_name_that_moves_off_the_premises_is_refused(
    connector: HttpConnector, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an outside call looked up and opened is no way in for a call that must stay inside."""
    addresses = iter(["127.0.0.1", "192.0.2.7"])

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (next(addresses), port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    named = url(upstream).replace("127.0.0.1", "model.example")
    assert (await post(connector, named))[0] == 200
    with pytest.raises(ConfigurationError, match=r"model\.example is at 192\.0\.2\.7"):
        await post(connector, named, on_premises=True)


async def test_addresses_that_refuse_are_looked_up_again(
    connector: HttpConnector, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = iter(["127.0.0.2", "127.0.0.1"])

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (next(addresses), port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    named = url(upstream).replace("127.0.0.1", "model.example")
    with pytest.raises(Unavailable, match=r"cannot connect to model\.example"):
        await post(connector, named, on_premises=True)
    assert (await post(connector, named, on_premises=True))[0] == 200


@pytest.mark.parametrize(
    "wrong",
    ["ftp://127.0.0.1/", "http://", "http://user:secret@127.0.0.1/", "http://127.0.0.1:999999/", "file:///etc/passwd"],
)
async def test_urls_that_are_none(connector: HttpConnector, wrong: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await post(connector, wrong)
    assert "secret" not in str(caught.value)


async def test_connections_are_used_again(connector: HttpConnector, upstream: Upstream) -> None:
    for _ in range(5):
        await post(connector, url(upstream))
    assert upstream.connections == 1


async def test_a_kept_connection_that_was_closed_is_replaced(connector: HttpConnector, upstream: Upstream) -> None:
    """The server says keep-alive, then closes when the next request comes: no caller sees it."""
    for _ in range(10):
        upstream.script = [scripted.replies(200, {})]
        assert (await post(connector, url(upstream)))[0] == 200
        upstream.script = [scripted.disconnects(), scripted.replies(200, {})]
        assert (await post(connector, url(upstream)))[0] == 200


async def test_a_new_connection_that_is_closed_is_not_tried_again(connector: HttpConnector, upstream: Upstream) -> None:
    upstream.script = [scripted.disconnects()]
    with pytest.raises(UpstreamGarbage, match=r"127\.0\.0\.1 closed the connection"):
        await post(connector, url(upstream))
    assert len(upstream.calls) == 1


async def test_leaving_closes_the_connection(connector: HttpConnector, upstream: Upstream) -> None:
    upstream.script = [scripted.stalls(after=2)]
    async with connector.post(
        url(upstream), b'{"stream": true}', headers={}, on_premises=True, connect_s=1, first_byte_s=5, total_s=5
    ) as reply:
        async for chunk in reply.chunks():
            assert chunk
            break
    async with asyncio.timeout(2):
        await upstream.left.wait()


FAILURES = {
    "nobody": (None, Unavailable, "cannot connect to 127.0.0.1"),
    "silent": (scripted.stalls(), UpstreamTimeout, "127.0.0.1 was silent for 0.2 s"),
    "dribbled headers": (scripted.dribbles(0.01), UpstreamTimeout, "127.0.0.1 did not answer in time"),
    "stalled": (scripted.stalls(after=1), UpstreamTimeout, "127.0.0.1 was silent for 0.2 s"),
    "cut": (scripted.cuts(), UpstreamGarbage, "127.0.0.1 cut its answer in the middle"),
    "not HTTP": (scripted.not_http(), UpstreamGarbage, "127.0.0.1 did not answer in HTTP"),
    "endless": (scripted.floods(), UpstreamGarbage, "answered more than 1000000 bytes"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_failures_name_the_host_and_no_secret(connector: HttpConnector, name: str) -> None:
    behaviour, expected, words = FAILURES[name]
    async with Upstream(script=[behaviour] if behaviour else []) as upstream:
        target = url(upstream) + "?token=hidden"
        if behaviour is None:
            await upstream.__aexit__()
        with pytest.raises(PalierError) as caught:
            await post(connector, target, b'{"stream": true}', connect_s=0.5, first_byte_s=0.2, total_s=1)
    assert type(caught.value) is expected
    assert words in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert "hidden" not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_the_total_time_bounds_a_reply_that_never_ends(connector: HttpConnector, upstream: Upstream) -> None:
    upstream.script = [scripted.answers("a " * 1000, delay_s=0.01)]
    with pytest.raises(UpstreamTimeout, match=r"0\.3 s in all"):
        await post(connector, url(upstream), b'{"stream": true}', total_s=0.3)


async def test_a_stream_is_bounded(upstream: Upstream) -> None:
    connector = HttpConnector(ledger=Departures(), max_stream=200_000)
    upstream.script = [scripted.floods()]
    with pytest.raises(UpstreamGarbage, match="answered more than 200000 bytes"):
        await post(connector, url(upstream))
    await connector.close()


async def test_tls_checks_the_name(connector: HttpConnector, tmp_path: Any) -> None:
    """A server whose certificate nobody trusts is refused; nothing is sent to it."""
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(UpstreamRefused, match="no trusted TLS connection to localhost"):
        await post(connector, f"https://localhost:{port}/v1")
    server.close()
    assert not any(received)


def self_signed(folder: Any) -> Any:
    """A certificate of its own making for localhost, by the openssl program."""
    import shutil
    import subprocess

    if not shutil.which("openssl"):
        pytest.skip("needs the openssl program")
    file = folder / "server.pem"
    key = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", file, "-out", folder / "c.pem"]
    subprocess.run(
        [*key, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True,
        capture_output=True,
    )
    file.write_text(file.read_text() + (folder / "c.pem").read_text())
    return file


async def test_after_closing_nothing_leaves(upstream: Upstream) -> None:
    connector = HttpConnector(ledger=Departures())
    await connector.close()
    with pytest.raises(Unavailable, match="closing"):
        await post(connector, url(upstream))
    assert not upstream.calls


async def test_nothing_leaves_without_a_clearance(upstream: Upstream) -> None:
    ledger = Departures()
    connector = HttpConnector(ledger=ledger)
    with pytest.raises(Forbidden, match=r"nothing may leave to 127\.0\.0\.1"):
        await post(connector, url(upstream), clearance=None)
    with pytest.raises(Forbidden):
        connector.get(upstream.url, headers={}, on_premises=False, connect_s=1, total_s=1)
    await connector.close()
    assert (upstream.calls, ledger.all) == ([], [])


async def test_nothing_leaves_without_a_ledger(upstream: Upstream) -> None:
    connector = HttpConnector()
    with pytest.raises(Forbidden):
        await post(connector, url(upstream))
    await connector.close()
    assert upstream.calls == []


async def test_what_leaves_is_in_the_ledger_before_it_does(upstream: Upstream) -> None:
    ledger = Departures()
    connector = HttpConnector(ledger=ledger)
    upstream.script = [scripted.replies(200, {})] * 2
    for body in (b'{"stream": false}', b'{"stream": false, "n": 2}'):
        await post(connector, url(upstream), body)
    await connector.close()
    assert [(d.clearance, d.host, d.content) for d in ledger.all] == [
        (CLEARED, "127.0.0.1", b'{"stream": false}'),
        (CLEARED, "127.0.0.1", b'{"stream": false, "n": 2}'),
    ]


async def test_nothing_leaves_where_it_cannot_be_written_down(upstream: Upstream) -> None:
    ledger = Departures()
    ledger.full = True
    connector = HttpConnector(ledger=ledger)
    with pytest.raises(StoreError):
        await post(connector, url(upstream))
    await connector.close()
    assert upstream.calls == []


async def test_what_stays_on_premises_is_not_in_the_ledger(upstream: Upstream) -> None:
    ledger = Departures()
    connector = HttpConnector(ledger=ledger)
    upstream.script = [scripted.replies(200, {})]
    await post(connector, url(upstream), on_premises=True, clearance=None)
    await connector.close()
    assert (len(upstream.calls), ledger.all) == (1, [])


async def test_what_is_sent_again_on_a_new_connection_has_an_entry_of_its_own(upstream: Upstream) -> None:
    ledger = Departures()
    connector = HttpConnector(ledger=ledger)
    upstream.requests_per_connection = 1  # the second finds the kept connection closed
    upstream.script = [scripted.replies(200, {})] * 2
    for _ in range(2):
        await post(connector, url(upstream))
    await connector.close()
    assert len(upstream.calls) == 2
    assert len(ledger.all) == 3
