"""What a model is: what is known of it before it is asked."""

from __future__ import annotations

from palier.types import Data


class Price(Data, frozen=True, kw_only=True):
    """US dollars per million tokens."""

    input: float
    output: float
    cached: float | None = None
    """Of prompt tokens that were read before; None where there is no such price, and they cost as any."""


class Benchmark(Data, frozen=True, kw_only=True):
    """A score on a general benchmark as somebody published it, with the page it stands on."""

    name: str
    score: float
    unit: str = "%"
    source: str
    note: str = ""
    """How it was measured: `5-shot`, `with thinking`."""


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
    dollars_per_hour: float | None = None
    """Of the hardware, where tokens have no price."""
    watts: float | None = None
    impacts_as: str = ""
    """`PROVIDER/MODEL` that ecologits estimates its energy by; empty: by what it is `priced_as`."""
    simulated: bool = False
    """That its answers are made up for a study."""
    benchmarks: tuple[Benchmark, ...] = ()
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
