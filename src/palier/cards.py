"""What a model is: what is known of it before it is asked."""

from __future__ import annotations

from palier.types import Data


class Price(Data, frozen=True, kw_only=True):
    """US dollars per million tokens."""

    input: float
    output: float


class ModelCard(Data, frozen=True, kw_only=True):
    """What is known of a model before it is asked.

    `languages` empty means any. `capabilities` are words of `CAPABILITIES`: what a request may ask of it.
    `parameters` is a count, `size` bytes on disk, `context` tokens.
    """

    name: str
    kind: str
    title: str = ""
    licence: str = ""
    parameters: int | None = None
    size: int | None = None
    context: int | None = None
    languages: tuple[str, ...] = ()
    capabilities: frozenset[str] = frozenset()
    customisation: tuple[str, ...] = ()
    inference: tuple[str, ...] = ()
    may_train_on_outputs: bool = False
    on_premises: bool = False
    region: str = ""
    generates: bool = True
    price: Price | None = None
    priced_as: str = ""
    """The name a provider's published price is found by; empty for what runs here."""
    watts: float | None = None
    source: str = ""
    sha256: str = ""
    use_limits: str = ""


CAPABILITIES = frozenset(
    {
        "chat",
        "completions",
        "tools",
        "json_object",
        "json_schema",
        "logprobs",
        "top_logprobs",
        "n",
        "seed",
        "stop",
        "temperature",
        "top_p",
        "max_tokens",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "parallel_tool_calls",
        "echo",
        "suffix",
        "adapter",
    }
)
