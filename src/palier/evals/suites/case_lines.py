"""One line of a suite to a case, and back: its fields, other columns under other names, what must hold of it.

Every fault is an `InvalidRequest` that names the place, the field and what to do.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

import msgspec

from palier.cases import Case, Kind, Split, Task
from palier.errors import InvalidRequest, unfit
from palier.types import JSON, Data, Label, Message

MAX_LINE = 2**20
"""Bytes of one line."""
MAX_ID = 200
MAX_LIST = 1000
"""Entries of one list: references, documents, turns."""

FIELDS = (*Case.__struct_fields__, "reference")
_LISTS = ("relevant", "evidence", "must_contain", "tags")
_TEXTS = ("id", "input", "family", "language", "origin")
_WORDS = {"split": get_args(Split), "kind": get_args(Kind), "label": tuple(Label)}
_TURN = frozenset(Message.__struct_fields__) | {"function_call"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Columns = Mapping[str, str | tuple[str, ...]]
Values = Mapping[str, Mapping[str, Any]]


class Reading(Data, frozen=True, kw_only=True):
    """How the lines of one file are to be read.

    `columns` names the column (or columns) of each field where a file was not written for palier: then nothing else of
    it is read, but `id`. `values` says what a column's words mean, `*` standing for any other.
    """

    columns: dict[str, str | tuple[str, ...]] | None = None
    values: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    split_of: Callable[[str], Split] | None = None
    """Gives the split of a case that does not say its own, by its family; without, it is `dev`."""


def case_of(line: bytes, where: str, task: Task, reading: Reading) -> Case:
    """The case of one line. `where` is its place, for errors. Raises `InvalidRequest`."""
    tree = decoded(line, where)
    if reading.columns is not None:
        tree = _mapped(tree, reading.columns, where)
    for name, words in reading.values.items():
        if name in tree:
            tree[name] = _meant(tree[name], words, where, name)
    if unknown := next((name for name in tree if name not in FIELDS), None):
        raise InvalidRequest(f"{where}: unknown field `{unknown}`", hint=suggested(unknown, FIELDS), param=unknown)
    fields = {name: value for name, value in tree.items() if value is not None}
    _read_texts(fields, where)
    _read_references(fields, task, where)
    for name in _LISTS:
        if name in fields:
            fields[name] = _strings(fields[name], where, name)
    if "messages" in fields:
        fields["messages"] = _messages(fields["messages"], where)
    if not isinstance(fields.get("answerable", True), bool):
        raise InvalidRequest(f"{where}: `answerable` must be true or false", param="answerable")
    if "label" in fields:
        fields["label"] = Label(fields["label"])
    if reading.split_of is not None and "split" not in fields:
        fields["split"] = reading.split_of(fields.get("family") or fields["id"])
    case = Case(**fields)
    _check(case, where)
    return case


def decoded(line: bytes, where: str) -> JSON:
    """The object of a line. Raises `InvalidRequest`."""
    if len(line) > MAX_LINE:
        raise InvalidRequest(
            f"{where}: the line has more than {MAX_LINE} bytes",
            hint="a case is one question; put long texts into documents, or cut them",
        )
    try:
        tree: JSON = msgspec.json.decode(line.removeprefix(b"\xef\xbb\xbf"), type=JSON)
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"{where}: not UTF-8", hint="save the file as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8 turns most others)"
        ) from None
    except msgspec.MsgspecError as error:
        hint = "one JSON object a line"
        if "utf-8" in str(error).lower():
            hint = "save the file as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8 turns most others)"
        raise InvalidRequest(f"{where}: not a JSON object: {error}", hint=hint) from None
    except RecursionError:
        raise InvalidRequest(f"{where}: nested too deeply") from None
    return tree


def suggested(name: str, known: tuple[str, ...]) -> str:
    """What a mistyped name may have meant."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}"


def line_of(case: Case) -> bytes:
    """`case` as one line, without what is as it would be anyway. `case_of` gives it back."""
    fields = told(case)
    tree: JSON = {}
    tree |= {name: fields.pop(name) for name in ("id", "input", "messages") if name in fields}
    references = fields.pop("references", [])
    if len(references) == 1:
        tree["reference"] = references[0]
    elif references:
        tree["references"] = references
    tree["split"] = case.split
    return msgspec.json.encode({**tree, **fields}) + b"\n"


def told(struct: Data) -> JSON:
    """The fields of `struct` that are not as by default, as plain data, and so for structs within it."""
    found: JSON = {}
    for field in msgspec.structs.fields(type(struct)):
        value = getattr(struct, field.name)
        if field.default is not msgspec.NODEFAULT and value == field.default:
            continue
        if field.default_factory is not msgspec.NODEFAULT and value == field.default_factory():
            continue
        found[field.name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Data):
        return told(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value.value if isinstance(value, Label) else value


# --- other columns -----------------------------------------------------------------------------------------------


def _mapped(tree: JSON, columns: Columns, where: str) -> JSON:
    """Only what `columns` names, under the fields' names; of several columns, what each has."""
    found: JSON = {"id": tree["id"]} if "id" in tree and "id" not in columns else {}
    for field, names in columns.items():
        if isinstance(names, str):
            if names in tree:
                found[field] = tree[names]
            continue
        values = [tree[name] for name in names if tree.get(name) not in (None, "")]
        found[field] = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return found


def _meant(value: Any, words: Mapping[str, Any], where: str, name: str) -> Any:
    if not isinstance(value, str) or value in words:
        return words[value] if isinstance(value, str) else value
    if "*" in words:
        return words["*"]
    raise InvalidRequest(
        f"{where}: `{name}` is `{value}`, which [values.{name}] does not know",
        hint=f'add `{json.dumps(value, ensure_ascii=False)} = ...`, or `"*" = ...` for any other',
        param=name,
    )


# --- the fields --------------------------------------------------------------------------------------------------


def _read_texts(fields: JSON, where: str) -> None:
    for name in _TEXTS:
        if name in fields and not isinstance(fields[name], str):
            raise InvalidRequest(f"{where}: `{name}` must be a string", param=name)
    if not fields.get("id", "").strip():
        raise InvalidRequest(f"{where}: `id` is missing", hint="each case has an id of its own", param="id")
    for name in ("id", "family"):
        if len(fields.get(name, "")) > MAX_ID or _CONTROL.search(fields.get(name, "")):
            raise InvalidRequest(
                f"{where}: `{name}` must be at most {MAX_ID} characters, none of them a control character", param=name
            )
    for name, words in _WORDS.items():
        if name in fields and fields[name] not in words:
            raise InvalidRequest(
                f"{where}: `{name}` is {_shown(fields[name])}",
                hint=f"one of {', '.join(words)}; [values.{name}] of suite.toml can translate other words",
                param=name,
            )


def _read_references(fields: JSON, task: Task, where: str) -> None:
    """`reference` or `references` to a list of strings; an object of an extraction to its JSON."""
    if "reference" in fields and "references" in fields:
        raise InvalidRequest(f"{where}: `reference` and `references` say the same; give one", param="reference")
    name = "reference" if "reference" in fields else "references"
    given = fields.pop(name, None)
    if given is None:
        return
    many = given if isinstance(given, list) and name == "references" else [given]
    if task == "extraction":
        many = [item if isinstance(item, str) else _as_json(item) for item in many]
        for item in many:
            _check_object(item, where, name)
    fields["references"] = _strings(many, where, name)


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _check_object(text: str, where: str, name: str) -> None:
    try:
        msgspec.json.decode(text, type=JSON)
    except (msgspec.MsgspecError, RecursionError):
        raise InvalidRequest(
            f"{where}: `{name}` of an extraction must be a JSON object", hint="an object, or its JSON text", param=name
        ) from None


def _strings(value: Any, where: str, name: str) -> tuple[str, ...]:
    """A string or a list of them; none empty."""
    many = [value] if isinstance(value, str) else value
    if not isinstance(many, list) or not all(isinstance(item, str) for item in many):
        hint = "put numbers in quotes" if name in ("reference", "references") else ""
        raise InvalidRequest(f"{where}: `{name}` must be a string or a list of strings", hint=hint, param=name)
    if len(many) > MAX_LIST:
        raise InvalidRequest(f"{where}: `{name}` has more than {MAX_LIST} entries", param=name)
    if not all(item.strip() for item in many):
        raise InvalidRequest(
            f"{where}: `{name}` holds an empty text",
            hint="leave the field out; `answerable: false` says that there is no answer",
            param=name,
        )
    return tuple(many)


def _messages(value: Any, where: str) -> tuple[Message, ...]:
    """Turns in OpenAI form: text or parts of text, tool calls under `function`."""
    if not isinstance(value, list) or not value or len(value) > MAX_LIST:
        raise InvalidRequest(f"{where}: `messages` must be a list of 1 to {MAX_LIST} turns", param="messages")
    return tuple(_message(turn, f"{where}: turn {number}") for number, turn in enumerate(value, 1))


def _message(turn: Any, where: str) -> Message:
    if not isinstance(turn, dict):
        raise InvalidRequest(f'{where} must be {{"role": ..., "content": ...}}', param="messages")
    if unknown := next((name for name in turn if name not in _TURN), None):
        raise InvalidRequest(f"{where}: unknown field `{unknown}`", param="messages")
    fields = {name: value for name, value in turn.items() if value is not None}
    if fields.get("role") == "developer":
        fields["role"] = "system"
    content = fields.get("content")
    if isinstance(content, list):
        if not all(isinstance(part, dict) and part.get("type") == "text" for part in content):
            raise InvalidRequest(f"{where}: only parts of text can be asked", param="messages")
        fields["content"] = "".join(str(part.get("text", "")) for part in content)
    if "tool_calls" in fields and isinstance(fields["tool_calls"], list):
        fields["tool_calls"] = [_tool_call(call) for call in fields["tool_calls"]]
    try:
        return msgspec.convert(fields, Message)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{where}: {unfit(error)}", param="messages") from None


def _tool_call(call: Any) -> Any:
    """`{"id", "type", "function": {"name", "arguments"}}` as palier's own."""
    if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
        return call
    return {"id": call.get("id", ""), **call["function"]}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"


# --- what must hold ----------------------------------------------------------------------------------------------


def _check(case: Case, where: str) -> None:
    if case.input and case.messages:
        raise InvalidRequest(
            f"{where}: both `input` and `messages`", hint="the last user turn of `messages` is the input", param="input"
        )
    if not case.input.strip() and not case.messages:
        raise InvalidRequest(f"{where}: `input` is missing: there is nothing to ask", param="input")
    if case.messages and (case.messages[-1].role not in ("user", "tool") or not case.question.strip()):
        raise InvalidRequest(
            f"{where}: `messages` must end with what the user says",
            hint="put the answer that is wanted into `reference`",
            param="messages",
        )
    if case.answerable and not case.references:
        raise InvalidRequest(
            f"{where}: `reference` is missing",
            hint="give a good answer; `answerable: false` (a column of a CSV, too) where the only right one is to say"
            " that one does not know",
            param="reference",
        )
