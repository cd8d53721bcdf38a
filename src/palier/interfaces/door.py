"""What leaves: judged, admitted, written down."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from palier.types import Clearance, Data, Label, Prompt, Request


class Admission(Data, frozen=True):
    """What the gate says of one destination: `prompt` is None when it gets nothing, and `reason` says why.

    `label` is what the prompt carries (or would have carried); `withheld` counts the passages that were kept back.
    """

    prompt: Prompt | None
    label: Label
    reason: str = ""
    withheld: int = 0


class Gate(Protocol):
    """The door: assembles the prompt for one destination from what it may receive, then judges it."""

    def admit(self, request: Request, *, highest: Label, system: str, needed: Collection[str]) -> Admission:
        """`needed` are the keys of the passages without which the destination could not answer."""
        ...


class Ledger(Protocol):
    """What left, when, to whom and why. Written before it leaves."""

    async def enter(self, clearance: Clearance, host: str, content: bytes) -> None:
        """Write down that `content` goes to `host` now; durable, also after a power cut, when this returns.

        Raises `StoreError` where it cannot be written: then nothing may leave.
        """
        ...
