"""Every check in turn, and what the whole amounts to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

from palier.config import Route, Settings, highest_label, leaves, load, tier_name
from palier.errors import ConfigurationError, PalierError
from palier.privacy.lockdown import closed
from palier.routing import policy as policies
from palier.server.doctor import energy, folder, machine, models, privacy, students, upstreams
from palier.server.doctor.finding import Finding
from palier.stores.folder import DataFolder


async def examine(config: Path) -> AsyncGenerator[Finding, None]:
    """Every finding, as it is made. An unreadable `palier.toml` ends the examination."""
    try:
        settings: Settings | None = closed(load(config))
        problem = None
    except ConfigurationError as error:
        settings, problem = None, error
    for finding in machine.check(settings.folder if settings else Path.cwd()):
        yield finding
    if settings is None:
        assert problem is not None
        yield Finding.failed("settings", problem)
        return
    yield _routes(config, settings)
    for name, route in settings.routes.items():
        for finding in never_asked(settings, name, route):
            yield finding
    for name, route in settings.routes.items():
        if route.policy:
            yield policy(settings, name, route)
    for finding in folder.check(settings):
        yield finding
    async for finding in students.check(settings):
        yield finding
    for finding in privacy.check(settings):
        yield finding
    for finding in energy.check(settings):
        yield finding
    if listening := await address(settings):
        yield listening
    async for finding in models.check(settings):
        yield finding
    async for finding in upstreams.check(settings):
        yield finding


async def address(settings: Settings) -> Finding | None:
    """Whether the gateway could listen; None while one holds the folder, which listens already."""
    try:
        if DataFolder(settings.folder).holder() is not None:
            return None
    except PalierError:
        return None  # the folder's own check says so
    host, port = settings.server.host, settings.server.port
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        return Finding(
            check="address",
            status="fail",
            detail=f"{host}:{port} cannot be listened on: {error.strerror or error}",
            advice="end the program that has it, or change [server] host or port",
        )
    server.close()
    await server.wait_closed()
    return Finding(check="address", detail=f"{host}:{port} is free")


def _routes(config: Path, settings: Settings) -> Finding:
    if not settings.routes:
        return Finding(check="settings", status="warn", detail=f"{config} has no route", advice="add [routes.NAME]")
    names = ", ".join(f"{name} ({len(route.tiers)} tiers)" for name, route in settings.routes.items())
    return Finding(check="settings", detail=f"{config}: {names}")


def never_asked(settings: Settings, name: str, route: Route) -> Iterator[Finding]:
    """Tiers that may not even receive what clients of the route write."""
    for index, tier in enumerate(route.tiers):
        highest = highest_label(settings, tier)
        if not highest.allows(route.message_label):
            detail = (
                f"{tier_name(route, index)} ({tier.model}) is never asked: what clients write is "
                f"{route.message_label}, and it may receive at most {highest}"
            )
            if leaves(settings.models[tier.model]):
                advice = "nothing of this route leaves to it: keep it so, or give the route a lower message_label"
            else:
                advice = f'give it highest_label = "{route.message_label}", or the route a lower message_label'
            yield Finding(check=f"route {name}", status="warn", detail=detail, advice=advice)


def policy(settings: Settings, name: str, route: Route) -> Finding:
    """Whether the policy of a route can be read, and is of its tiers. Its fingerprint is `palier status`'s to check."""
    path = settings.path(route.policy)
    names = ", ".join(tier_name(route, index) for index in range(len(route.tiers)))
    try:
        made = policies.load(path)
    except ConfigurationError as error:
        return Finding(check=f"route {name}", status="warn", detail=error.message, advice=error.hint)
    if ", ".join(made.names) != names:
        return Finding(
            check=f"route {name}",
            status="warn",
            detail=f"the policy {path} was made for the tiers {', '.join(made.names)}, and not {names}",
            advice="calibrate again: palier calibrate",
        )
    return Finding(check=f"route {name}", detail=f"policy: {made.guarantee}; palier status says whether it still holds")


def exit_status(findings: list[Finding]) -> int:
    """0 when nothing fails, 4 when only what is out of reach does, else 2: what every other command would exit with."""
    failed = [finding for finding in findings if finding.status == "fail"]
    if not failed:
        return 0
    return 4 if all(finding.upstream for finding in failed) else ConfigurationError.exit_status
