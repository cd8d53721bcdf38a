"""What is recorded of the parameters of a request: never a text."""

from __future__ import annotations

import msgspec

from palier.types import Parameters

_DEFAULT = Parameters()
_DEFAULTS = msgspec.structs.asdict(_DEFAULT)


def given(asked: Parameters) -> dict[str, object]:
    """The parameters that were given, without texts: tool definitions and schemas are counted or named, not kept."""
    if asked == _DEFAULT:
        return {}
    values = msgspec.structs.asdict(asked)
    told = {name: value for name, value in values.items() if value != _DEFAULTS[name]}
    for name in ("logit_bias", "stop", "suffix"):
        if name in told:
            told[name] = True
    if "tools" in told:
        told["tools"] = len(told["tools"])
    if "response_format" in told:
        told["response_format"] = told["response_format"].get("type")
    return told
