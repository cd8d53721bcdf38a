"""A draft that a guard stopped, and says how to mend, is given back once to the tier that wrote it.

It is a call like any other: a step of its own in the trace, with what it cost; what comes is looked at by the same
guards. Where a policy holds nothing is mended: it promises what first drafts were judged to be. An audit too is of the
first draft.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from palier.interfaces import Admission, Gate
from palier.pipeline.journey import Journey
from palier.pipeline.landing import Landing
from palier.pipeline.posts import Stopped
from palier.types import Draft, Message, Prompt

MOST = 20_000
"""Characters of a draft that is given back; a longer one climbs."""


class Doors(Protocol):
    """What another call to a tier goes through: a part of `Parts`."""

    @property
    def gate(self) -> Gate: ...


def mendable(landing: Landing, prompt: Prompt, draft: Draft, stopped: Stopped) -> bool:
    """Whether the tier may mend its own draft: it writes freely, one answer, and promises nothing of it."""
    return (
        bool(stopped.verdict.repair)
        and stopped.verdict.action == "climb"
        and landing.model.card.generates
        and landing.rule is None
        and prompt.text is None
        and prompt.parameters.n == 1
        and not landing.constrained(prompt.parameters)
        and len(draft.text) <= MOST
        and not any(choice.tool_calls for choice in draft.choices)
    )


async def again(
    journey: Journey,
    parts: Doors,
    landing: Landing,
    admission: Admission,
    wanted: str,
    wrote: str,
    look_again: Callable[[], Awaitable[None]],
) -> Admission | None:
    """What the tier is given to mend what it `wrote`, in its own words; None where it may not be asked again now.

    `look_again` brings the labels up to date: writing took its time, and what may leave is judged once more.
    """
    assert admission.prompt is not None
    assert admission.sent is not None
    if landing.to.leaves:
        await look_again()
        now = await landing.admit(journey.request, parts.gate, journey.needed, why=journey.why)
        if now.prompt is None or now.prompt.passages != admission.prompt.passages:
            return None
    told = Message(role="user", content=wanted)

    def extended(prompt: Prompt, draft: str) -> Prompt:
        turns = (*prompt.messages, Message(role="assistant", content=draft), told)
        return msgspec.structs.replace(prompt, messages=turns)

    said = journey.drafts[landing.name].text
    return msgspec.structs.replace(
        admission, prompt=extended(admission.prompt, said), sent=extended(admission.sent, wrote)
    )
