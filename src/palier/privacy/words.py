"""All that a client wrote in a request, and the passages with it, as a list of texts: taken out, and put back changed.

Names of functions stay as they are, for the answer to fit them. Who speaks is left out, and the identifiers of tool
calls are made anew: both are whatever the client likes. What is said in tools and in schemas is a text wherever it
stands, the names of properties too; one map replaces it everywhere alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from palier.errors import InvalidRequest, TooLarge
from palier.privacy import json_words
from palier.types import Hit, Message, Parameters, Request, ToolCall

MOST_TEXTS = 20_000
"""Texts of one request, each value in a tool's arguments being one."""

_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HIGH, _LOW = r"\\{1,8}u([dD][89abAB][0-9A-Fa-f]{2})", r"\\{1,8}u([dD][c-fC-F][0-9A-Fa-f]{2})"
_ESCAPE = re.compile(rf"{_HIGH}{_LOW}|\\{{1,8}}u([0-9A-Fa-f]{{4}})")
Change = Callable[[str], str]


class Words:
    """The texts of a request and of `passages`, in a fixed order. Raises `TooLarge` for more than `MOST_TEXTS`."""

    def __init__(self, request: Request, passages: Sequence[Hit] = ()) -> None:
        self._request = request
        self._passages = passages
        self.texts: list[str] = []
        """Each text, in the order `with_texts` takes them back."""
        self._rewrite(self._take)

    def with_texts(self, texts: Sequence[str]) -> tuple[Request, dict[str, Hit]]:
        """The request with `texts` in their places, and the passages by their keys. As many as were taken."""
        given = iter(texts)
        return self._rewrite(lambda _: next(given))

    def _take(self, text: str) -> str:
        if len(self.texts) >= MOST_TEXTS:
            raise TooLarge(f"more than {MOST_TEXTS} texts and values in one request to look through")
        self.texts.append(text)
        return text

    def _rewrite(self, change: Change) -> tuple[Request, dict[str, Hit]]:
        request = self._request
        change = _seen_through(change)
        called: dict[str, str] = {}
        told = msgspec.structs.replace(
            request,
            messages=tuple(_message(message, change, called) for message in request.messages),
            text=None if request.text is None else change(request.text),
            parameters=_parameters(request.parameters, change),
        )
        return told, {hit.key: _hit(hit, change) for hit in self._passages}


def _seen_through(change: Change) -> Change:
    """`change` that sees what escapes as in JSON hide; where it changes nothing, they stay."""

    def seen(text: str) -> str:
        if "\\u" not in text:
            return change(text)
        plain = _ESCAPE.sub(_unescaped, text)
        told = change(plain)
        return text if told == plain else told

    return seen


def _unescaped(found: re.Match[str]) -> str:
    """The character of an escape; but for what may not stand in a string of JSON, or is half a character."""
    if found[1]:
        return bytes.fromhex(found[1] + found[2]).decode("utf-16-be")
    character = chr(int(found[3], 16))
    return found[0] if character < " " or character in '"\\' or "\ud800" <= character <= "\udfff" else character


def _message(message: Message, change: Change, called: dict[str, str]) -> Message:
    """`called`: the new identifiers of tool calls by the client's own."""
    return msgspec.structs.replace(
        message,
        content=change(message.content) if message.content else message.content,
        tool_calls=tuple(_call(call, change, called) for call in message.tool_calls),
        tool_call_id=None if message.tool_call_id is None else _identifier(message.tool_call_id, called),
        name=None,
    )


def _call(call: ToolCall, change: Change, called: dict[str, str]) -> ToolCall:
    return ToolCall(
        id=_identifier(call.id, called),
        name=call.name if _FUNCTION_NAME.fullmatch(call.name) else change(call.name),
        arguments=json_words.changed(call.arguments, change),
    )


def _identifier(own: str, called: dict[str, str]) -> str:
    """Nine letters and digits: some endpoints take no others."""
    return called.setdefault(own, f"call{len(called) + 1:05}")


def _parameters(parameters: Parameters, change: Change) -> Parameters:
    if not (parameters.tools or parameters.response_format or parameters.suffix or parameters.stop):
        return parameters
    form = parameters.response_format
    return msgspec.structs.replace(
        parameters,
        tools=tuple(_described(tool, "function", change, "tools") for tool in parameters.tools),
        response_format=form and _described(form, "json_schema", change, "response_format"),
        suffix=change(parameters.suffix) if parameters.suffix else parameters.suffix,
        stop=tuple(change(stop) for stop in parameters.stop),
    )


def _described(value: dict[str, Any], kind: str, change: Change, param: str) -> dict[str, Any]:
    """A tool or a form of answers; what `kind` of it is named by stays. Raises `InvalidRequest`."""
    try:
        written = msgspec.json.encode(value).decode()
        told: dict[str, Any] = msgspec.json.decode(json_words.changed(written, change))
    except RecursionError:
        raise InvalidRequest(f"`{param}` is nested too deep", param=param) from None
    inner = value.get(kind)
    name = inner.get("name") if isinstance(inner, dict) else None
    if isinstance(name, str) and _FUNCTION_NAME.fullmatch(name):
        told[kind]["name"] = name
    return told


def _hit(hit: Hit, change: Change) -> Hit:
    return msgspec.structs.replace(hit, title=change(hit.title), heading=change(hit.heading), text=change(hit.text))
