"""JSON beside its schema: what runs in a worker where the schema is a stranger's.

Such a schema is bounded before it is looked at (size, depth, parts), its patterns are matched in linear time or not at
all, and it is tried on small values first: one that takes long there is not used. Judged by jsonschema-rs (draft
2020-12 where a schema does not say its own). What a schema refers to must stand in it: nothing is fetched.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

from palier.types import JSON

MAX_BYTES, MAX_DEPTH, MAX_PARTS = 128 * 1024, 60, 5_000
"""Of a stranger's schema, written as JSON: bytes, objects and lists within one another, and of these in all."""
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*+")|,(?=\s*[\]}])', re.DOTALL)
"""A string, which stays as it is, or a comma before what closes."""
_MARK = re.compile(r"\[\d{1,3}(?:\s*[,;]\s*\d{1,3})*\]")
"""What cites a passage where it stands among words, and is no answer."""
_LONGEST = 200
"""Characters of what is said of an error: it may quote the answer."""
_TRIALS: tuple[Any, ...] = (None, True, 0, "", "a", [], [[]], {}, {"a": {}})


class Judged(NamedTuple):
    """The text that holds, repaired or as it was; or why none does, and which rule of the schema says so."""

    text: str = ""
    reason: str = ""
    rule: str = ""
    """A place in the schema, or what keeps the text from being JSON: no word of the answer."""


def beyond(schema: JSON) -> str:
    """Which limit a stranger's schema is over; empty where none."""
    level: list[Any] = [schema]
    depth = parts = 0
    while level:
        depth, parts = depth + 1, parts + len(level)
        if depth > MAX_DEPTH:
            return f"it is nested deeper than {MAX_DEPTH} levels"
        if parts > MAX_PARTS:
            return f"it has more than {MAX_PARTS} objects and lists"
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
    if len(json.dumps(schema, ensure_ascii=False).encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return f"it has more than {MAX_BYTES} bytes"
    return ""


def tried(schema: bytes) -> str:
    """Why a stranger's schema cannot be used, after a look at small values; empty where it can."""
    try:
        validator = _strict(schema)
        for value in _TRIALS:
            validator.is_valid(value)
    except (ValueError, RecursionError) as error:
        return str(error).partition("\n")[0][:_LONGEST]
    return ""


def judged_by(schema: bytes, text: str) -> Judged:
    """`text` by a stranger's schema. Raises `ValueError` where the schema cannot be used."""
    return judged(_strict(schema), text)


def judged(validator: Any, text: str, *, an_object: bool = False) -> Judged:
    """`text` by a schema, or by being JSON alone (None): as it is, else repaired once, where nothing is guessed.

    `an_object`: no other value will do.
    """
    found = Judged()
    for candidate in dict.fromkeys((text, *repaired(text))):
        try:
            value = json.loads(candidate, parse_constant=_no_value)
            wrong = next(iter(validator.iter_errors(value)), None) if validator is not None else None
        except (ValueError, RecursionError) as error:
            why = str(error)[:_LONGEST]
            found = found if found.reason else Judged(reason=f"it is no JSON: {why}", rule=f"it is no JSON ({why})")
            continue
        if an_object and not isinstance(value, dict):
            found = Judged(reason="it is no JSON object", rule="it is no JSON object")
            continue
        if wrong is None:
            return Judged(candidate)
        place = "".join(f"/{part}" for part in wrong.instance_path) or "the whole"
        rule = f"/{'/'.join(str(part) for part in wrong.schema_path)}"
        found = Judged(reason=f"{place} does not follow the schema at {rule}"[:_LONGEST], rule=rule[:_LONGEST])
    return found


def _no_value(name: str) -> Any:
    """What Python reads besides, and no other reader of JSON does."""
    raise ValueError(f"{name} is no value")


@lru_cache(maxsize=32)
def _strict(schema: bytes) -> Any:
    import jsonschema_rs as library

    try:
        return library.validator_for(json.loads(schema), retriever=refuse, pattern_options=library.RegexOptions())
    except library.ReferencingError as error:
        raise ValueError(str(error)) from None


def refuse(uri: str) -> Any:
    """What jsonschema-rs asks for what a schema refers to outside itself."""
    raise ValueError("what a schema refers to outside itself is not read")


def repaired(text: str) -> list[str]:
    """`text` from its first brace or bracket to the last that may close it, without commas before a closing one.

    From the earlier of the two; also from the later, where that stands in no JSON.
    """
    found, end = list[str](), 0
    for start, closing in sorted((text.find(opening), closing) for opening, closing in ("{}", "[]")):
        cut = text[start : text.rfind(closing) + 1] if start >= end else ""
        if not cut or (_MARK.fullmatch(cut) and text[text.rfind("\n", 0, start) + 1 : start].strip()):
            continue
        last = start + len(cut)
        if not _is_json(cut):
            cut = _TRAILING.sub(lambda match: match[1] or "", cut)
        found.append(cut)
        if _is_json(cut):
            end = last
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_no_value)
    except (ValueError, RecursionError):
        return False
    return True
