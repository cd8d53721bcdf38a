"""The audit sample: which requests are drawn, before anything is decided of them, and how a drawn one is kept.

A keyed hash of the request's id (BLAKE2b, a quarter of an HMAC's time) draws: nobody who asks can foresee it, and it
knows nothing of what is asked. A tier asked by name and a raw completion are not drawn (nothing is decided of them),
nor one that failed (there is no answer to judge) or was left before any tier was asked. One that was left later is:
who leaves may do so for what is said, and the sample must not depend on that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from palier.audits import Audit, AuditTier, AuditWords
from palier.interfaces import Audits
from palier.pipeline.journey import Journey
from palier.pipeline.landing import Landing
from palier.routing.table import QUESTION
from palier.types import Guarded, Request, Step, Trace

_ASKED = frozenset({"answered", "climbed", "failed"})
"""Steps that tell what a tier said. One that was passed over is looked at again by the audit."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample of one route. `wake` tells the auditor that there is something to do."""

    share: float
    key: bytes
    audits: Audits
    stairs: tuple[str, ...]
    wake: Callable[[], None]

    def draw(self, request: Request) -> float | None:
        """Its place in the draw, uniform in [0, 1); None where it is not drawn. About a microsecond."""
        if request.tier is not None or request.text is not None:
            return None
        drawn = int.from_bytes(blake2b(request.id.encode(), key=self.key, digest_size=8).digest()) / 2**64
        return drawn / self.share if drawn < self.share else None

    async def keep(self, journey: Journey, place: float) -> None:
        """Keep a request with its trace, what it asked already, and what the audit needs to go on."""
        trace = journey.trace()
        await self.audits.draw(trace, _audit(journey, trace, place, self.stairs))
        self.wake()


def stairs_of(landings: Sequence[Landing]) -> tuple[str, ...]:
    """What a record is of: the tiers and their models, lowest first."""
    return tuple(f"{landing.name}={landing.model_name}" for landing in landings)


def _audit(journey: Journey, trace: Trace, place: float, stairs: tuple[str, ...]) -> Audit:
    request, steps = journey.request, _heard(journey)
    answered = journey.result if journey.result and journey.result.status == "answered" else None
    quoted = {source.passage for source in answered.sources if source.cited} if answered else set()
    content = trace.content
    assert content is not None  # without words kept, no route has a sample
    return Audit(
        trace=request.id,
        route=request.route,
        created=trace.created,
        language=request.language,
        label=journey.carries,
        place=place,
        stairs=stairs,
        due=trace.created,
        fingerprint=trace.fingerprint,
        policy=trace.policy,
        served=trace.tier or journey.serving,
        undecided=journey.result is None and not journey.serving,
        tiers=tuple(_reused(step, journey.guards.rows) for step in steps),
        words=AuditWords(
            label=content.label,
            expires=content.expires,
            request=request,
            needed=tuple(sorted(journey.needed | quoted)),
            drafts={step.tier: journey.drafts[step.tier].text for step in steps if step.outcome != "failed"},
        ),
    )


def _heard(journey: Journey) -> list[Step]:
    """What was said to its end: a tier that was passed over, or cut short by a policy, is asked by the audit. Of a tier
    that mended its draft, the first."""
    said = [step for step in reversed(journey.steps) if step.outcome in _ASKED and step.tier not in journey.cut]
    first = {step.tier: step for step in said}
    return [step for step in reversed(said) if first[step.tier] is step]


def _reused(step: Step, guards: Sequence[Guarded]) -> AuditTier:
    said = [row for row in guards if row.tier == step.tier and row.place in ("draft", "output")]
    stops = (f"guard {row.guard}: {row.reason}" for row in said if row.action in ("climb", "refuse"))
    return AuditTier(
        name=step.tier,
        model=step.model,
        outcome="failed" if step.outcome == "failed" else "drafted",
        reason=step.reason if step.outcome == "failed" else "",
        features={name: value for name, value in step.features.items() if name != QUESTION},  # that is its policy's own
        usage=step.usage,
        cost=step.cost,
        energy=step.energy,
        carbon=step.carbon,
        latency_ms=step.latency_ms,
        reused=True,
        guarded=bool(said),
        stopped=next(stops, ""),
    )
