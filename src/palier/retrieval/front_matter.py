"""What a Markdown file says of itself before its text: `---` YAML `---`, or `+++` TOML `+++`."""

from __future__ import annotations

import re
import tomllib

import msgspec

from palier.errors import InvalidRequest
from palier.types import JSON

_FRONT = re.compile(r"\A\s*(?P<mark>---|\+\+\+)[ \t]*\n(?P<matter>(?:.*\n)*?)(?P=mark)[ \t]*(?:\n|\Z)")
_PAIR = re.compile(r"([A-Za-z][\w-]*)[ \t]*:(?:[ \t]+(.*))?$")


def split(markdown: str) -> tuple[JSON, str]:
    """The front matter, empty where there is none, and the text after it. Raises `InvalidRequest` for broken TOML."""
    front = _FRONT.match(markdown)
    if not front:
        return {}, markdown
    if front["mark"] == "---":
        matter = _yaml(front["matter"])
        # A rule at the top of a page opens no front matter.
        return (matter, markdown[front.end() :]) if matter or not front["matter"].strip() else ({}, markdown)
    try:
        matter = msgspec.to_builtins(tomllib.loads(front["matter"]))
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"its front matter is not valid TOML: {error}") from None
    return matter, markdown[front.end() :]


def _yaml(matter: str) -> JSON:
    """The flat subset of YAML that front matter is written in: `key: value`, `key: [a, b]` and lists of `- item`."""
    values: JSON = {}
    key = ""
    for line in matter.splitlines():
        pair = _PAIR.match(line)
        if pair:
            key, value = pair[1], (pair[2] or "").strip()
            inline = value.startswith("[") and value.endswith("]")
            values[key] = (
                [_unquote(item) for item in value[1:-1].split(",") if item.strip()] if inline else _unquote(value)
            )
        elif key and line.lstrip().startswith("- "):
            items = values[key] if isinstance(values[key], list) else []
            values[key] = [*items, _unquote(line.lstrip()[2:])]
    return values


def _unquote(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
