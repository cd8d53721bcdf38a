"""Automatic return: a live version that does not hold is taken back, and what answered before it answers again.

Three things tell. The promise of its policy breaks (`watching`, on audited answers); its files are gone or changed; or
it raises: of the requests it is asked, surely more than a tenth. The test of the last is the one that watches promises:
it may be looked at after each request, and in all of a version's life it is wrong with a chance of one in a thousand.
What is taken back so does not answer again before the gate has passed it again: nothing goes to and fro.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from palier.app.students import Carrying, Students, Taught, check_files, taught
from palier.config import Settings
from palier.counting import Cause, Counts
from palier.errors import Busy, ConfigurationError, PalierError, UpstreamTimeout
from palier.interfaces.versions import Versions
from palier.pipeline.journey import Journey
from palier.routing.monitor import Monitor
from palier.versions import MONITOR, Version

LOOK_EVERY_S = 5.0
FAILING = 0.1
"""The share of requests that may fail."""
DELTA = 0.001

log = logging.getLogger("palier.students")


async def sound(declared: Settings, folder: Path, carrying: Carrying) -> Taught:
    """See `students.taught`; versions whose files are not what they were are taken back before, and all carry what
    carries by now whatever they were taught on."""
    versions = carrying.versions
    await carrying.look()
    for route in declared.routes:
        while (found := await unsound(versions, folder, route)) is not None:
            version, why = found
            log.error("route `%s`: %s is taken back: %s", route, version.id, why)
            await versions.roll_back(route, who=MONITOR, why=why, returned=True)
    return await taught(declared, versions, folder)


async def unsound(versions: Versions, folder: Path, route: str) -> tuple[Version, str] | None:
    """The live version of a route whose files are not what they were, and how."""
    standing = await versions.standing(route)
    version = await versions.get(standing.live) if standing.live else None
    if version is None:
        return None
    try:
        await asyncio.to_thread(check_files, version, folder)
    except ConfigurationError as error:
        return version, error.message
    return None


class Returning:
    """Watches the live versions of an open palier. `cast` is told, at each look, to find who answers beside."""

    def __init__(
        self,
        students: Students,
        versions: Versions,
        folder: Path,
        counts: Counts,
        cast: Callable[[str], Awaitable[None]],
    ) -> None:
        self._students = students
        self._versions = versions
        self._folder = folder
        self._counts = counts
        self._cast = cast
        self._monitors: dict[str, tuple[str, Monitor]] = {}
        """By route: of which version, and what it saw."""
        self._woken = asyncio.Event()

    def take(self, journey: Journey) -> None:
        """Count whether the live version answered, where it is the one that was asked: a request may have begun before.

        That an engine is full, or that somebody asks for more than there is time for, is no fault of it.
        """
        route = journey.request.route
        version = self._students.live.get(route)
        if version is None:
            return
        failures = iter(journey.failures)
        for step in journey.steps:
            error = next(failures, None) if step.outcome == "failed" else None
            if step.version == version.id and step.outcome in ("answered", "climbed", "failed"):
                if not isinstance(error, Busy | UpstreamTimeout):
                    self._count(route, version, failed=step.outcome == "failed")
                return

    def _count(self, route: str, version: Version, *, failed: bool) -> None:
        of, monitor = self._monitors.get(route, ("", None))
        if of != version.id or monitor is None:
            monitor = Monitor(alpha=FAILING, delta=DELTA)
        monitor = monitor.update(float(failed))
        self._monitors[route] = version.id, monitor
        if monitor.alarm:
            self._woken.set()

    async def broke(self, route: str, why: str) -> None:
        """The promise of the route's policy is broken: if a version is live, it was its policy."""
        if (version := self._students.live.get(route)) is not None:
            await self._take_back(version, why, "promise")

    async def keep_looking(self) -> None:
        """Look every five seconds, and when one fails too often, until cancelled."""
        while True:
            self._woken.clear()
            await self.look()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Take back what fails, and find who answers beside. What goes wrong is logged, and tried again."""
        for route in self._students.routes:
            try:
                await self._look(route)
            except PalierError as error:
                log.warning("the students of route `%s` are not watched: %s", route, error.message)
            except Exception:  # one odd version must not end the looking
                log.exception("the students of route `%s` are not watched", route)

    async def _look(self, route: str) -> None:
        if (found := await unsound(self._versions, self._folder, route)) is not None:
            await self._take_back(*found, "files")
        of, monitor = self._monitors.get(route, ("", None))
        live = self._students.live.get(route)
        if live is not None and live.id == of and monitor is not None and monitor.alarm:
            share = f"{monitor.total:g} of {monitor.n} requests failed"
            await self._take_back(live, f"it could not answer: {share}", "failures")
        await self._students.settle(route)
        await self._cast(route)

    async def _take_back(self, version: Version, why: str, cause: Cause) -> None:
        if await self._students.take_back(version, why=why) is not None:
            self._counts.returned[version.route, cause] += 1
