"""Local only: this process opens no connection to anything but this machine and the declared networks.

An audit hook (PEP 578) sees every connection, datagram and name look-up that Python code asks for, whichever library
it is, before the system does; it refuses what would leave, and the start of any program but palier's own children,
which have no network at all. What native code does by itself is not seen: docs/how-to/keep-everything-at-home.md has
the rules that hold there.

A hook cannot be taken out again, so there is one, and it goes by the lockdowns that are open; of several, what any of
them refuses is refused.
"""

from __future__ import annotations

import contextlib
import ipaddress
import multiprocessing.util
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from palier.config import Settings
from palier.errors import ConfigurationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ENVIRONMENT = "PALIER_LOCAL_ONLY"
"""Set to 1, it closes what the settings leave open; it opens nothing that they close."""
OFFLINE = {
    ENVIRONMENT: "1",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""What the environment says while a lockdown is open, so that libraries do not try in vain."""

_PACKAGE = Path(__file__).parent.parent
CHILDREN: tuple[tuple[str, ...], ...] = (
    ("-P", str(_PACKAGE / "jobs" / "worker.py")),
    ("-P", "-m", "palier.models.engine_child"),
    ("-P", "-m", "palier.training.lora_child"),
)
"""How palier's children start, after the interpreter: each has a hook of its own, and no network."""

_SEEN_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_KERNEL_FAMILIES = tuple(getattr(socket, name) for name in ("AF_UNIX", "AF_NETLINK", "AF_ALG") if hasattr(socket, name))
"""What does not go further than this machine's kernel."""
_TYPE_BITS = 0xF
"""Of a socket's type: the rest are flags."""


def is_wanted(settings: Settings) -> bool:
    """Whether the whole gateway is local only, by its settings or by its environment."""
    return settings.privacy.local_only or by_environment()


def closed(settings: Settings) -> Settings:
    """`settings`, local only where the environment says so."""
    if settings.privacy.local_only or not by_environment():
        return settings
    return msgspec.structs.replace(settings, privacy=msgspec.structs.replace(settings.privacy, local_only=True))


def by_environment() -> bool:
    """Whether `PALIER_LOCAL_ONLY` says so. A word that means nothing closes: in doubt the door stays shut."""
    return os.environ.get(ENVIRONMENT, "").strip().lower() not in ("", "0", "false", "no", "off")


@contextlib.contextmanager
def lockdown_of(settings: Settings) -> Iterator[None]:
    """`lockdown` as `settings` want it: nothing where they do not.

    The names that may be looked up are the gateway's own, and those of what is declared `on_premises` and used: models,
    the collector of spans, the webhooks of alerts.
    """
    if not is_wanted(settings):
        yield
        return
    names = [urlsplit(url).hostname or "" for url in _called(settings)]
    with lockdown(settings.networks.on_premises, [*names, settings.server.host]):
        yield


def _called(settings: Settings) -> Iterator[str]:
    """What is called on premises."""
    for model in settings.models.values():
        if model.on_premises:
            yield model.base_url
    if settings.telemetry.on_premises:
        yield settings.telemetry.otlp
    if settings.drift.enabled and settings.drift.on_premises:
        yield settings.drift.webhook
    if settings.alerts.on_premises:
        yield settings.alerts.webhook


@contextlib.contextmanager
def lockdown(networks: Sequence[str] = (), names: Iterable[str] = ()) -> Iterator[None]:
    """Until it is left, nothing of this process leaves loopback and `networks` (CIDR), and of the names of other
    machines only `names` are looked up.

    What would leave raises `PermissionError`. Connections that were open before stay open. Raises `ConfigurationError`
    for what is no network.
    """
    try:
        declared = tuple(ipaddress.ip_network(text) for text in networks)
    except ValueError as error:
        raise ConfigurationError(f"`on_premises` of [networks]: {error}", hint='for example "10.0.0.0/8"') from None
    rules = Rules(declared, frozenset(filter(None, map(_plain, names))))
    _enter(rules)
    try:
        yield
    finally:
        _leave(rules)


@dataclass(frozen=True, eq=False, slots=True)
class Rules:
    """What one lockdown lets through."""

    networks: tuple[Network, ...]
    names: frozenset[str]

    def reaches(self, host: str) -> bool:
        """Whether a connection to `host`, an address, may be made."""
        address = literal(host)
        if address is None:
            return _plain(host) == "localhost"
        return address.is_loopback or any(address in network for network in self.networks)

    def asks(self, host: str) -> bool:
        """Whether `host` may be looked up: an address needs no look-up, and a name is a question to a name server."""
        return literal(host) is not None or _plain(host) == "localhost" or _plain(host) in self.names


def literal(host: str) -> Address | None:
    """The address that `host` is, by strict rules; None for a name, and for the short, octal and decimal forms that
    some resolvers take for addresses.

    A scope (`%eth0`) does not count, and an IPv4 address inside an IPv6 one is that IPv4 address.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0] if ":" in host else host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    address = literal(host)
    return host == "localhost" if address is None else address.is_loopback


def _plain(name: str) -> str:
    return name.removesuffix(".").lower()


# --- what is open ------------------------------------------------------------------------------------------------

_open: tuple[Rules, ...] = ()
_before: dict[str, str | None] = {}
"""What the environment said before the first lockdown."""
_installed = False
_changing = threading.Lock()


def _enter(rules: Rules) -> None:
    global _open, _installed
    with _changing:
        if not _open:
            _before.update({name: os.environ.get(name) for name in OFFLINE})
            os.environ.update(OFFLINE)
        _open = (*_open, rules)
        if not _installed:
            sys.addaudithook(_hook)
            _guard_spawn()
            _installed = True


def _leave(rules: Rules) -> None:
    global _open
    with _changing:
        _open = tuple(other for other in _open if other is not rules)
        if _open:
            return
        for name, value in _before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _before.clear()


def _guard_spawn() -> None:
    """multiprocessing starts its children by a call that is not audited, and they would come without the hook."""
    spawn = multiprocessing.util.spawnv_passfds

    def guarded(path: Any, args: Any, passfds: Any) -> int:
        if _open:
            raise _starts(path)
        return spawn(path, args, passfds)

    multiprocessing.util.spawnv_passfds = guarded


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Called for every audited event of the process, so the first line is all that most of them cost."""
    if _open and (judge := _JUDGES.get(event)) is not None:
        judge(event, arguments)


# --- what is judged ----------------------------------------------------------------------------------------------


def _judge_socket(_: str, arguments: tuple[Any, ...]) -> None:
    """Sockets whose traffic would not be seen: raw ones, and families that are neither IP nor the kernel's own."""
    _, family, kind, _ = arguments
    if family == -1:  # of a descriptor that is there already
        return
    if family not in _SEEN_FAMILIES and family not in _KERNEL_FAMILIES:
        raise PermissionError(f"local only: no socket of address family {family}")
    if family in _SEEN_FAMILIES and kind != -1 and kind & _TYPE_BITS == socket.SOCK_RAW:
        raise PermissionError("local only: no raw socket")


def _judge_destination(_: str, arguments: tuple[Any, ...]) -> None:
    """`connect`, `connect_ex`, `sendto`, `sendmsg`; the address of the last is None on a connected socket."""
    endpoint, address = arguments[0], arguments[1]
    if address is None or endpoint.family in _KERNEL_FAMILIES:
        return
    if endpoint.family not in _SEEN_FAMILIES or not isinstance(address, tuple) or not address:
        raise _leaves("an address that is not IP")
    host = _text(address[0])
    if not all(rules.reaches(host) for rules in _open):
        raise _leaves(host)


def _judge_question(_: str, arguments: tuple[Any, ...]) -> None:
    """`getaddrinfo` (None is this machine), `gethostbyname`."""
    host = arguments[0]
    if host is None or host in ("", b""):
        return
    name = _text(host)
    if not all(rules.asks(name) for rules in _open):
        raise PermissionError(f"local only: the name {name} is not looked up, for that asks a name server")


def _judge_reverse(_: str, arguments: tuple[Any, ...]) -> None:
    """`gethostbyaddr`, `getnameinfo`: the name of an address, which is a question too."""
    host = arguments[0][0] if isinstance(arguments[0], tuple) and arguments[0] else arguments[0]
    name = _text(host)
    if not all(rules.reaches(name) or (literal(name) is None and rules.asks(name)) for rules in _open):
        raise PermissionError(f"local only: {name} is not looked up, for that asks a name server")


def _judge_child(_: str, arguments: tuple[Any, ...]) -> None:
    """`subprocess`: palier's own children, started by this interpreter."""
    executable, command = arguments[0], arguments[1]
    if executable == sys.executable and isinstance(command, list | tuple):
        rest = tuple(command[1:])
        if any(rest[: len(start)] == start for start in CHILDREN):
            return
    raise _starts(executable)


def _judge_program(_: str, arguments: tuple[Any, ...]) -> None:
    """`os.system`, `os.exec*`, `os.posix_spawn*`: nothing of palier's starts a program in these ways."""
    raise _starts(arguments[0])


def _leaves(host: str) -> PermissionError:
    return PermissionError(f"local only: nothing may leave to {host}")


def _starts(program: object) -> PermissionError:
    words = os.fsdecode(program) if isinstance(program, str | bytes | os.PathLike) else "a program"
    name = Path(words.split(" ")[0]).name or "a program"
    return PermissionError(f"local only: {name} is not started, for what it sends could not be seen")


def _text(host: object) -> str:
    if isinstance(host, str):
        return host
    return bytes(host).decode("latin-1") if isinstance(host, bytes | bytearray) else str(host)


_JUDGES: dict[str, Callable[[str, tuple[Any, ...]], None]] = {
    "socket.__new__": _judge_socket,
    "socket.connect": _judge_destination,
    "socket.sendto": _judge_destination,
    "socket.sendmsg": _judge_destination,
    "socket.getaddrinfo": _judge_question,
    "socket.gethostbyname": _judge_question,
    "socket.gethostbyaddr": _judge_reverse,
    "socket.getnameinfo": _judge_reverse,
    "subprocess.Popen": _judge_child,
    "os.system": _judge_program,
    "os.exec": _judge_program,
    "os.posix_spawn": _judge_program,
    "os.spawn": _judge_program,
}
