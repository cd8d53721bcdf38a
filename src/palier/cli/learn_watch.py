"""`palier learn --watch`: a round whenever enough new lessons wait, within a budget of hours and energy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from palier.cli import terminal
from palier.cli.records import route_name
from palier.cli.session import session
from palier.config import load

if TYPE_CHECKING:
    from palier.cli.learn import Round

PAGE = 1_000
"""Lessons that are looked at by one call."""


async def watching(one: Round, go: Callable[[], Awaitable[int]]) -> int:
    """Until it is cancelled. Raises what is wrong with the settings, the route or the suite before it begins."""
    from palier.app import learning, pacing
    from palier.evals.suites import suite as suites
    from palier.metrics.meters import open_meters
    from palier.stores.folder import DataFolder

    settings = load(one.config)
    name = route_name(settings, one.route)
    learning.student_of(settings, name, one.student)
    suites.read(one.asked.judge)
    file, budget = DataFolder(settings.folder).prepared().learning, settings.learning
    meters = open_meters()
    try:
        gauge = pacing.Gauge(meters, budget.watts)
        pacing.check_known(gauge, budget, meters.words)
        with pacing.alone(file):
            await pacing.watch(
                *(pacing.Pace(file, budget), gauge, budget, name, lambda: _lessons(one, name), go),
                say=terminal.note,
                complain=terminal.complain,
            )
    finally:
        meters.close()
    return 0


async def _lessons(one: Round, route: str) -> list[str]:
    """Ids of the lessons that are accepted, after a harvest."""
    found: list[str] = []
    async with session(one.config) as p:
        await p.lessons.harvest(route, suites=[str(one.asked.judge.absolute())])
        while page := await p.lessons.page(route=route, state="accepted", after=found[-1] if found else "", limit=PAGE):
            found += [lesson.id for lesson in page]
    return found
