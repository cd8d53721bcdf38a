"""The seam of guards: what looks at a text before anything is made of it, or of it released."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from palier.types import Data, GuardPlace, Message, Parameters

Action = Literal["pass", "mend", "climb", "refuse"]
"""What a guard asks for: let it through, let `Verdict.text` through in its place, ask the next tier, or nobody."""


class Span(Data, frozen=True, kw_only=True):
    """A stretch of the text (characters `start` to `end`) that the verdict is about."""

    start: int
    end: int
    reason: str = ""
    score: float | None = None
    passage: int | None = None
    """The number of the passage it was compared with, from 1 on."""


class Context(Data, frozen=True, kw_only=True):
    """What a text is looked at with. `evidence` are the passages that the tier received, as numbered in its prompt."""

    place: GuardPlace = "draft"
    part: Literal["text", "arguments", "name"] = "text"
    """What of it this is: words, the arguments of a call of `tool` (JSON), or a name of one that was not declared."""
    tool: str = ""
    question: str = ""
    language: str = ""
    evidence: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    parameters: Parameters = Parameters()


class Verdict(Data, frozen=True, kw_only=True):
    """What a guard says of a text. `score`: from 0 to 1, higher is worse; None where nothing was measured.

    One that is none (another action, a score or a span out of bounds, text that cannot be written) is a failure."""

    action: Action = "pass"
    score: float | None = None
    reason: str = ""
    spans: tuple[Span, ...] = ()
    text: str = ""
    """Instead of the text, where it is mended."""
    repair: str = ""
    """Where it climbs: what to tell the tier that wrote it, so that it mends it itself, once. No word of the text."""


class Guard(Protocol):
    """Looks at texts. Kinds are in `registry.GUARDS`, made by their `build(name, settings, resources)`.

    `sentences`: whether its verdict on a text is that on its sentences, each by itself; a stream is then released
    sentence by sentence, else when all of it is there.
    """

    name: str
    sentences: bool

    async def check(self, text: str, context: Context) -> Verdict:
        """The verdict on `text`. Raises where it cannot say: the route then goes by the guard's `on_error`."""
        ...


@runtime_checkable
class Sharing(Protocol):
    """What a guard may have besides: where `shares` is true, its work on a text is bounded and mostly embeddings.

    It may then be asked before its turn, so that what several guards and sentences embed is one call.
    """

    shares: bool


@runtime_checkable
class Fitted(Protocol):
    """What a guard may have besides: it was fitted to texts of somebody's own, and knows some of them again."""

    fitted_to: tuple[int, ...]
    """A sketch of them (`heads.sketch`); empty where nothing is known."""


class Scorer(Protocol):
    """How likely a small model finds a text that it did not write."""

    async def logprobs(self, messages: Sequence[Message], answer: str) -> tuple[float | None, ...]:
        """The log-probability (nats) of each token of `answer` after `messages`; None of one that is not told.

        Of a long answer the first tokens. Raises `Unavailable` where the model is away.
        """
        ...


@runtime_checkable
class Choosy(Protocol):
    """What a guard may have besides: it cannot look at everything that may be asked for."""

    async def accepts(self, parameters: Parameters) -> None:
        """Raise `InvalidRequest`, before anybody is asked, where it could not look at what is asked for.

        Whatever else is raised is a failure of the guard, and the route goes by its `on_error`."""
        ...
