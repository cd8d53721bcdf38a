"""`/v1/completions` received: raw prompts, for tiers that complete text."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from palier.errors import InvalidRequest
from palier.server.wire import decode
from palier.server.wire_parameters import Generation, sampling
from palier.types import Parameters

REFUSED = {
    "best_of": "it needs several drafts ranked by likelihood; send `n` and choose",
}
MAX_PROMPTS = 32

Tokens = list[int]


class CompletionRequest(Generation, frozen=True, kw_only=True):
    prompt: str | Annotated[list[str | int | list[int]], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    suffix: str | None = None
    best_of: Annotated[int, Meta(ge=1, le=20)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.best_of is not None and self.best_of != (self.n or 1):
            raise InvalidRequest(f"`best_of` other than `n` is not supported: {REFUSED['best_of']}", param="best_of")
        if self.max_tokens == 0 and not self.echo:
            raise InvalidRequest("`max_tokens` is 0, which only means something with `echo: true`", param="max_tokens")
        if self.echo and self.suffix:
            raise InvalidRequest("`suffix` cannot be combined with `echo`", param="suffix")


_DECODER = msgspec.json.Decoder(CompletionRequest)


def decode_completion(body: bytes) -> CompletionRequest:
    """A completion request, checked. Raises `InvalidRequest` naming the field."""
    return decode(_DECODER, body)


def prompts(wire: CompletionRequest) -> list[str]:
    """The prompts, as texts. Raises `InvalidRequest` for token arrays, and for several prompts in a stream."""
    if isinstance(wire.prompt, str):
        return [wire.prompt]
    texts = [prompt for prompt in wire.prompt if isinstance(prompt, str)]
    if len(texts) < len(wire.prompt):
        raise InvalidRequest(
            "`prompt` holds token numbers, and a route has no vocabulary of its own",
            hint="send text (lm-eval: `tokenized_requests=False`)",
            param="prompt",
        )
    if len(texts) > MAX_PROMPTS:
        raise InvalidRequest(f"`prompt` holds {len(texts)} prompts, at most {MAX_PROMPTS} are taken", param="prompt")
    if wire.stream and len(texts) > 1:
        raise InvalidRequest("`stream` takes one prompt", param="prompt")
    return texts


def parameters(wire: CompletionRequest) -> Parameters:
    """How to generate."""
    return Parameters(
        **sampling(wire),
        max_tokens=wire.max_tokens,
        logprobs=wire.logprobs is not None,
        top_logprobs=wire.logprobs or 0,
        echo=bool(wire.echo),
        suffix=wire.suffix,
    )
