"""The top-level `palier` object of a response: which landing answered, why, from what, and what it cost."""

from __future__ import annotations

from palier.server.wire import Sent, TokenUsage
from palier.types import Decision, Label, Quantity, Result, Source, Step, Usage


class StepReport(Sent, frozen=True, kw_only=True):
    """One landing, asked or passed over; without its draft, which `palier traces show` has."""

    tier: str
    model: str
    outcome: str
    reason: str
    confidence: float | None
    threshold: float | None
    calibrated: bool
    label: Label
    withheld: int
    usage: Usage | None
    cost: Quantity
    energy: Quantity
    latency_ms: float


class Report(Sent, frozen=True, kw_only=True):
    """What palier says of an answer. `status` is `answered` or `abstained`; `tier` is null where none answered."""

    trace: str
    status: str
    tier: str | None
    model: str
    confidence: float | None
    decision: Decision
    sources: tuple[Source, ...]
    label: Label
    cost: Quantity
    energy: Quantity
    timings: dict[str, float]
    steps: tuple[StepReport, ...]


def report(result: Result) -> Report:
    """The `palier` object of `result`."""
    return Report(
        trace=result.id,
        status=result.status,
        tier=result.tier,
        model=result.model,
        confidence=result.confidence,
        decision=result.decision,
        sources=result.sources,
        label=result.label,
        cost=result.cost,
        energy=result.energy,
        timings=result.timings,
        steps=tuple(_step(step) for step in result.steps),
    )


def _step(step: Step) -> StepReport:
    return StepReport(
        tier=step.tier,
        model=step.model,
        outcome=step.outcome,
        reason=step.reason,
        confidence=step.confidence,
        threshold=step.threshold,
        calibrated=step.calibrated,
        label=step.label,
        withheld=step.withheld,
        usage=step.usage,
        cost=step.cost,
        energy=step.energy,
        latency_ms=step.latency_ms,
    )


def token_usage(usage: Usage | None) -> TokenUsage | None:
    """`usage` in OpenAI's words; None where the tier did not count (unknown is never 0)."""
    if usage is None:
        return None
    return TokenUsage(
        prompt_tokens=usage.prompt,
        completion_tokens=usage.completion,
        total_tokens=usage.prompt + usage.completion,
        prompt_tokens_details={"cached_tokens": usage.cached},
    )
