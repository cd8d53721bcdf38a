"""Local only: what is refused, before anything leaves; what is let through; and that it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from palier.config import Settings, parse
from palier.errors import ConfigurationError, LocalOnly
from palier.privacy import lockdown as closed
from palier.privacy.connector import HttpConnector
from palier.privacy.lockdown import lockdown, lockdown_of
from palier.testing.upstream import Upstream, replies


@pytest.fixture(params=[socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def kind(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@contextlib.contextmanager
def listening() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[:2]


AWAY = [
    "192.0.2.1",
    "198.51.100.7",
    "255.255.255.255",
    "0.0.0.0",
    "169.254.169.254",
    "224.0.0.1",
    "10.0.0.1",
    "128.0.0.1",
    "126.255.255.255",
]
AWAY_6 = [
    "2001:db8::1",
    "::",
    "::2",
    "fe80::1",
    "fe80::1%lo",
    "::ffff:192.0.2.1",
    "::ffff:c000:201",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "ff02::1",
]


def connect(s: socket.socket, address: tuple[str | int, ...]) -> None:
    """What the hook says of a connection. It is asked directly: the tests' own hook would refuse before it."""
    closed._hook("socket.connect", (s, address))


@pytest.mark.parametrize("address", AWAY)
def test_what_leaves_by_ipv4_is_refused(address: str, kind: int) -> None:
    with (
        lockdown(),
        socket.socket(socket.AF_INET, kind) as s,
        pytest.raises(PermissionError, match="nothing may leave"),
    ):
        connect(s, (address, 9))


@pytest.mark.parametrize("address", AWAY_6)
def test_what_leaves_by_ipv6_is_refused(address: str, kind: int) -> None:
    with lockdown(), socket.socket(socket.AF_INET6, kind) as s, pytest.raises(PermissionError, match="may leave"):
        connect(s, (address, 9, 0, 0))


@pytest.mark.parametrize("form", ["0177.0.0.1", "127.1", "2130706433", "0x7f.1", "127.0.0.1 ", "", "<broadcast>"])
def test_other_ways_to_write_an_address_are_no_addresses(form: str) -> None:
    """Some resolvers take them for addresses, each in its own way: none is needed."""
    with lockdown(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, pytest.raises(PermissionError):
        connect(s, (form, 9))


IN_A_PROCESS = """
import socket, sys
from palier.privacy.lockdown import lockdown

reached = []

def refuse_the_world(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"):
        reached.append((event, arguments))
        raise PermissionError("the net below: a test let something out")

refused = 0
with lockdown():
    sys.addaudithook(refuse_the_world)  # after palier's: it only sees what that lets through
    for address in sys.argv[1].split(","):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(family, kind) as s:
                for send in (
                    lambda: s.connect((address, 9)),
                    lambda: s.connect_ex((address, 9)),
                    lambda: s.sendto(b"x", (address, 9)),
                    lambda: s.sendto(b"x", 0, (address, 9)),
                    lambda: s.sendmsg([b"x"], [], 0, (address, 9)),
                ):
                    try:
                        send()
                    except PermissionError as error:
                        assert f"local only: nothing may leave to {address}" == str(error), error
                        refused += 1
    for name in ("model.example", "127.1.example"):
        try:
            socket.create_connection((name, 9))
        except PermissionError as error:
            assert "asks a name server" in str(error)
            refused += 1
assert not reached, reached
print(refused)
"""


def test_nothing_is_sent_in_any_way() -> None:
    """In a process of its own, with a net below."""
    away = [*AWAY, *AWAY_6]
    command = [sys.executable, "-c", IN_A_PROCESS, ",".join(away)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (str(len(away) * 10 + 2), "")


def test_this_machine_is_reached_in_every_way() -> None:
    with lockdown(), listening() as (host, port):
        socket.create_connection((host, port)).close()
        socket.create_connection(("localhost", port)).close()
        with socket.socket() as s:
            assert s.connect_ex(("127.0.0.1", port)) == 0
        with socket.socket(socket.AF_INET6) as s, contextlib.suppress(OSError):
            s.connect((f"::ffff:{host}", port, 0, 0))  # as the system can; the hook lets it through
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"x", (host, port))
            s.connect((host, port))
            s.sendmsg([b"x"])
        left, right = socket.socketpair()
        left.close()
        right.close()


def test_unix_sockets_stay_open(tmp_path: Path) -> None:
    with lockdown(), socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))


@pytest.mark.parametrize(
    ("networks", "address", "inside"),
    [
        (["192.0.2.0/24"], "192.0.2.1", True),
        (["192.0.2.0/24"], "::ffff:192.0.2.1", True),
        (["192.0.2.0/24"], "192.0.3.1", False),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["fe80::/10"], "fe80::1%eth0", True),
        ([], "127.255.255.254", True),
        ([], "::1", True),
        ([], "::1%lo", True),
        ([], "::ffff:127.0.0.1", True),
        ([], "localhost.example", False),
        (["0.0.0.0/0"], "0177.0.0.1", False),
    ],
)
def test_declared_networks_are_at_home(networks: list[str], address: str, inside: bool) -> None:
    """Judged, not tried: a test sends nothing to such an address."""
    with lockdown(networks):
        (rules,) = closed._open
        assert rules.reaches(address) is inside


@pytest.mark.parametrize("name", ["model.example", "xn--tlcom-bsa.example", "localhost.example", "127.1", b"a.example"])
def test_names_are_not_looked_up(name: str | bytes) -> None:
    with lockdown(names=["gpu.corp.example"]):
        with pytest.raises(PermissionError, match="asks a name server"):
            socket.getaddrinfo(name, 80)
        with pytest.raises(PermissionError, match="asks a name server"):
            socket.gethostbyname(name.decode() if isinstance(name, bytes) else name)
        with pytest.raises(PermissionError, match="asks a name server"):
            socket.gethostbyaddr("192.0.2.1")
        with pytest.raises(PermissionError, match="asks a name server"):
            socket.getnameinfo(("192.0.2.1", 80), 0)


def test_names_that_need_no_name_server_are() -> None:
    with lockdown(names=["GPU.corp.example."]):
        for host in ("127.0.0.1", "::1", "192.0.2.1", "localhost", None):
            assert socket.getaddrinfo(host, 80)
        (rules,) = closed._open
        assert rules.asks("gpu.Corp.example")
        assert not rules.asks("gpu.corp.example.evil.example")
        assert not rules.reaches("gpu.corp.example"), "a name is looked up, then the address is judged"


async def test_a_name_is_refused_in_the_resolvers_thread_too() -> None:
    with lockdown(), pytest.raises(PermissionError, match="asks a name server"):
        await asyncio.get_running_loop().getaddrinfo("model.example", 443)


def test_no_raw_sockets_and_no_other_families() -> None:
    with lockdown():
        for family, sort in ((socket.AF_INET, socket.SOCK_RAW), (getattr(socket, "AF_PACKET", 17), socket.SOCK_DGRAM)):
            with pytest.raises(PermissionError, match="local only"):
                socket.socket(family, sort)


@pytest.mark.parametrize(
    "command",
    [
        ["curl", "http://192.0.2.1"],
        [sys.executable, "-c", "pass"],
        [sys.executable, "-m", "pip", "--version"],
        [sys.executable, "-P", "-m", "palier.models.engine_child_of_another"],
        ["python", "-P", "-m", "palier.models.engine_child"],
    ],
)
async def test_other_programs_are_not_started(command: list[str]) -> None:
    with lockdown():
        with pytest.raises(PermissionError, match="is not started"):
            subprocess.run(command, check=False)
        with pytest.raises(PermissionError, match="is not started"):
            await asyncio.create_subprocess_exec(*command)


def test_nor_by_the_systems_own_calls() -> None:
    with lockdown():
        for start in (
            lambda: os.system("true"),
            lambda: os.posix_spawn("/bin/true", ["true"], {}),
            lambda: os.execv("/bin/true", ["true"]),
            lambda: subprocess.run("true", shell=True, check=False),
        ):
            with pytest.raises(PermissionError, match="is not started"):
                start()


def test_forked_children_are_held_too() -> None:
    with lockdown():
        child = os.fork()
        if not child:
            try:
                socket.getaddrinfo("model.example", 80)
            except PermissionError as error:
                os._exit(0 if "local only" in str(error) else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_of_several_the_strictest_wins_and_the_last_to_leave_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    wide, narrow = lockdown(["192.0.2.0/24"], ["a.example"]), lockdown()
    wide.__enter__()
    narrow.__enter__()
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["TRANSFORMERS_OFFLINE"] == "1"
    with socket.socket(type=socket.SOCK_DGRAM) as s, pytest.raises(PermissionError, match="local only"):
        connect(s, ("192.0.2.1", 9))
    with pytest.raises(PermissionError, match="local only"):
        socket.getaddrinfo("a.example", 1)
    wide.__exit__(None, None, None)
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    narrow.__exit__(None, None, None)
    assert os.environ["HF_HUB_OFFLINE"] == "0"
    assert "TRANSFORMERS_OFFLINE" not in os.environ
    assert subprocess.run([sys.executable, "-c", "pass"], check=False).returncode == 0


def test_it_holds_in_every_thread() -> None:
    refused = []

    def leave() -> None:
        try:
            socket.getaddrinfo("model.example", 80)
        except PermissionError as error:
            refused.append("local only" in str(error))

    with lockdown():
        threads = [threading.Thread(target=leave) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert refused == [True] * 8


def test_a_network_that_is_none_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="on_premises"), lockdown(["10.0.0.0/33"]):
        pass
    assert not closed._open


# --- by settings and environment ---------------------------------------------------------------------------------


def settings(**sections: object) -> Settings:
    model = {"kind": "endpoint", "base_url": "http://gpu.corp.example:8000/v1", "model": "m", "on_premises": True}
    cloud = {"kind": "endpoint", "base_url": "https://cloud.example/v1", "model": "m"}
    return parse({"models": {"near": model, "far": cloud}, "server": {"host": "gateway.corp.example"}, **sections})


def test_the_names_that_settings_declare() -> None:
    with lockdown_of(settings(privacy={"local_only": True})):
        (rules,) = closed._open
        assert rules.names == {"gpu.corp.example", "gateway.corp.example"}
    with lockdown_of(settings()):
        assert not closed._open


def test_the_names_of_collectors_and_webhooks_on_premises_and_no_others() -> None:
    sections: dict[str, Any] = {
        "telemetry": {"otlp": "http://collector.corp.example:4318/v1/traces"},
        "drift": {"enabled": True, "webhook": "https://drift.corp.example/hook", "on_premises": True},
        "alerts": {"webhook": "https://alerts.corp.example/hook", "on_premises": True},
        "ledger": {"heads_webhook": "https://heads.example/"},
    }
    own = {"gpu.corp.example", "gateway.corp.example"}
    hosts = {"telemetry": "collector.corp.example", "drift": "drift.corp.example", "alerts": "alerts.corp.example"}
    closing = {"local_only": True}
    with lockdown_of(settings(privacy=closing, **sections)):
        (rules,) = closed._open
        assert rules.names == {*own, *hosts.values()}
        assert rules.asks("COLLECTOR.corp.example.")
        assert not rules.reaches("collector.corp.example")
    for name, host in hosts.items():
        elsewhere = {**sections, name: {**sections[name], "on_premises": False}}
        with lockdown_of(settings(privacy=closing, **elsewhere)):
            (rules,) = closed._open
            assert rules.names == {*own, *hosts.values()} - {host}
    sections["drift"]["enabled"] = False
    with lockdown_of(settings(privacy=closing, **sections)):
        (rules,) = closed._open
        assert "drift.corp.example" not in rules.names


@pytest.mark.parametrize(
    ("said", "wanted"), [("1", True), ("TRUE", True), ("perhaps", True), ("0", False), ("", False)]
)
def test_the_environment_closes_and_never_opens(said: str, wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALIER_LOCAL_ONLY", said)
    assert closed.is_wanted(settings()) is wanted
    assert closed.is_wanted(settings(privacy={"local_only": True}))


# --- the connector -----------------------------------------------------------------------------------------------


async def test_the_outside_door_is_shut_but_loopback_is_inside() -> None:
    connector = HttpConnector(local_only=True)
    options = {"headers": {}, "on_premises": False, "connect_s": 1.0, "first_byte_s": 1.0, "total_s": 2.0}
    for host in ("cloud.example", "192.0.2.1", "[2001:db8::1]", "127.0.0.1.example", "0.0.0.0", "127.1"):
        with pytest.raises(LocalOnly, match="nothing may leave to") as refused:
            connector.post(f"http://{host}/v1", b"{}", **options)  # type: ignore[arg-type]
        assert refused.value.status < 500
    async with Upstream() as upstream:
        for host in ("127.0.0.1", "localhost"):
            upstream.script = [replies(200, {})]
            url = upstream.url.replace("127.0.0.1", host)
            async with connector.get(url, headers={}, on_premises=False, connect_s=1, total_s=2) as reply:
                assert reply.status
        assert len(upstream.calls) == 2
    await connector.close()
