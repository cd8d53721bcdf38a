"""What leaves: judged, admitted, written down."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from palier.types import Clearance, Data, Label, Prompt, Request

MarkNumbers = NDArray[np.int64]
"""Marks of a text, sorted, each once (`privacy.marks`)."""


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


class Marker(Protocol):
    """Gives the marks of a labelled text. Pickled into worker processes."""

    @property
    def name(self) -> str:
        """Names the key and the method: marks made by another compare with nothing and are made anew."""
        ...

    def __call__(self, texts: Sequence[str]) -> bytes:
        """Of all `texts` together: eight bytes a mark (little-endian, signed), sorted, each once."""
        ...


class Marks(Protocol):
    """By what labelled texts are known again, and how confidential that is."""

    @property
    def highest(self) -> Label:
        """No mark carries more; public where nothing is labelled."""
        ...

    async def ranks_of(self, marks: MarkNumbers) -> Mapping[int, int]:
        """The rank of each of `marks` that is known, by its number: what the texts that hold it leave it at."""
        ...


class Turns(Protocol):
    """Turns of conversations that saw more than they were called."""

    async def label_of_turns(self, digests: Sequence[bytes]) -> Label:
        """The most restrictive label of those among `digests`; public where there is none."""
        ...
