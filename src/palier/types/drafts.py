"""What a tier is given, and what it gives back."""

from __future__ import annotations

from typing import Literal

from palier.types.data import Data, Features
from palier.types.knowledge import Hit
from palier.types.labels import Label
from palier.types.numbers import Usage
from palier.types.requests import Message, Parameters, ToolCall

Verdict = Literal["allow", "withhold", "redact", "abstain", "refuse"]
"""What the gate says of a prompt for one destination: all of it goes, some passages are kept back, personal data is
replaced; or nothing goes, since the evidence may not (abstain) or what was asked may not (refuse)."""


class Clearance(Data, frozen=True, kw_only=True):
    """What lets bytes out to a destination that is not on premises, and what the ledger says of them."""

    purpose: Literal["draft", "audit", "probe", "download", "head", "telemetry", "alert"]
    destination: str
    """The model's name, or what else is called."""
    region: str = ""
    request: str = ""
    route: str = ""
    tier: str = ""
    principal: str = ""
    label: Label = Label.PUBLIC
    verdict: Verdict = "allow"
    reason: str = ""
    withheld: int = 0
    redacted: dict[str, int] = {}
    """How many values of each type were replaced."""


class Prompt(Data, frozen=True, kw_only=True):
    """What one destination receives: assembled from the passages it may see, judged by the gate.

    Exactly one of `messages` and `text` is used. `passages` are the numbered evidence inside `messages`, in order.
    """

    id: str
    messages: tuple[Message, ...] = ()
    text: str | None = None
    question: str = ""
    passages: tuple[Hit, ...] = ()
    parameters: Parameters = Parameters()
    label: Label = Label.PUBLIC
    language: str = ""
    clearance: Clearance | None = None
    """Without one, nothing of it leaves the premises."""


class TokenLogprob(Data, frozen=True, kw_only=True):
    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    offset: int | None = None


class Delta(Data, frozen=True, kw_only=True, tag="delta"):
    """Text of choice `choice` as it is generated, with its tokens where asked for. `refusal`: see `Choice`."""

    text: str
    choice: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()
    refusal: bool = False


class ToolDelta(Data, frozen=True, kw_only=True, tag="tool"):
    """A fragment of a tool call: the first of an `index` carries `id` and `name`, the others add `arguments`."""

    index: int
    choice: int = 0
    id: str = ""
    name: str = ""
    arguments: str = ""


class Finish(Data, frozen=True, kw_only=True, tag="finish"):
    reason: str
    choice: int = 0


class Metered(Data, frozen=True, kw_only=True, tag="metered"):
    """The tier's own count of tokens; comes once, last."""

    usage: Usage


class Cited(Data, frozen=True, kw_only=True, tag="cited"):
    """Which passages (1-based positions in `Prompt.passages`) a tier that does not generate quoted, and its signals."""

    passages: tuple[int, ...]
    features: Features


Event = Delta | ToolDelta | Finish | Metered | Cited


class Choice(Data, frozen=True, kw_only=True):
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    logprobs: tuple[TokenLogprob, ...] = ()
    refusal: bool = False
    """The text says why there is no answer in the form that was asked for (an abstention where JSON was asked)."""


class Draft(Data, frozen=True, kw_only=True):
    """What a tier wrote, complete. `features` are the signals confidence is made of."""

    choices: tuple[Choice, ...]
    usage: Usage | None = None
    cited: tuple[int, ...] = ()
    features: Features = {}
    latency_ms: float = 0.0
    first_ms: float | None = None

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.choices[0].text if self.choices else ""
