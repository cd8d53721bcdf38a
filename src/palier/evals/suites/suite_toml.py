"""`suite.toml`: the settings of a suite, read and checked, and written."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from palier.cases import Declared, Published, Suite
from palier.errors import ConfigurationError, unfit
from palier.evals.suites.case_lines import suggested, told
from palier.types import JSON

MAX_SETTINGS = 2**20
"""Bytes of a suite.toml, and of a schema."""
SETTINGS = "suite.toml"
CASES = "cases.jsonl"

READING = ("columns", "values", "holdout")
"""Settings that say how to read the cases, and are no part of what was read."""
_KNOWN = (*(name for name in Suite.__struct_fields__ if name != "digest"), *READING)
_SAYS = ("tier", "model", "route", "results", "published")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def named(name: str) -> str:
    """`name` as a suite may be called."""
    return (re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") or "suite")[:64]


def read_toml(file: Path) -> JSON:
    try:
        return tomllib.loads(_bytes(file).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not UTF-8", hint="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}") from None


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_SETTINGS + 1)
    except FileNotFoundError:
        raise ConfigurationError(f"{file} does not exist", hint="palier bench init makes a suite") from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > MAX_SETTINGS:
        raise ConfigurationError(f"{file} has more than {MAX_SETTINGS} bytes")
    return content


def parse_suite(tree: JSON, folder: Path, settings: Path | None) -> Suite:
    """The settings, checked; no cases yet."""
    where = str(settings or "settings")
    check_known(tree, _KNOWN, where)
    fields = {name: value for name, value in tree.items() if name not in (*READING, "cases")}
    fields.setdefault("name", named(folder.resolve().name))
    if isinstance(fields.get("schema"), str):
        fields["schema"] = _schema(folder / fields["schema"])
    for name, declared in (fields.get("candidates") or {}).items():
        at = f"{where}: [candidates.{name}]"
        if isinstance(declared, dict):
            check_known(declared, Declared.__struct_fields__, at)
            if isinstance(declared.get("published"), dict):
                check_known(declared["published"], Published.__struct_fields__, f"{at} published")
    try:
        suite = msgspec.convert(fields, Suite)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {unfit(error)}", hint=_choices(str(error))) from None
    _check(suite, where)
    return suite


def _choices(error: str) -> str:
    """The words that a field of the suite may be, if it is one of these."""
    field = re.search(r"at `\$\.(\w+)`", error)
    choices = get_args(get_type_hints(Suite).get(field[1])) if field else ()
    words = [one for one in choices if isinstance(one, str)]
    return f"one of {', '.join(words)}" if words else ""


def check_known(tree: JSON, names: Sequence[str], where: str) -> None:
    for name in tree:
        if name not in names:
            raise ConfigurationError(f"{where}: unknown field `{name}`", hint=suggested(name, tuple(names)))


def _schema(file: Path) -> JSON:
    try:
        return msgspec.json.decode(_bytes(file), type=JSON)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{file} is not a JSON schema: {error}") from None


def _check(suite: Suite, where: str) -> None:
    if not _NAME.fullmatch(suite.name):
        raise ConfigurationError(
            f"{where}: `name` is {json.dumps(suite.name, ensure_ascii=False)}",
            hint="letters, digits, `.`, `_` and `-`, 64 at most, a letter or digit first; `title` may be anything",
        )
    prompts = {"prompt": suite.prompt} | {f"[candidates.{n}] prompt": d.prompt for n, d in suite.candidates.items()}
    for name, prompt in prompts.items():
        if prompt and "{input}" not in prompt:
            raise ConfigurationError(f"{where}: `{name}` has no {{input}}: what is asked would not be sent")
    if not suite.prompt:
        raise ConfigurationError(f"{where}: `prompt` is empty", hint='leave it out: it is "{input}" then')
    if suite.max_tokens is not None and suite.max_tokens < 1:
        raise ConfigurationError(f"{where}: `max_tokens` is {suite.max_tokens}, and must be 1 or more")
    if suite.schema is not None and suite.task != "extraction":
        raise ConfigurationError(f'{where}: `schema` is for `task = "extraction"`, and this is {suite.task}')
    if suite.labels and suite.task != "classification":
        raise ConfigurationError(f'{where}: `labels` are for `task = "classification"`, and this is {suite.task}')
    for name, declared in suite.candidates.items():
        _check_declared(name, declared, suite, where)


def _check_declared(name: str, declared: Declared, suite: Suite, where: str) -> None:
    at = f"{where}: [candidates.{name}]"
    said = [field for field in _SAYS if getattr(declared, field)]
    if len(said) != 1:
        says = f"says {' and '.join(f'`{field}`' for field in said)}" if said else "does not say what it is"
        raise ConfigurationError(f"{at} {says}", hint=f"exactly one of {', '.join(_SAYS)}")
    if declared.variant_of and declared.variant_of == name:
        raise ConfigurationError(f"{at} is a variant of itself")
    if declared.passages is not None and declared.passages < 0:
        raise ConfigurationError(f"{at} `passages` is {declared.passages}, and must be 0 or more")
    if declared.parameters is not None and declared.parameters < 1:
        raise ConfigurationError(f"{at} `parameters` is {declared.parameters}, and must be 1 or more")


# --- writing -----------------------------------------------------------------------------------------------------


def settings_text(suite: Suite, folder: Path) -> str:
    """The text of its `suite.toml`, to stand in `folder`."""
    tree = told(msgspec.structs.replace(suite, cases=(), digest="", schema=None))
    candidates = tree.pop("candidates", {})
    lines = [f"{name} = {toml_value(value)}" for name, value in tree.items()]
    if suite.schema is not None:
        lines.append('schema = "schema.json"')
    lines.append(f'cases = ["{CASES}"]')
    for name, declared in candidates.items():
        if "results" in declared and Path(declared["results"]).is_relative_to(folder):
            declared["results"] = str(Path(declared["results"]).relative_to(folder))
        lines += ["", f"[candidates.{toml_value(name)}]"]
        lines += [f"{field} = {toml_value(value)}" for field, value in declared.items()]
    return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{toml_value(name)} = {toml_value(item)}' for name, item in value.items())} }}"
    return repr(value)
