"""Kind `schema`: JSON that follows a schema, that of a file or the one the client asked for.

The embedded engine enforces schemas while it decodes; this looks at what every tier wrote. What is not JSON is repaired
once, where nothing has to be guessed: a code fence or words around it are taken away, a trailing comma. What still does
not hold is given back once to the tier that wrote it (`Verdict.repair`), then climbs. A client's schema is that of a
stranger: it is bounded, and judged in a worker that has little time (`validating`); one that cannot be used is refused
before anybody is asked.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from hashlib import sha256
from typing import Any

import msgspec

from palier.config import Guard as Settings
from palier.errors import ConfigurationError, InvalidRequest, MissingExtra, Unavailable
from palier.guards import validating
from palier.guards.failing import failing
from palier.interfaces import Resources, Workers
from palier.interfaces.guarding import Context, Verdict
from palier.types import JSON, Parameters

MOST = 4_000_000
_SHOWN = 8_000
"""Characters of a schema that is told to the tier which is to follow it."""
_REMEMBERED = 256
"""Clients' schemas that were tried, whose digest is kept."""
_LONGEST = 200
_PARAM = "response_format.json_schema.schema"


def build(name: str, settings: Settings, resources: Resources) -> Schema:
    """A `Schema` from `[guards.NAME]`. Raises `ConfigurationError`: no such file, no schema; `MissingExtra`."""
    try:
        import jsonschema_rs as library
    except ImportError:
        raise MissingExtra(f"guard `{name}` needs jsonschema-rs", hint='pip install "palier[guards]"') from None
    workers = resources.strict or resources.workers
    if not settings.file:
        return Schema(name, settings, workers, None, None)
    path = resources.resolve(settings.file)
    try:
        schema = json.loads(path.read_bytes())
        return Schema(name, settings, workers, schema, library.validator_for(schema, retriever=validating.refuse))
    except OSError as error:
        raise ConfigurationError(f"guard `{name}`: {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError, library.ReferencingError) as error:
        raise ConfigurationError(f"guard `{name}`: {path} is no JSON schema: {str(error)[:_LONGEST]}") from None


class Schema:
    """`interfaces.Guard` and `interfaces.guarding.Choosy`. Without a schema of its own it goes by the request's, and
    passes where there is none. The arguments of a call go by the parameters of the tool, as the request declares them.
    """

    sentences = False

    def __init__(self, name: str, settings: Settings, workers: Workers, schema: JSON | None, validator: Any) -> None:
        self.name = name
        self._settings = settings
        self._workers = workers
        self._schema = schema
        self._validator = validator
        self._tried: OrderedDict[bytes, None] = OrderedDict()
        named = {"name": "answer", "schema": schema}
        self.form: JSON | None = {"type": "json_schema", "json_schema": named} if schema is not None else None
        """A `response_format` with its schema; None where it goes by the request's."""

    async def accepts(self, parameters: Parameters) -> None:
        """See `Choosy`: the client's schemas are tried, once. Raises `InvalidRequest` where one cannot be used."""
        if self._schema is None and (schema := _asked(parameters)) is not None:
            await self._accept(schema, _PARAM)
        for number, tool in enumerate(parameters.tools):
            if (schema := _parameters(tool)) is not None:
                await self._accept(schema, f"tools.{number}.function.parameters")

    async def _accept(self, schema: JSON, param: str) -> None:
        if why := validating.beyond(schema):
            raise InvalidRequest(f"the JSON schema cannot be used: {why}", hint="ask for less at once", param=param)
        written = _written(schema)
        digest = sha256(written).digest()
        if digest in self._tried:
            self._tried.move_to_end(digest)
            return
        try:
            why = await self._workers.run(validating.tried, written)
        except Unavailable:
            raise InvalidRequest(
                "the JSON schema takes too long to look at",
                hint="fewer alternatives within one another, and no part that refers to itself in the same place",
                param=param,
            ) from None
        if why:
            raise InvalidRequest(
                f"the JSON schema cannot be used: {why}",
                hint="patterns have no look-around and no back references; `$ref` stays within the schema",
                param=param,
            )
        self._tried[digest] = None
        while len(self._tried) > _REMEMBERED:
            self._tried.popitem(last=False)

    async def check(self, text: str, context: Context) -> Verdict:
        """See `interfaces.Guard`. What was repaired and then holds is mended.

        Raises what `accepts` does, and `Unavailable` where a client's schema takes too long with this text.
        """
        if context.part != "text":
            return await self._called(text, context)
        asked = context.parameters.response_format or {}
        schema = self._schema if self._schema is not None else _asked(context.parameters)
        if schema is None and asked.get("type") not in ("json_schema", "json_object"):
            return Verdict()
        if len(text) > MOST:
            return failing(self._settings, context, f"it has more than {MOST} characters", score=1.0)
        if self._schema is None and schema is not None:
            await self.accepts(context.parameters)
            found = await self._workers.run(validating.judged_by, _written(schema), text)
        else:
            an_object = schema is None and asked.get("type") == "json_object"
            found = validating.judged(self._validator, text, an_object=an_object)
        if not found.reason:
            return Verdict() if found.text == text else Verdict(action="mend", reason="repaired", text=found.text)
        verdict = failing(self._settings, context, found.reason, score=1.0)
        if not self._settings.repair or verdict.action != "climb":
            return verdict
        return msgspec.structs.replace(verdict, repair=_wanted(found.rule, schema))

    async def _called(self, text: str, context: Context) -> Verdict:
        """The verdict on the arguments of a call; a name is no JSON."""
        named = (tool for tool in context.parameters.tools if (tool.get("function") or {}).get("name") == context.tool)
        schema = next((_parameters(tool) for tool in named), None)
        if context.part == "name" or schema is None:
            return Verdict()
        await self._accept(schema, "tools")
        found = await self._workers.run(validating.judged_by, _written(schema), text)
        if found.reason or found.text != text:  # nobody mends arguments
            return failing(self._settings, context, found.reason or "the arguments are not JSON as it is", score=1.0)
        return Verdict()


def _parameters(tool: JSON) -> JSON | None:
    """The schema of a declared tool's arguments; None where it says none."""
    schema = (tool.get("function") or {}).get("parameters")
    return schema if isinstance(schema, dict) and schema else None


def _asked(parameters: Parameters) -> JSON | None:
    """The schema that the client asked for."""
    schema: JSON | None = ((parameters.response_format or {}).get("json_schema") or {}).get("schema")
    return schema


def _written(schema: JSON) -> bytes:
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _wanted(rule: str, schema: JSON | None) -> str:
    """What is said to the tier: which rule its answer breaks, and the schema; no word of the answer."""
    if schema is None:
        return f"Your answer cannot be used: {rule}. Give it again, as one JSON value and nothing else."
    written = _written(schema).decode("utf-8", "replace")
    told = f" The schema: {written}" if len(written) <= _SHOWN else ""
    broken = rule if rule.startswith("it is") else f"it breaks {rule}"
    return (
        f"Your answer does not follow the JSON schema: {broken}. "
        f"Give it again, as JSON that follows the schema and nothing else.{told}"
    )
