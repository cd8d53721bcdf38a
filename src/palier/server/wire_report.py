"""The top-level `palier` object of a response: which landing answered, why, from what, and what it cost."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from palier.server.wire import Sent, TokenUsage
from palier.types import Decision, Guarded, Label, Quantity, Result, Source, Step, Usage


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
    carbon: Quantity
    timings: dict[str, float]
    steps: tuple[Step, ...]
    guards: tuple[Guarded, ...] | UnsetType = UNSET
    """What guards said, where the route has any."""
    retracted: bool | UnsetType = UNSET
    """True where what was streamed must be taken back (`release = "then_retract"`)."""
    budget: str | UnsetType = UNSET
    """That the route, or the key that asked, is over a soft limit of its budget."""
    others: list[Report] | UnsetType = UNSET
    """Where several prompts were sent at once: the reports of those after the first."""


def report(result: Result, *others: Result) -> Report:
    """The `palier` object of `result`, with those of the `others` that were asked at once."""
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
        carbon=result.carbon,
        timings=result.timings,
        steps=result.steps,
        guards=result.guards or UNSET,
        retracted=result.retracted or UNSET,
        budget=result.budget or UNSET,
        others=[report(other) for other in others] or UNSET,
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
