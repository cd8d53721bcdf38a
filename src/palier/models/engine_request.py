"""What is sent to the engine, checked before: it takes `max_tokens: 0`, `messages: []`, `stop: 5`, an unknown adapter,
tools without a template for them and much else in silence, and answers something else than what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from palier.cards import ModelCard
from palier.errors import InvalidRequest
from palier.models import schemas, wire
from palier.types import JSON, Parameters, Prompt

MAX_CHOICES = 16
MAX_STOPS = 16
MAX_BIASES = 1024
MAX_TOP = 20
SEEDS = 2**32 - 1
"""The engine's seeds are below; this one means "any"."""

_MARK = re.compile(r"<\|[^|<>\n]{1,40}\|>|</?s>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>", re.IGNORECASE)
"""What begins or ends a turn in the templates of the model families there are."""

_RANGES = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
    "top_logprobs": (0, MAX_TOP),
    "n": (1, MAX_CHOICES),
    "max_tokens": (1, 2**31 - 1),
}


def check(prompt: Prompt, card: ModelCard, adapters: Sequence[str]) -> None:
    """Raise `InvalidRequest`, naming the parameter, where the engine would not do what `prompt` asks."""
    wanted = prompt.parameters
    for capability, param in _asked(prompt):
        if capability not in card.capabilities:
            raise InvalidRequest(f"model `{card.name}` has no `{capability}`", param=param)
    if prompt.text is None and not prompt.messages:
        raise InvalidRequest("there is no message", param="messages")
    if prompt.text == "":
        raise InvalidRequest("the prompt is empty", param="prompt")
    for name, (low, high) in _RANGES.items():
        value = getattr(wanted, name)
        if value is not None and not low <= value <= high:
            raise InvalidRequest(f"{name} is {value}, not between {low} and {high}", param=name)
    if len(wanted.stop) > MAX_STOPS or not all(wanted.stop):
        raise InvalidRequest(f"stop takes 1 to {MAX_STOPS} texts that are not empty", param="stop")
    if wanted.adapter and wanted.adapter not in adapters:
        known = ", ".join(adapters) or "none"
        raise InvalidRequest(f"there is no adapter `{wanted.adapter}`", hint=f"loaded: {known}", param="palier.adapter")
    if wanted.tool_choice not in (None, "none", "auto") and not wanted.tools:
        raise InvalidRequest("tool_choice without tools", param="tool_choice")
    _check_biases(wanted)
    _check_format(prompt)


def body(prompt: Prompt, adapters: Sequence[str], *, first: int = 0, n: int = 1) -> JSON:
    """The request for choices `first` to `first + n - 1` of `prompt`, which `check` let through.

    The adapters are always named, each with its scale: where they are not, the engine keeps the last ones.
    """
    wanted = prompt.parameters
    request = wire.body(prompt, stream=True)
    for message in request.get("messages", ()):
        if isinstance(message["content"], str):
            message["content"] = _defused(message["content"])
    if "temperature" not in request and n == 1 and wanted.n == 1:
        request["temperature"] = 0.0  # the same question gets the same draft, and so the same decision
    request["n"] = n
    request["cache_prompt"] = True
    request["lora"] = [{"id": i, "scale": float(name == wanted.adapter)} for i, name in enumerate(adapters)]
    if wanted.logprobs:
        # None would mean twenty to a chat, and a zero no log-probabilities at all.
        request["top_logprobs" if prompt.text is None else "logprobs"] = max(wanted.top_logprobs, 1)
    if wanted.seed is not None:
        request["seed"] = (wanted.seed + first) % SEEDS
    return request


def _defused(text: str) -> str:
    """`text` without a turn of its own making: the engine takes a template's marks for marks wherever they stand."""
    return _MARK.sub(lambda mark: f"{mark[0][0]}\u200b{mark[0][1:]}", text)


def _asked(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """What `prompt` needs the model to be capable of, and the parameter that says so."""
    wanted = prompt.parameters
    yield ("chat", "messages") if prompt.text is None else ("completions", "prompt")
    if wanted.tools:
        yield "tools", "tools"
    if any(message.role == "tool" or message.tool_calls for message in prompt.messages):
        yield "tools", "messages"
    kind = (wanted.response_format or {}).get("type", "text")
    if kind != "text":
        yield str(kind), "response_format"
    if wanted.echo:
        yield "echo", "echo"
    if wanted.suffix:
        yield "suffix", "suffix"
    if wanted.adapter:
        yield "adapter", "adapter"


def _check_biases(wanted: Parameters) -> None:
    biases = wanted.logit_bias or {}
    if len(biases) > MAX_BIASES:
        raise InvalidRequest(f"logit_bias takes {MAX_BIASES} tokens at most", param="logit_bias")
    for token, bias in biases.items():
        if not token.isdecimal() or not -100 <= bias <= 100:
            raise InvalidRequest("logit_bias takes token ids with a bias from -100 to 100", param="logit_bias")


def _check_format(prompt: Prompt) -> None:
    wanted: dict[str, Any] = prompt.parameters.response_format or {}
    kind = wanted.get("type", "text")
    if kind == "text":
        return
    if prompt.text is not None:
        # The engine ignores it there.
        raise InvalidRequest("response_format is for chats, not for completions", param="response_format")
    if kind == "json_schema":
        described = wanted.get("json_schema")
        if not isinstance(described, dict):
            raise InvalidRequest("response_format lacks its json_schema", param="response_format")
        schemas.check(described.get("schema"))
