"""What is counted while requests go by, for `/metrics`: since the process began, in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Literal, NamedTuple

from palier.types import GuardPlace, Trace


class GuardVerdict(NamedTuple):
    """What is counted of a guard: once a request and tier, the strictest that it said."""

    route: str
    guard: str
    place: GuardPlace
    action: str
    """`pass`, `mend`, `climb` or `refuse`."""
    failed: bool
    """It raised or took too long: the action is what its `on_error` makes of that."""


Cause = Literal["promise", "files", "failures"]
"""Why a version was taken back by itself."""


class Counts:
    """Counters of a process. Their number is that of routes, guards and places, whatever is asked."""

    def __init__(self) -> None:
        self.guards: Counter[GuardVerdict] = Counter()
        self.guard_ms: dict[tuple[str, str], float] = defaultdict(float)
        """Milliseconds that guards took, by route and guard."""
        self.shadows: Counter[tuple[str, str]] = Counter()
        """Requests put to versions in shadow, by route and what became of it; `dropped`: the gateway was busy."""
        self.returned: Counter[tuple[str, Cause]] = Counter()
        """Versions that were taken back by themselves, by route."""

    def take(self, trace: Trace) -> None:
        """Count one request."""
        for row in trace.guards:
            self.guards[GuardVerdict(trace.route, row.guard, row.place, row.action, row.failed)] += 1
            self.guard_ms[trace.route, row.guard] += row.took_ms
