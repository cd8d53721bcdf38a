"""What is asked: a conversation, how to generate, and who asks."""

from __future__ import annotations

from typing import Literal

from palier.types.data import JSON, Data
from palier.types.knowledge import Hit
from palier.types.labels import Label


class ToolCall(Data, frozen=True, kw_only=True):
    id: str
    name: str
    arguments: str


class Message(Data, frozen=True, kw_only=True):
    """One turn of a conversation. `content` is text; parts of other kinds are refused at the wire."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    label: Label | None = None
    """What the client says of this one; it raises the conversation's label, and never lowers it."""


class Parameters(Data, frozen=True, kw_only=True):
    """How to generate; `None` leaves the tier's own default. Names are those of the OpenAI API."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    tools: tuple[JSON, ...] = ()
    tool_choice: str | JSON | None = None
    parallel_tool_calls: bool | None = None
    response_format: JSON | None = None
    echo: bool = False
    suffix: str | None = None
    adapter: str | None = None


class Principal(Data, frozen=True, kw_only=True):
    """Who asks. `groups`, and those that the directory knows of `name`, decide what may be read.

    An `admin` reads everything, a `reviewer` also what others asked, where it may read all that the answer stood on.
    """

    name: str = "local"
    groups: tuple[str, ...] = ()
    admin: bool = False
    reviewer: bool = False
    key: str = ""
    """The access key that was shown, whose budget it is; empty for the owner."""


class Request(Data, frozen=True, kw_only=True):
    """One question put to a route, as the pipeline carries it from floor to floor."""

    id: str
    route: str
    messages: tuple[Message, ...] = ()
    text: str | None = None
    """A raw completion prompt (`/v1/completions`); then `messages` is empty and nothing is retrieved."""
    tier: str | None = None
    """Only this tier, by name (`support/tier-1`); its threshold is then not applied."""
    parameters: Parameters = Parameters()
    principal: Principal = Principal()
    label: Label = Label.INTERNAL
    """The label of what the client wrote (the route's `message_label`, which a header may raise)."""
    language: str = ""
    passages: tuple[Hit, ...] = ()
    created: float = 0.0
    stream: bool = False
    local_only: bool = False
    """Whoever asks wants nothing of it to leave."""
    conversation: str = ""
    """What the client calls the conversation: known again by it where the route is `sticky`."""
    parent: str = ""
    """The span it is asked in, as the header `traceparent` says it (W3C); empty for none."""

    @property
    def question(self) -> str:
        """The text of the last user turn, or the raw prompt."""
        if self.text is not None:
            return self.text
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")
