"""What is told of a label to whoever is no administrator: nothing of the documents that its words were known by.

What a client writes is looked up among all labelled texts, also those it may not read. That it may not go is told, for
it shows anyhow; which label it has is not, or a guess could be tried at what one may not read.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from palier.types import Principal, Result, Trace

Told = TypeVar("Told", Result, Trace)


def discreet(told: Told, principal: Principal) -> Told:
    """`told` as `principal` may read it: with the labels that it has without what the client quoted."""
    label = told.unquoted
    if label is None or principal.admin:
        return told
    steps = tuple(msgspec.structs.replace(step, label=label) for step in told.steps)
    told = msgspec.structs.replace(told, label=label, steps=steps, unquoted=None)
    if not isinstance(told, Trace):
        return told
    content = told.content and msgspec.structs.replace(told.content, label=label)
    return msgspec.structs.replace(told, content=content, answers=())
