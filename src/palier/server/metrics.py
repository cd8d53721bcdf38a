"""`GET /metrics`: what each route promises and whether it is still true, in the text format of Prometheus (0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from palier.counting import Counts
from palier.routing.monitor import Monitor
from palier.server.endpoint import Call
from palier.server.replies import Reply

_TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")

Sample = tuple[str | Mapping[str, str], float]
"""A route or several labels, and the value."""


async def metrics(call: Call) -> Reply:
    """Gauges and counters by route; those of the watch where a policy is watched."""
    palier = call.palier
    return Reply(text(await _standings(call), palier.watch.monitors, palier.counts).encode(), headers=[_TEXT])


async def _standings(call: Call) -> list[tuple[str, bool, bool]]:
    """Each route, whether its threshold is calibrated, and whether its guarantee broke."""
    policies = call.palier.policies
    return [(s.route, s.calibrated, bool(policies.of(s.route).broken)) for s in await call.palier.status()]


def text(standings: Iterable[tuple[str, bool, bool]], monitors: Mapping[str, Monitor], counts: Counts) -> str:
    """The whole page."""
    standings = list(standings)
    families = (
        (
            "palier_calibrated",
            "gauge",
            "1 where a policy decides.",
            [(r, float(c)) for r, c, _ in standings],
        ),
        ("palier_guarantee_broken", "gauge", "1 where the promise broke.", [(r, float(b)) for r, _, b in standings]),
        ("palier_promised_risk", "gauge", "The risk that is promised.", [(r, m.alpha) for r, m in monitors.items()]),
        ("palier_watched_answers_total", "counter", "Audited answers.", [(r, m.n) for r, m in monitors.items()]),
        ("palier_watched_losses_total", "counter", "Their losses.", [(r, m.total) for r, m in monitors.items()]),
        ("palier_watch_evidence", "gauge", "Against the promise.", [(r, m.evidence) for r, m in monitors.items()]),
        ("palier_guard_verdicts_total", "counter", "What guards said, once a request and tier.", _verdicts(counts)),
        ("palier_guard_seconds_total", "counter", "What guards took.", _guard_seconds(counts)),
        ("palier_shadow_requests_total", "counter", "Put to students in shadow.", _by(counts.shadows, "outcome")),
        ("palier_students_returned_total", "counter", "Taken back by themselves.", _by(counts.returned, "cause")),
    )
    return "".join(line for family in families for line in _family(*family))


def _family(name: str, kind: str, meaning: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n"
    for said, value in samples:
        labels = {"route": said} if isinstance(said, str) else said
        # Names of routes and guards have no character to escape (config.checking).
        shown = ",".join(f'{label}="{word}"' for label, word in labels.items())
        yield f"{name}{{{shown}}} {value:.12g}\n"


def _verdicts(counts: Counts) -> Iterator[Sample]:
    for said, count in counts.guards.items():
        failed = "true" if said.failed else "false"
        labels = {"route": said.route, "guard": said.guard, "place": said.place, "action": said.action}
        yield {**labels, "failed": failed}, count


def _by(counted: Mapping[tuple[str, Any], int], label: str) -> Iterator[Sample]:
    for (route, said), count in counted.items():
        yield {"route": route, label: said}, count


def _guard_seconds(counts: Counts) -> Iterator[Sample]:
    for (route, guard), took_ms in counts.guard_ms.items():
        yield {"route": route, "guard": guard}, took_ms / 1000
