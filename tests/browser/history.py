"""A day of the sample company: requests by the hour, a policy that holds, and who was right."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Sequence
from importlib import resources

import msgspec
from tests.serving import Served

from palier.audits import Audit, AuditTier, Judgement
from palier.routing import policy as policies
from palier.routing.calibrator import Calibrator
from palier.routing.policy import Guarantee, Policy, PolicyTier
from palier.testing.traces import trace_of
from palier.types import Quantity, Step, Trace

ROUTE, POLICY, SOURCE = "support", "support.policy.json", "person"
HOURS, AN_HOUR, THRESHOLD = 24, 10, 0.6
QUOTING = msgspec.json.decode(
    resources.files("palier.routing").joinpath("fitted/quoting.json").read_bytes(), type=Calibrator
)
"""What palier comes with: so that quotations are judged by the policy as they were without."""


def remember(gateway: Served, an_hour: int = AN_HOUR) -> None:
    """Give the gateway a policy, and a day of about so many requests an hour, with its audits and judgements."""
    palier = gateway.palier
    status = next(one for one in gateway.run(palier.status()) if one.route == ROUTE)
    policy = _policy(status.fingerprint)
    palier.settings.path(POLICY).write_bytes(policies.dump(policy))
    gateway.run(_look(gateway))
    now, chance = time.time(), random.Random(4)
    for hour in range(HOURS, 0, -1):
        count = int(an_hour * (1.2 + math.sin(hour / 4)))
        made = [_request(f"day-{hour}-{n}", now - hour * 3600 + n * 60, policy, chance) for n in range(count)]
        gateway.run(_keep(gateway, made))
    gateway.run(palier.watch.look())


async def _look(gateway: Served) -> None:
    gateway.palier.policies.look()


async def _keep(gateway: Served, made: Sequence[tuple[Trace, Audit, bool]]) -> None:
    palier = gateway.palier
    await asyncio.gather(*(palier._drawn.draw(trace, audit) for trace, audit, _ in made))
    verdicts = [
        Judgement(trace=trace.id, tier=tier, source=SOURCE, correct=right or tier == "tier-2", created=trace.created)
        for trace, _, right in made
        for tier in ("tier-1", "tier-2")
    ]
    await palier.audits.judge(verdicts)


def _policy(fingerprint: dict[str, str]) -> Policy:
    promise = Guarantee(
        target="kept",
        risk=0.1,
        confidence=0.95,
        labels=1531,
        certified=1531,
        kept=842,
        observed=0.071,
        upper=0.094,
        fitted="2026-11-20",
        label_source=SOURCE,
    )
    tiers = (PolicyTier(name="tier-1", threshold=THRESHOLD, calibrator=QUOTING), PolicyTier(name="tier-2"))
    return Policy(tiers=tiers, guarantee=promise, fingerprint=dict(fingerprint), route=ROUTE)


def _request(id: str, at: float, policy: Policy, chance: random.Random) -> tuple[Trace, Audit, bool]:
    signals = _signals(chance.gauss(0.3, 0.8))
    confidence = QUOTING.probability(signals)
    right, kept = chance.random() < confidence, confidence >= policy.tiers[0].threshold
    served = "tier-1" if kept else "tier-2"
    cost = Quantity(value=0.00002 if kept else 0.0007, basis="estimated", method="tokens x price")
    carbon = Quantity(value=0.001 if kept else 0.04, basis="estimated", method="of a year's grid")
    steps = [
        Step(
            tier="tier-1",
            model="quote",
            outcome="answered" if kept else "climbed",
            reason=f"{confidence:.2f} {'>=' if kept else '<'} {THRESHOLD:.2f}",
            confidence=confidence,
            threshold=THRESHOLD,
            calibrated=True,
            latency_ms=28.0,
            began_ms=25.0,
        )
    ]
    if not kept:
        large = {
            "tier": "tier-2",
            "model": "large",
            "outcome": "answered",
            "reason": "no threshold to reach",
            "cost": cost,
        }
        steps.append(msgspec.convert({**large, "latency_ms": 640.0, "began_ms": 55.0}, Step))
    trace = msgspec.structs.replace(
        trace_of(id, at, route=ROUTE, tier=served),
        principal=chance.choice(("anna", "bruno", "shop")),
        confidence=confidence,
        cost=cost,
        carbon=carbon,
        latency_ms=chance.gauss(60, 12) if kept else chance.gauss(720, 90),
        steps=tuple(steps),
        policy=policies.identity(policy),
    )
    tiers = (
        AuditTier(name="tier-1", model="quote", outcome="drafted", features=signals, reused=True),
        AuditTier(name="tier-2", model="large", outcome="drafted", reused=not kept),
    )
    audit = Audit(
        trace=id,
        route=ROUTE,
        created=at,
        language="en",
        label=trace.label,
        place=chance.random(),
        stairs=("tier-1=quote", "tier-2=large"),
        state="done",
        tiers=tiers,
        policy=policies.identity(policy),
        served=served,
    )
    return trace, audit, right


def _signals(above: float) -> dict[str, float]:
    """Signals that speak for a draft, so many deviations above the usual."""
    return {
        one.name: one.mean + math.copysign(above * one.scale, above * one.coefficient) if one.coefficient else one.mean
        for one in QUOTING.features
    }
