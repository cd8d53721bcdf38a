"""All that a client wrote in a request, and the passages with it, as a list of texts: taken out, and put back changed.

Names of tools and parameters, roles, identifiers and the keys of JSON objects are no words: they must stay as they are
for the answer to fit them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from palier.types import Hit, Message, Parameters, Request

_FIXED = frozenset({"name", "type", "format", "pattern", "required", "$ref", "id", "role"})
"""Fields of tools and schemas whose values are names."""
Change = Callable[[str], str]


class Words:
    """The texts of a request and of `passages`, in a fixed order."""

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
        self.texts.append(text)
        return text

    def _rewrite(self, change: Change) -> tuple[Request, dict[str, Hit]]:
        request = self._request
        told = msgspec.structs.replace(
            request,
            messages=tuple(_message(message, change) for message in request.messages),
            text=None if request.text is None else change(request.text),
            parameters=_parameters(request.parameters, change),
        )
        return told, {hit.key: _hit(hit, change) for hit in self._passages}


def _message(message: Message, change: Change) -> Message:
    calls = tuple(
        msgspec.structs.replace(call, arguments=_arguments(call.arguments, change)) for call in message.tool_calls
    )
    content = change(message.content) if message.content else message.content
    name = None if message.role == "user" else message.name  # who speaks; a placeholder would be no name to the wire
    return msgspec.structs.replace(message, content=content, tool_calls=calls, name=name)


def _arguments(text: str, change: Change) -> str:
    """The strings and numbers within the JSON of a tool's arguments: as text, an escape could hide one."""
    try:
        arguments = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return change(text)
    return msgspec.json.encode(_values(arguments, change)).decode()


def _values(value: Any, change: Change) -> Any:
    match value:
        case str():
            return change(value)
        case bool() | None:
            return value
        case int() | float():
            told = change(str(value))
            return value if told == str(value) else told
        case dict():
            return {change(name): _values(inner, change) for name, inner in value.items()}
        case list():
            return [_values(inner, change) for inner in value]
    return value


def _parameters(parameters: Parameters, change: Change) -> Parameters:
    if not (parameters.tools or parameters.response_format or parameters.suffix or parameters.stop):
        return parameters
    return msgspec.structs.replace(
        parameters,
        tools=tuple(_json(tool, change) for tool in parameters.tools),
        response_format=_json(parameters.response_format, change),
        suffix=change(parameters.suffix) if parameters.suffix else parameters.suffix,
        stop=tuple(change(stop) for stop in parameters.stop),
    )


def _hit(hit: Hit, change: Change) -> Hit:
    return msgspec.structs.replace(hit, title=change(hit.title), heading=change(hit.heading), text=change(hit.text))


def _json(value: Any, change: Change, field: str = "") -> Any:
    """The strings in a JSON value changed, but for its keys and the names in it."""
    match value:
        case str():
            return value if field in _FIXED else change(value)
        case dict():
            return {name: _json(inner, change, name) for name, inner in value.items()}
        case list() | tuple():
            return [_json(inner, change, field) for inner in value]
    return value
