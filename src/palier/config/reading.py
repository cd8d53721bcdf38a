"""A file to settings. What is wrong is named, with what to do: the right name of a setting, the words allowed."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

import msgspec

from palier.config.alerts import Alerts
from palier.config.budget import Budget
from palier.config.checking import check
from palier.config.console import Console
from palier.config.drift import Drift
from palier.config.section import Section
from palier.config.sections import (
    Carbon,
    Collection,
    Guard,
    Learning,
    Ledger,
    Lessons,
    Model,
    Networks,
    Privacy,
    Redaction,
    Route,
    Server,
    Settings,
    Store,
    Telemetry,
    Tier,
    Workers,
)
from palier.errors import ConfigurationError, unfit
from palier.types import Label


def load(path: str | Path) -> Settings:
    """Read and check a `palier.toml`. Raises `ConfigurationError` naming the file, the setting and what to do."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file} does not exist", hint="--config or PALIER_CONFIG names another; palier init writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from None
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}") from None
    return parse(tree, root=file.resolve().parent, where=str(file))


def parse(tree: dict[str, Any], *, root: str | Path = ".", where: str = "settings") -> Settings:
    """Settings from a mapping, checked. `where` is named in errors."""
    if "root" in tree:
        raise ConfigurationError(f"{where}: unknown setting `root`")
    try:
        settings = msgspec.convert({**tree, "root": str(root)}, Settings)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {_explain(error, tree)}", hint=_suggest(error, tree)) from None
    check(settings, where)
    return settings


def _explain(error: msgspec.ValidationError, tree: dict[str, Any]) -> str:
    """What does not fit, with its place as TOML has it."""
    text = unfit(error, named="setting")
    for name in _names(str(error), tree):
        text = text.replace(".NAME", f".{name[:80]}", 1)
    if "may not be" in text and (options := _options(str(error))):
        return f"{text}; one of {', '.join(options)}"
    return text


def _names(error: str, tree: dict[str, Any]) -> list[str]:
    """What each `[...]` in the path of an error stands for, as far as can be told: the name of the first entry that
    gives the same error where it is there alone."""
    found = re.search(r"at `\$\.([^`]*)`", error)
    names: list[str] = []
    path: list[str | int] = []
    for step in re.findall(r"\[\.\.\.\]|\[\d+\]|[^.\[\]]+", found.group(1) if found else ""):
        if step != "[...]":
            path.append(int(step[1:-1]) if step[0] == "[" else step)
            continue
        here: Any = reduce(lambda node, key: node[key], path, cast(Any, tree))
        wrong = (name for name in here if error == _error(_alone(tree, path, name)))
        if (name := next(wrong, None)) is None:
            break
        names.append(name)
        path.append(name)
    return names


def _alone(node: Any, path: Sequence[str | int], name: str) -> Any:
    """`node` with one entry alone where `path` leads."""
    if not path:
        return {name: node[name]}
    copy: Any = list(node) if isinstance(node, list) else dict(node)
    copy[path[0]] = _alone(node[path[0]], path[1:], name)
    return copy


def _error(tree: dict[str, Any]) -> str:
    try:
        msgspec.convert({**tree, "root": "."}, Settings)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _options(error: str) -> list[str]:
    """The words that the setting of an error may be, from its type."""
    section, _, name = _path(error).rpartition(".")
    hint = get_type_hints(_READ.get(_place(section), Settings)).get(name)
    kinds = (hint, *get_args(hint))
    return [*Label] if Label in kinds else [word for word in kinds if isinstance(word, str)]


def _suggest(error: msgspec.ValidationError, tree: dict[str, Any]) -> str:
    unknown = re.search(r"unknown field `([^`]+)`", str(error))
    if not unknown:
        return ""
    name = unknown.group(1)
    here = _place(_path(str(error)))
    known = [field for field in _READ.get(here, Settings).__struct_fields__ if field != "root"]
    if elsewhere := [place for place, section in _SECTIONS.items() if name in section.__struct_fields__]:
        return f"`{name}` belongs in {' or '.join(elsewhere)}"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else "docs/reference/settings.md lists every setting"


_SECTIONS: dict[str, type[Section]] = {
    "[server]": Server,
    "[console]": Console,
    "[store]": Store,
    "[workers]": Workers,
    "[networks]": Networks,
    "[privacy]": Privacy,
    "[redaction]": Redaction,
    "[ledger]": Ledger,
    "[telemetry]": Telemetry,
    "[lessons]": Lessons,
    "[learning]": Learning,
    "[carbon]": Carbon,
    "[alerts]": Alerts,
    "[drift]": Drift,
    "[collections.NAME]": Collection,
    "[models.NAME]": Model,
    "[[routes.NAME.tiers]]": Tier,
    "[routes.NAME.budget]": Budget,
    "[routes.NAME]": Route,
}

_READ: dict[str, type[Section]] = {**_SECTIONS, "[guards.NAME]": Guard}
"""With guards, whose settings have the names of others': a `threshold` that stands elsewhere is meant for a tier."""


def _path(error: str) -> str:
    """What msgspec's path leads to, without its brackets: `$.routes[...].tiers[...]` is `routes.tiers`."""
    found = re.search(r"at `\$\.([^`]*)`", error)
    return found.group(1).replace("[...]", "") if found else ""


def _place(path: str) -> str:
    """The section that a path lies in."""
    parts = path.split(".")
    if parts[:2] == ["routes", "budget"]:
        return "[routes.NAME.budget]"
    if parts[0] == "routes":
        return "[[routes.NAME.tiers]]" if len(parts) > 1 else "[routes.NAME]"
    named = parts[0] in ("models", "collections", "guards")
    return f"[{parts[0]}.NAME]" if named else f"[{parts[0]}]"
