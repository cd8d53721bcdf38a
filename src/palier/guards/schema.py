"""Kind `schema`: JSON that follows a schema, that of a file or the one the client asked for.

The embedded engine enforces schemas while it decodes; this looks at what every tier wrote. What is not JSON is repaired
once, where nothing has to be guessed: a code fence or words around it are taken away, a trailing comma. The schema is
judged by jsonschema-rs (draft 2020-12 where it does not say its own).
"""

from __future__ import annotations

import json
import re
from typing import Any

from palier.config import Guard as Settings
from palier.errors import ConfigurationError, InvalidRequest, MissingExtra
from palier.guards.failing import failing
from palier.interfaces import Resources
from palier.interfaces.guarding import Context, Verdict
from palier.types import JSON

MOST = 4_000_000
_TRAILING = re.compile(r",(\s*[\]}])")
_LONGEST = 200
"""Characters of what is said of an error: it may quote the answer."""


def build(name: str, settings: Settings, resources: Resources) -> Schema:
    """A `Schema` from `[guards.NAME]`. Raises `ConfigurationError`: no such file, no schema; `MissingExtra`."""
    try:
        import jsonschema_rs as library
    except ImportError:
        raise MissingExtra(f"guard `{name}` needs jsonschema-rs", hint='pip install "palier[guards]"') from None
    if not settings.file:
        return Schema(name, settings, library, None)
    path = resources.resolve(settings.file)
    try:
        return Schema(name, settings, library, json.loads(path.read_bytes()))
    except OSError as error:
        raise ConfigurationError(f"guard `{name}`: {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError, library.ReferencingError) as error:
        raise ConfigurationError(f"guard `{name}`: {path} is no JSON schema: {str(error)[:_LONGEST]}") from None


class Schema:
    """`interfaces.Guard`. Without a schema of its own it goes by the request's, and passes where there is none."""

    sentences = False

    def __init__(self, name: str, settings: Settings, library: Any, schema: JSON | None) -> None:
        self.name = name
        self._settings = settings
        self._library = library
        self._validator = self._checked(schema) if schema is not None else None
        named = {"name": "answer", "schema": schema}
        self.form: JSON | None = {"type": "json_schema", "json_schema": named} if schema is not None else None
        """A `response_format` with its schema; None where it goes by the request's."""

    async def check(self, text: str, context: Context) -> Verdict:
        """See `interfaces.Guard`. What was repaired and then holds is mended."""
        asked = context.parameters.response_format or {}
        try:
            validator = self._validator or self._asked(asked)
        except (ValueError, RecursionError, self._library.ReferencingError) as error:
            raise InvalidRequest(f"the JSON schema cannot be used: {str(error)[:_LONGEST]}") from None
        if validator is None and asked.get("type") not in ("json_schema", "json_object"):
            return Verdict()
        if len(text) > MOST:
            return failing(self._settings, context, f"it has more than {MOST} characters", score=1.0)
        for candidate in (text, repaired(text)):
            value, reason = _read(candidate)
            if not reason and validator is not None:
                reason = next((_said(error) for error in validator.iter_errors(value)), "")
            if not reason:
                return Verdict() if candidate == text else Verdict(action="mend", reason="repaired", text=candidate)
        return failing(self._settings, context, reason, score=1.0)

    def _asked(self, form: dict[str, Any]) -> Any:
        schema = (form.get("json_schema") or {}).get("schema")
        return self._checked(schema) if schema is not None else None

    def _checked(self, schema: Any) -> Any:
        """What a schema refers to must stand in it: nothing is fetched, from wherever the schema comes."""
        return self._library.validator_for(schema, retriever=_refuse)


def _refuse(uri: str) -> Any:
    raise ValueError("what a schema refers to outside itself is not read")


def _read(text: str) -> tuple[Any, str]:
    try:
        return json.loads(text), ""
    except (ValueError, RecursionError) as error:
        return None, f"it is no JSON: {str(error)[:_LONGEST]}"


def _said(error: Any) -> str:
    """Where, and by which keyword; not the value, which is the answer's own words."""
    place = "".join(f"/{part}" for part in error.instance_path) or "the whole"
    return f"{place} does not follow the schema at /{'/'.join(str(part) for part in error.schema_path)}"[:_LONGEST]


def repaired(text: str) -> str:
    """`text` from its first brace or bracket to the last that may close it, without commas before a closing one."""
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    if not starts:
        return text
    start = min(starts)
    end = text.rfind("}" if text[start] == "{" else "]")
    cut = text[start : end + 1]
    try:
        json.loads(cut)
    except (ValueError, RecursionError):
        return _TRAILING.sub(r"\1", cut)
    return cut
