"""What every test lives with: no network but loopback, and no paid model by accident."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.serving import Served


def _refuse_the_world(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: a connection to anything but loopback or a unix socket fails loudly."""
    if event != "socket.connect":
        return
    address = arguments[1]
    if not isinstance(address, tuple):
        return
    host = address[0]
    try:
        inside = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside:
        raise PermissionError(f"a test tried to connect to {host}: tests reach loopback only")


sys.addaudithook(_refuse_the_world)

# What lands is judged by the same examples each time; new ones are tried, and met, where people work.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway over scripted models, shared by the tests that only talk to it."""
    from tests.serving import STAIRS, served, write_script

    folder = tmp_path_factory.mktemp("gateway")
    write_script(folder)
    with served(STAIRS, folder) as running:
        yield running
