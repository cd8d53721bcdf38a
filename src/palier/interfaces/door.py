"""What leaves: judged, admitted, written down."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from palier.types import Clearance, Data, Label, Prompt, Request, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    MarkNumbers = NDArray[np.int64]
else:  # numpy is a quarter of the time that a command takes to start
    MarkNumbers = Any
"""Marks of a text, sorted, each once (`privacy.marks`)."""


class Filtering(Protocol):
    """Changes text that comes in pieces."""

    def feed(self, piece: str) -> str:
        """What of it can be told already: the end of a piece may be half a placeholder, and is held back."""
        ...

    def end(self) -> str:
        """What was held back."""
        ...


class Restoring(Filtering, Protocol):
    """Puts values back."""

    @property
    def missed(self) -> Sequence[str]:
        """What looks like a placeholder of this prompt, and is none that could be put back."""
        ...


class Redactions(Protocol):
    """What was replaced in one prompt."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many different values of each type."""
        ...

    def restoring(self, *, json: bool = False) -> Restoring:
        """For one text of the answer; `json`: for values inside JSON, such as the arguments of a tool."""
        ...

    def sealable(self) -> bytes:
        """The map from placeholders to values, to be kept sealed."""
        ...


class Redactor(Protocol):
    """Personal data in texts, replaced so that it can be put back."""

    async def redact(
        self, texts: Sequence[str], public: Sequence[str], language: str
    ) -> tuple[Sequence[str], Redactions]:
        """`texts` with placeholders, one value the same in all of them. What stands in `public` is no secret."""
        ...


Links = Callable[[Callable[[], Sequence[str]]], Callable[[], Filtering]]
"""Evidence, gathered where it is needed, to what makes the links of one text inert that do not stand in it."""


class Vault(Protocol):
    """What placeholders stood for, sealed."""

    async def keep_map(self, trace: str, expires: float, content: bytes) -> None:
        """Keep the map of one request until `expires`, in the place of one that is there."""
        ...

    async def map_of(self, trace: str) -> bytes | None:
        """The map that is kept; None where there is none (any more)."""
        ...


class Destination(Data, frozen=True, kw_only=True):
    """What the gate knows of a tier."""

    model: str
    tier: str
    highest: Label
    leaves: bool
    """Whether it does not run on premises."""
    region: str = ""
    barred: str = ""
    """Why nothing of its route may go there, whatever its label; empty where it may."""
    redact: bool = False
    system: str = ""


class Admission(Data, frozen=True, kw_only=True):
    """What the gate says of one destination: `prompt` is None when it gets nothing, and `reason` says why.

    `label` is what the prompt carries (or would have carried); `withheld` counts the passages that were kept back.
    """

    verdict: Verdict
    label: Label
    prompt: Prompt | None = None
    """As it is judged here, with all that was not kept back."""
    sent: Prompt | None = None
    """As it goes: the same, or with placeholders in the place of personal data."""
    redactions: Redactions | None = None
    reason: str = ""
    withheld: int = 0


class Gate(Protocol):
    """The door: assembles the prompt for one destination from what it may receive, then judges it."""

    async def admit(
        self, request: Request, to: Destination, *, needed: Collection[str], why: str = "", audit: bool = False
    ) -> Admission:
        """`needed` are the keys of the passages without which the destination could not answer.

        `why` it is asked goes into the ledger.
        """
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

    def __call__(self, texts: Sequence[str], names: Sequence[str] = ()) -> bytes:
        """Of all `texts` together, and of `names` (addresses, ids): eight bytes a mark (little-endian, signed), sorted,
        each once."""
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
