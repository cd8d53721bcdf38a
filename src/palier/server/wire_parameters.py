"""How to generate: the parameters that chat and raw completions share, with the OpenAI API's names and ranges."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from palier.errors import InvalidRequest
from palier.server.wire import Wire

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
MaxTokens = Annotated[int, Meta(ge=1, le=2**31 - 1)]
StopText = Annotated[str, Meta(min_length=1, max_length=1000)]
ShortText = Annotated[str, Meta(max_length=512)]


class StreamOptions(Wire, frozen=True, kw_only=True):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class PalierOptions(Wire, frozen=True, kw_only=True):
    """palier's own request parameters. `adapter` names one of the serving model's adapters."""

    adapter: ShortText | None = None


class Generation(Wire, frozen=True, kw_only=True):
    """The parameters of `/v1/chat/completions` and `/v1/completions` alike; null means "not given" everywhere."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    n: Annotated[int, Meta(ge=1, le=8)] | None = None
    stop: StopText | Annotated[list[StopText], Meta(max_length=4)] | None = None
    seed: Int64 | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: (
        Annotated[
            dict[Annotated[str, Meta(pattern=r"^\d{1,9}$")], Annotated[float, Meta(ge=-100, le=100)]],
            Meta(max_length=1024),
        ]
        | None
    ) = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: ShortText | None = None
    palier: PalierOptions | None = None

    def __post_init__(self) -> None:
        options = self.stream_options
        if options is None:
            return
        if not self.stream:
            raise InvalidRequest("`stream_options` is only allowed with `stream: true`", param="stream_options")
        if options.include_obfuscation:
            raise InvalidRequest(
                "`stream_options.include_obfuscation` is not supported",
                hint="palier adds no padding to chunks; leave it out or send false",
                param="stream_options.include_obfuscation",
            )

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


def sampling(wire: Generation) -> dict[str, Any]:
    """The shared fields of `types.Parameters`, by name."""
    stop = (wire.stop,) if isinstance(wire.stop, str) else tuple(wire.stop or ())
    return {
        "temperature": wire.temperature,
        "top_p": wire.top_p,
        "n": wire.n or 1,
        "stop": stop,
        "seed": wire.seed,
        "presence_penalty": wire.presence_penalty,
        "frequency_penalty": wire.frequency_penalty,
        "logit_bias": wire.logit_bias or None,
        "adapter": wire.palier.adapter if wire.palier else None,
    }
