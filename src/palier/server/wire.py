"""JSON in and out: strict decoding with errors that name the field, and one encoder for everything that is sent.

Nothing a client sends is dropped in silence: a field is used, is known to be harmless (the table in
docs/reference/openai-api.md), or is a 400 that names it.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from palier.errors import InvalidRequest
from palier.types import JSON

MAX_DEPTH = 64
"""Levels of nesting of free-form JSON (schemas, metadata): what encodes it again must not run out of stack."""

_NO_LOGPROB = -9999.0
"""What the OpenAI API sends for a token that could not come: minus infinity is no JSON."""


class Wire(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Base of what is received: strict types, unknown fields refused."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what is sent."""


class TokenUsage(Sent, frozen=True, kw_only=True):
    """Tokens as the OpenAI API counts them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int]


W = TypeVar("W", bound=Wire)

_encode = msgspec.json.Encoder().encode


def encode(value: Any) -> bytes:
    """JSON. Lone surrogates, which a model may write and UTF-8 cannot hold, become U+FFFD."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return _encode(_mended(msgspec.to_builtins(value)))


def readable(text: str) -> str:
    """`text` with its surrogates paired where they stand together, and replaced where they stand alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return value


def finite(logprob: float) -> float:
    """A log-probability that JSON can hold."""
    return logprob if math.isfinite(logprob) else _NO_LOGPROB


def decode(decoder: msgspec.json.Decoder[W], body: bytes, refused: Mapping[str, str] = {}) -> W:
    """A request's body, checked. `refused` says why a known field is not supported. Raises `InvalidRequest`."""
    try:
        return _decode(decoder, body, refused)
    except RecursionError:
        raise InvalidRequest(f"the body is nested deeper than {MAX_DEPTH} levels") from None


def _decode(decoder: msgspec.json.Decoder[W], body: bytes, refused: Mapping[str, str]) -> W:
    try:
        wire = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(_by_tag(decoder, body, error), body, decoder.type, refused) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(_malformed(error, body)) from None
    if b"\\u0000" in body:
        plain = msgspec.json.decode(body)
        check_depth(plain, "body")
        _refuse_nul(plain, "")
    return wire


def _malformed(error: Exception, body: bytes) -> str:
    if not body:
        return "the body is empty; a JSON object was expected"
    try:
        json.loads(body)
    except ValueError:
        return f"the body is not valid JSON: {error}"
    return "the body is not strict JSON: it holds a lone surrogate (half a character), NaN or Infinity"


def _refuse_nul(value: Any, path: str) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidRequest(f"`{path}` holds the character U+0000", hint="remove it", param=path)
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_nul(key, f"{path}.{key}".strip("."))
            _refuse_nul(item, f"{path}.{key}".strip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_nul(item, f"{path}[{index}]")


def _by_tag(decoder: msgspec.json.Decoder[W], body: bytes, error: msgspec.ValidationError) -> msgspec.ValidationError:
    """The error of the same body with every `type` and `role` first: what a thing is, before what it may not have."""
    try:
        plain = msgspec.json.encode(_tags_first(msgspec.json.decode(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return error  # what comes after it is no better
    try:
        decoder.decode(plain)
    except msgspec.ValidationError as better:
        return better
    return error


def _tags_first(value: Any) -> Any:
    if isinstance(value, dict):
        ordered = sorted(value.items(), key=lambda item: item[0] not in ("type", "role"))
        return {name: _tags_first(item) for name, item in ordered}
    if isinstance(value, list):
        return [_tags_first(item) for item in value]
    return value


_WHERE = re.compile(r" - at (?:`key` in )?`\$\.?(.*)`$")
_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*)`")


def _invalid(
    error: msgspec.ValidationError, body: bytes, kind: type[msgspec.Struct], refused: Mapping[str, str]
) -> InvalidRequest:
    text = str(error)
    where = _WHERE.search(text)
    path = where.group(1).replace("[...]", "") if where else ""
    text = text[: where.start()] if where else text
    if field := _FIELD.match(text):
        name = field.group(2)
        param = f"{path}.{name}".strip(".")
        if field.group(1) == "missing required":
            return InvalidRequest(f"`{param}` is required", param=param)
        if param in refused:
            return InvalidRequest(f"`{param}` is not supported: {refused[param]}", param=param)
        close = [] if path else difflib.get_close_matches(name, kind.__struct_fields__, n=1)
        hint = f"did you mean `{close[0]}`?" if close else "nothing is dropped in silence: remove it"
        return InvalidRequest(f"unknown parameter `{param}`", param=param, hint=hint)
    if not path:
        return InvalidRequest(f"the body: {_lower(text)}")
    if reason := refused.get(re.split(r"[.\[]", path)[0]):
        return InvalidRequest(f"`{path}` is not supported: {reason}", param=path)
    if path.endswith(".type") and ".content[" in path:
        text = "only text parts are supported"
    return InvalidRequest(f"`{path}`: {_lower(text)}, got {_got(body, path)}", param=path)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _got(body: bytes, path: str) -> str:
    """The offending value, shortened, for the message."""
    try:
        value = json.loads(body)
        for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
            value = value[int(index)] if index else value[name]
        shown = json.dumps(value, ensure_ascii=False)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return "something else"
    return shown if len(shown) <= 60 else f"{shown[:60]}..."


def check_depth(value: Any, param: str, limit: int = MAX_DEPTH) -> None:
    """Raise `InvalidRequest` where free-form JSON is nested deeper than `limit` levels."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise InvalidRequest(f"`{param}` is nested deeper than {limit} levels", param=param)


def object_of(value: msgspec.Struct) -> JSON:
    """A received struct as the plain object it was, without the fields it did not have."""
    plain: JSON = msgspec.to_builtins(value)
    return {key: item for key, item in plain.items() if item is not None}
