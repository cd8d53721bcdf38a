"""Whether a route's budget lets a tier be asked, by the most that its answer can take."""

from __future__ import annotations

from palier.budgets import Tab
from palier.metrics.tokens import estimated
from palier.pipeline.journey import Journey
from palier.pipeline.landing import Landing
from palier.types import Draft, Message, Prompt, Request, Usage

SLACK = 2
"""By how much the tokens of a prompt may be more than their bytes say (`metrics.tokens`)."""


def affordable(tab: Tab, journey: Journey, landing: Landing) -> str:
    """Hold what the tier can take; else why it is not to be asked. What was taken so far is counted first."""
    tab.settle(journey.steps)
    return tab.take(landing.model.card, landing.zone, lambda: most(landing, journey.request))


def most(landing: Landing, request: Request) -> Usage:
    """The most tokens that the tier can be sent of a request, whatever the gate keeps back, and write."""
    within = landing.within(request)
    asked = within.parameters
    texts = (landing.to.system, *(f"{hit.title} {hit.text}" for hit in within.passages))
    messages = (*within.messages, *(Message(role="system", content=text) for text in texts if text))
    sent = Prompt(id=request.id, messages=messages, text=within.text, parameters=asked)
    written = (asked.max_tokens or 0) * asked.n
    return Usage(prompt=SLACK * estimated(sent, Draft(choices=())).prompt, completion=written)
