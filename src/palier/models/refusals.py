"""What an upstream's refusal means: whose fault it is, and what to do about it.

The client's own fault (a parameter, a prompt that is too long) becomes `InvalidRequest` with the upstream's words; a
wrong key, a redirect, a model that is not there or a failure of the upstream becomes `UpstreamRefused`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from palier.errors import InvalidRequest, PalierError, UpstreamRefused, UpstreamTimeout

MAX_WORDS = 400


class Refusal(msgspec.Struct):
    """What an error body says, in whichever of the usual shapes."""

    message: str = ""
    param: str | None = None
    code: str = ""
    asked: int | None = None
    limit: int | None = None


def refusal(
    status: int,
    data: bytes,
    host: str,
    *,
    key_env: str = "",
    secret: str = "",
    headers: Mapping[str, str] | None = None,
) -> PalierError:
    """The error for a reply of `status` with body `data`. Neither `secret` nor the words of a 401 are repeated."""
    said = parse(data)
    if secret:
        said.message = said.message.replace(secret, "***")
    wait = retry_after(headers or {})
    if overflow := too_long(said):
        return overflow
    if status in (401, 403):
        hint = f"the key is read from the environment variable {key_env}" if key_env else "set `api_key_env`"
        return UpstreamRefused(f"{host} does not accept the key ({status})", hint=hint)
    if 300 <= status < 400:
        hint = "palier follows no redirect: set `base_url` to the final address"
        return UpstreamRefused(f"{host} answers with a redirect ({status})", hint=hint)
    if status == 404 or said.param == "model" or said.code == "model_not_found":
        return UpstreamRefused(
            f"{host} knows no such model or path", said=said.message, hint="check `model` and `base_url`"
        )
    if status in (400, 413, 415, 422):
        return InvalidRequest(f"{host} refused the request ({status})", said=said.message, param=said.param)
    if status == 408:
        return UpstreamTimeout(f"{host} gave up waiting ({status})", said=said.message)
    if status == 429:
        return UpstreamRefused(f"{host} has no capacity or quota left (429)", said=said.message, retry_after=wait)
    place = f"({status})" if status >= 300 else "in the middle of its answer"
    return UpstreamRefused(f"{host} failed {place}", said=said.message, retry_after=wait)


def parse(data: bytes) -> Refusal:
    """OpenAI's `{"error": {...}}`, `{"error": "..."}`, `{"detail": ...}`, `{"message": ...}` or plain text."""
    try:
        body: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = data[:MAX_WORDS].decode("utf-8", "replace").strip()
        return Refusal(message="" if text.startswith("<") else text)
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return Refusal(message=_words(error))
    message = error.get("message") or error.get("detail") or error.get("error") or ""
    param = error.get("param")
    return Refusal(
        message=_words(message),
        param=param if isinstance(param, str) and param else None,
        code=str(error.get("code") or error.get("type") or ""),
        asked=_count(error.get("n_prompt_tokens")),
        limit=_count(error.get("n_ctx")),
    )


_TOO_LONG = [
    re.compile(pattern.replace("ASKED", r"(?P<asked>\d[\d,]*)").replace("LIMIT", r"(?P<limit>\d[\d,]*)"), re.DOTALL)
    for pattern in (
        r"maximum context length is LIMIT.*?(?:requested|resulted in|contains at least) ASKED",  # OpenAI, vLLM
        r"prompt \(length ASKED\) is longer than the maximum model length of LIMIT",  # vLLM
        r"request \(ASKED tokens\) exceeds the available context size \(LIMIT tokens\)",  # llama.cpp
        r"prompt is too long: ASKED tokens > LIMIT",  # Anthropic
        r"input token count \(?ASKED\)? exceeds the maximum number of tokens allowed \(?LIMIT",  # Gemini
        r"contains ASKED tokens.*?too large for model with LIMIT",  # Mistral
    )
]
_TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})


def too_long(said: Refusal) -> InvalidRequest | None:
    """The error for a prompt that the context cannot hold, with both numbers where they are known."""
    asked, limit = said.asked, said.limit
    for pattern in _TOO_LONG:
        if asked is None and (found := pattern.search(said.message)):
            asked, limit = (int(found[name].replace(",", "")) for name in ("asked", "limit"))
    if asked is not None and limit is not None:
        return context_exceeded(asked, limit)
    if said.code in _TOO_LONG_CODES:
        return InvalidRequest("the prompt is too long", said=said.message, param="messages")
    return None


def context_exceeded(asked: int, limit: int) -> InvalidRequest:
    """The prompt, with the answer it asks for, is `asked` tokens long where `limit` fit."""
    error = InvalidRequest(
        f"the request is {asked} tokens long and the context holds {limit}",
        hint="shorten the messages or lower max_tokens",
        param="messages",
    )
    error.code = "context_length_exceeded"
    return error


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a `Retry-After` header. A date is not read: clocks differ, and model providers send seconds."""
    text = headers.get("retry-after", headers.get("Retry-After", ""))
    return float(text) if re.fullmatch(r"\d{1,7}(\.\d+)?", text) else None


def _words(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text[:MAX_WORDS]


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
