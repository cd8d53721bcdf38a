"""`GET /metrics`: what goes by, what it takes, and whether promises hold, in the text format of Prometheus (0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, get_args

from palier.counting import SPENT, Counts, Histogram
from palier.drift.report import Standing as Drift
from palier.routing.monitor import Monitor
from palier.server.endpoint import Call
from palier.server.replies import Reply
from palier.spending import BudgetStanding
from palier.tracing.exporting import Became, Exporter

_TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]
"""What follows the family's name, labels, the value."""
JOULES = 3600.0
"""In a watt-hour: Prometheus wants base units."""


class Standing(NamedTuple):
    """A route, whether its threshold is calibrated, and whether its guarantee broke."""

    route: str
    calibrated: bool
    broken: bool


class Now(NamedTuple):
    """What is true at this moment."""

    standings: tuple[Standing, ...] = ()
    monitors: Mapping[str, Monitor] = {}
    healthy: Mapping[str, bool] = {}
    """Models by name."""
    running: int = 0
    """Requests at work, those that wait for a place among them."""
    waiting: int = 0
    departures: Mapping[tuple[str, str], int] = {}
    """What left since the process began, by destination and label."""
    budgets: tuple[BudgetStanding, ...] = ()
    recording: bool = True
    """Whether requests can be written down."""
    unrecorded: int = 0
    drift: tuple[Drift, ...] = ()
    """How the watch over drift stands; nothing where nobody looks."""
    unsent: int = 0
    """Alerts of budgets that the webhook did not take yet."""
    exporter: Exporter | None = None
    """What sends spans to a collector; None where none is named."""


async def metrics(call: Call) -> Reply:
    """Gauges and counters by route; those of the watch where a policy is watched."""
    palier, places = call.palier, call.places
    policies = palier.policies
    now = Now(
        standings=tuple(
            Standing(s.route, s.calibrated, bool(policies.of(s.route).broken)) for s in await palier.status()
        ),
        monitors=palier.watch.monitors,
        healthy={name: bool(health["ok"]) for name, health in (await palier.health()).items()},
        running=places.taken,
        waiting=places.waiting,
        departures=palier.ledger.departures,
        budgets=tuple(await palier.budgets_now()),
        recording=not palier.failing.why,
        unrecorded=palier.failing.unrecorded,
        drift=tuple((await palier.drift.standings()).values()),
        unsent=palier.overspending.unsent,
        exporter=palier.exporter,
    )
    return Reply(text(now, palier.counts).encode(), headers=[_TEXT])


def text(now: Now, counts: Counts) -> str:
    """The whole page."""
    families: tuple[tuple[str, str, str, Iterable[Sample]], ...] = (
        *_promises(now),
        *_traffic(counts),
        *_times(counts),
        *_budgets(now),
        *_engines(now),
        *_drift(now),
        ("palier_guard_verdicts_total", "counter", "What guards said, once a request and tier.", _verdicts(counts)),
        ("palier_guard_seconds_total", "counter", "What guards took.", _guard_seconds(counts)),
        (
            "palier_shadow_requests_total",
            "counter",
            "Put to students in shadow, and what came of it.",
            _plain(_said(("route", "outcome"), counts.shadows)),
        ),
        (
            "palier_students_returned_total",
            "counter",
            "Students that were taken back by themselves.",
            _plain(_said(("route", "cause"), counts.returned)),
        ),
    )
    return "".join(line for family in families for line in _family(*family))


Family = tuple[str, str, str, Iterable[Sample]]


def _promises(now: Now) -> Iterator[Family]:
    routes = [({"route": s.route}, s) for s in now.standings]
    watched = [({"route": route}, monitor) for route, monitor in now.monitors.items()]
    yield "palier_calibrated", "gauge", "1 where a policy decides.", _plain((r, s.calibrated) for r, s in routes)
    yield "palier_guarantee_broken", "gauge", "1 where the promise broke.", _plain((r, s.broken) for r, s in routes)
    yield "palier_promised_risk", "gauge", "The risk that is promised.", _plain((r, m.alpha) for r, m in watched)
    yield "palier_watched_answers_total", "counter", "Audited answers.", _plain((r, m.n) for r, m in watched)
    yield "palier_watched_losses_total", "counter", "Their losses.", _plain((r, m.total) for r, m in watched)
    yield "palier_watch_evidence", "gauge", "Against the promise.", _plain((r, m.evidence) for r, m in watched)


def _traffic(counts: Counts) -> Iterator[Family]:
    names = ("palier_cost_dollars_total", "palier_energy_joules_total", "palier_carbon_grams_total")
    meanings = ("What is known to be spent.", "What is known to be used.", "CO2e of what is known to be used.")
    yield (
        "palier_requests_total",
        "counter",
        "Requests that ended; tier is empty where none answered.",
        _plain(_said(("route", "status", "tier"), counts.requests)),
    )
    yield (
        "palier_steps_total",
        "counter",
        "Tiers that requests came to, and what came of it.",
        _plain(_said(("route", "tier", "outcome"), counts.steps)),
    )
    yield (
        "palier_tokens_total",
        "counter",
        "Tokens as the tiers count them; cached ones are among those of the prompt.",
        _plain(_said(("route", "tier", "kind"), counts.tokens)),
    )
    for what, name, meaning in zip(SPENT, names, meanings, strict=True):
        factor = JOULES if what == "energy" else 1.0
        rows = [({"route": route}, value * factor) for (route, one), value in counts.spent.items() if one == what]
        yield name, "counter", meaning, _plain(rows)
    yield (
        "palier_unknown_total",
        "counter",
        "Requests whose cost, energy or carbon is not known, and is in no sum.",
        _plain(_said(("route", "what"), counts.unknown)),
    )


def _times(counts: Counts) -> Iterator[Family]:
    yield (
        "palier_request_seconds",
        "histogram",
        "From a request to its end.",
        _buckets(({"route": route}, one) for route, one in counts.seconds.items()),
    )
    yield (
        "palier_first_words_seconds",
        "histogram",
        "From a request to the first words released.",
        _buckets(({"route": route}, one) for route, one in counts.first_seconds.items()),
    )
    yield (
        "palier_token_seconds",
        "histogram",
        "Of a token written, on average over a draft.",
        _buckets(({"route": route, "tier": tier}, one) for (route, tier), one in counts.token_seconds.items()),
    )
    yield (
        "palier_confidence",
        "histogram",
        "Of what was decided.",
        _buckets(({"route": route}, one) for route, one in counts.confidence.items()),
    )


def _budgets(now: Now) -> Iterator[Family]:
    sides = [({"route": one.route, "of": side.of}, side) for one in now.budgets for side in one.sides]
    limits: list[tuple[Labels, float]] = []
    for labels, side in sides:
        for name, limit in (("soft", side.soft), ("hard", side.hard)):
            if limit is not None:
                limits.append(({**labels, "limit": name}, limit))
    yield (
        "palier_budget_spent",
        "gauge",
        "Dollars or grams of the day or month that goes on, as far as known.",
        _plain((labels, side.spent) for labels, side in sides),
    )
    yield "palier_budget_limit", "gauge", "What may be spent.", _plain(limits)
    yield "palier_budget_unsent", "gauge", "Alerts that the webhook did not take yet.", _plain([({}, now.unsent)])
    yield (
        "palier_budget_held",
        "gauge",
        "The most that answers at work can take.",
        _plain((labels, side.held) for labels, side in sides),
    )
    yield (
        "palier_budget_uncounted",
        "gauge",
        "Requests of the day or month that cannot be counted.",
        _plain((labels, side.uncounted) for labels, side in sides),
    )


def _engines(now: Now) -> Iterator[Family]:
    left = [({"destination": to, "label": label}, count) for (to, label), count in now.departures.items()]
    healthy = [({"model": name}, ok) for name, ok in now.healthy.items()]
    yield "palier_recording", "gauge", "1 where requests can be recorded.", _plain([({}, now.recording)])
    yield "palier_unrecorded_total", "counter", "Requests that could not be.", _plain([({}, now.unrecorded)])
    yield "palier_requests_running", "gauge", "Requests taken on and not ended.", _plain([({}, now.running)])
    yield "palier_requests_waiting", "gauge", "Of these, those that wait for a place.", _plain([({}, now.waiting)])
    yield "palier_model_healthy", "gauge", "1 where the model can be asked.", _plain(healthy)
    yield "palier_departures_total", "counter", "What left, as the ledger has it.", _plain(left)
    sending = now.exporter
    became = [({"became": one}, sending.became[one]) for one in get_args(Became)] if sending else []
    failing: list[tuple[Labels, float]] = [({}, float(bool(sending.failing)))] if sending else []
    yield "palier_spans_requests_total", "counter", "Requests whose spans were to be sent.", _plain(became)
    yield "palier_spans_failing", "gauge", "1 where the collector took none the last time.", _plain(failing)


def _drift(now: Now) -> Iterator[Family]:
    signals = [
        ({"route": one.route, "signal": signal}, one, value)
        for one in now.drift
        for signal, value in one.evidence.items()
    ]
    open_ = [({"route": one.route, "signal": alert.signal}, alert) for one in now.drift for alert in one.drifting]
    drifting = {tuple(at.values()): 0.0 for at, _, _ in signals} | {tuple(at.values()): 1.0 for at, _ in open_}
    yield "palier_drift_evidence", "gauge", "Against nothing having changed.", _plain((at, v) for at, _, v in signals)
    yield (
        "palier_drift_seen_total",
        "counter",
        "Values looked at since the reference.",
        _plain((at, one.seen[at["signal"]]) for at, one, _ in signals),
    )
    yield (
        "palier_drifting",
        "gauge",
        "1 where a signal drifts.",
        _plain(({"route": route, "signal": signal}, one) for (route, signal), one in drifting.items()),
    )
    yield (
        "palier_drift_effect",
        "gauge",
        "How far from the reference, of what drifts.",
        _plain((at, alert.effect) for at, alert in open_ if alert.effect is not None),
    )
    yield (
        "palier_drift_unsent",
        "gauge",
        "Alerts that the webhook did not take yet.",
        _plain(({"route": one.route}, one.unsent) for one in now.drift),
    )


def _said(
    names: tuple[str, ...], counted: Mapping[tuple[str, str], int] | Mapping[tuple[str, str, str], int]
) -> Iterator[tuple[Labels, float]]:
    for values, count in counted.items():
        yield dict(zip(names, values, strict=True)), count


def _plain(rows: Iterable[tuple[Labels, float]]) -> Iterator[Sample]:
    for labels, value in rows:
        yield "", labels, value


def _buckets(rows: Iterable[tuple[Labels, Histogram]]) -> Iterator[Sample]:
    for labels, one in rows:
        bounds = [f"{bound:g}" for bound in one.bounds]
        cumulated = one.cumulated()
        for bound, count in zip([*bounds, "+Inf"], cumulated, strict=True):
            yield "_bucket", {**labels, "le": bound}, count
        yield "_sum", labels, one.sum
        yield "_count", labels, cumulated[-1]


def _family(name: str, kind: str, meaning: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n"
    for suffix, labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(word)}"' for label, word in labels.items())
        yield f"{name}{suffix}{f'{{{shown}}}' if shown else ''} {value:.12g}\n"


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _verdicts(counts: Counts) -> Iterator[Sample]:
    for said, count in counts.guards.items():
        failed = "true" if said.failed else "false"
        labels = {"route": said.route, "guard": said.guard, "place": said.place, "action": said.action}
        yield "", {**labels, "failed": failed}, count


def _guard_seconds(counts: Counts) -> Iterator[Sample]:
    for (route, guard), took_ms in counts.guard_ms.items():
        yield "", {"route": route, "guard": guard}, took_ms / 1000
