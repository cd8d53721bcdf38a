"""What every test lives with: no network but loopback, and no paid model by accident."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.testing
from hypothesis import settings

if TYPE_CHECKING:
    from tests.serving import Served

    from palier.config import Settings
    from palier.jobs.lane import Lane, Limits
    from palier.jobs.pool import ProcessWorkers


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

# The tree of the commands is the same at every call.
typer.testing._get_command = functools.cache(typer.testing._get_command)

# What lands is judged by the same examples each time; new ones are tried, and met, where people work.
# A machine that is busy is no defect: what must take little time has a test of its own.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("local")
if os.environ.get("CI"):
    settings.load_profile("ci")

SHARE = 1.0 if os.environ.get("PALIER_TEST_ALL") else 0.4
"""Of the examples that each law says, so many are tried, ten at least; `make test-all` tries them all."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    laws = {function_of(item) for item in items}
    for law in laws:
        if (said := getattr(law, "_hypothesis_internal_use_settings", None)) is not None:
            fewer = min(said.max_examples, max(10, round(said.max_examples * SHARE)))
            setattr(law, "_hypothesis_internal_use_settings", settings(said, max_examples=fewer))  # noqa: B010


def function_of(item: pytest.Item) -> object:
    """What several items may be of: a test with parameters, or a suite's for each part."""
    called = getattr(item, "obj", None)
    return getattr(called, "__func__", called)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_workers() -> Iterator[ProcessWorkers]:
    """Worker processes that load their models once, and not once a test: what closes them leaves them open."""
    from palier.jobs.pool import ProcessWorkers
    from palier.retrieval import sentence_model

    class Shared(ProcessWorkers):
        async def close(self) -> None: ...

    made = Shared(warm=(sentence_model.embed, (["warm"],)))
    yield made
    asyncio.run(ProcessWorkers.close(made))


@pytest.fixture(scope="session")
def workers(shared_workers: ProcessWorkers) -> ProcessWorkers:
    """The same, for parts that are tested without a `Palier`."""
    return shared_workers


@pytest.fixture(scope="session", autouse=True)
def _opened_on_shared_processes(shared_workers: ProcessWorkers) -> Iterator[None]:
    """Every `Palier` of this process works with them, and with one for names, where its settings ask for no others."""
    from palier.app import door, palier
    from palier.config import Workers
    from palier.jobs.lane import Lane, Limits

    own, default = palier.workers_of, Workers()

    class Shared(Lane):
        async def close(self) -> None: ...

    names = Shared("redaction", 1, default.max_queue, Limits(timeout_s=door.REDACTION_S, retry=True))

    def _shared_workers(settings: Settings) -> ProcessWorkers:
        return shared_workers if settings.workers == default else own(settings)

    def _shared_lane(name: str, count: int, max_queue: int, limits: Limits) -> Lane:
        asked = (name, count, max_queue, limits)
        shared = asked == (names.name, names.count, names.max_queue, names.limits)
        return names if shared else Lane(*asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(palier, "workers_of", _shared_workers)
        patch.setattr(door, "Lane", _shared_lane)
        yield
    asyncio.run(Lane.close(names))


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway over scripted models, shared by the tests that only talk to it."""
    from tests.serving import STAIRS, served, write_script

    folder = tmp_path_factory.mktemp("gateway")
    write_script(folder)
    with served(STAIRS, folder) as running:
        yield running
