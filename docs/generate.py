"""Writes docs/reference/settings.md and command-line.md from the code: python docs/generate.py

A test compares what is written with what this makes.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"

SETTINGS = """\
# Settings

Every setting of `palier.toml`, made from `src/palier/config` by `python docs/generate.py`. `palier init`
writes a commented file to start from. A setting that is not listed here is an error. Relative paths start at the file's
folder. Secrets never stand in the file: `*_env` names an environment variable. Commands find the file by `--config`,
the environment variable `PALIER_CONFIG`, or as `palier.toml` in the current folder.
"""

COMMANDS = """\
# Command line

Made from the commands themselves by `python docs/generate.py`. Data goes to standard output, progress and logs to
standard error. A command that needs the data folder goes through the running gateway when there is one.

Exit status: 0 done; 1 some lines failed; 2 wrong usage or configuration, or a file that cannot be read or written (a
full disk); 3 not certifiable, or a gate that did not pass or could not judge; 4 an upstream or engine that could not be
reached; 5 a budget that is spent. The formats of `--jsonl` are in [jsonl.md](jsonl.md).
"""


FILES = ("sections.py", "alerts.py", "budget.py", "console.py", "drift.py")
"""Of the settings."""


def settings() -> str:
    """settings.md: a table for each section of the file."""
    folder = ROOT / "src" / "palier" / "config"
    trees = [ast.parse((folder / name).read_text(encoding="utf-8")) for name in FILES]
    sections = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef) and _is_section(node)]
    sections.sort(key=lambda node: node.name != "Settings")
    return "\n".join([SETTINGS, *(_section(node) for node in sections)])


def _is_section(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Section" for base in node.bases)


def _section(node: ast.ClassDef) -> str:
    words = ast.get_docstring(node) or ""
    title, _, meaning = words.partition(": ")
    if node.name == "Settings":
        title, meaning = "At the top of the file", ""
    rows = [f"| `{name}` | {kind} | {default} | {text} |" for name, kind, default, text in fields(node)]
    return "\n".join(
        [
            f"## {title}\n",
            _sentence(meaning),
            "",
            "| setting | type | default | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def fields(node: ast.ClassDef) -> list[tuple[str, str, str, str]]:
    """(name, type, default, meaning) of each setting; the meaning is the string below it."""
    found = []
    for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if statement.target.id == "root":
            continue
        text = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = " ".join(str(following.value.value).split()).replace("|", "\\|")
        found.append((statement.target.id, _type(statement.annotation), _default(statement.value), text))
    return found


TYPES = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "tuple[str, ...]": "list of texts",
    "dict[str, str]": "table of texts",
    "tuple[Tier, ...]": "list of tables",
    "Label": "label",
    "Price": "table",
}


def _type(annotation: ast.expr) -> str:
    """A Python type in the words of TOML."""
    words = ast.unparse(annotation).removesuffix(" | None")
    if words.startswith("Literal["):
        return " or ".join(f'`"{value}"`' for value in ast.literal_eval(words.removeprefix("Literal")))
    return TYPES.get(words, "table")


def _default(value: ast.expr | None) -> str:
    """A default as it would be written in TOML; none when the setting is empty."""
    if value is None:
        return "required"
    words = ast.unparse(value)
    if words in ("None", "{}", "()", "''") or words.endswith("()"):
        return "none"
    if words.startswith("Label."):
        return f'`"{words.removeprefix("Label.").lower()}"`'
    literal = ast.literal_eval(value)
    return f"`{json.dumps(list(literal) if isinstance(literal, tuple) else literal, ensure_ascii=False)}`"


def _sentence(text: str) -> str:
    text = "\n".join(line.strip() for line in text.strip().splitlines())
    return text[:1].upper() + text[1:]


def command_line() -> str:
    """command-line.md: each command, its arguments and its options."""
    import typer.main

    from palier.cli import app

    root = typer.main.get_command(app)
    parts = [COMMANDS]
    for path, command in _commands("palier", root):
        parts.append(_command(path, command))
    return "\n".join(parts)


def _commands(path: str, command: click.Command) -> list[tuple[str, click.Command]]:
    children = getattr(command, "commands", {})
    found = [(path, command)]
    for name in children:
        found += _commands(f"{path} {name}", children[name])
    return found


def _command(path: str, command: click.Command) -> str:
    ctx = command.make_context(path, [], resilient_parsing=True)
    usage = " ".join(
        re.sub(r"[a-z_]+", lambda name: name.group().upper(), piece) for piece in command.collect_usage_pieces(ctx)
    )
    lines = [f"## `{path}`\n", (command.help or "").strip(), "", "```", f"{path} {usage}", "```", ""]
    rows = [_parameter(parameter) for parameter in command.get_params(ctx) if parameter.name != "help"]
    return "\n".join([*lines, *rows, ""])


def _parameter(parameter: click.Parameter) -> str:
    text = getattr(parameter, "help", None) or ""
    if parameter.param_type_name == "argument":
        return f"- `{_metavar(parameter)}`: {text}"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    value = "" if getattr(parameter, "is_flag", False) else f" `{_metavar(parameter)}`"
    return f"- {names}{value}: {text}{_default_of(parameter)}"


def _metavar(parameter: click.Parameter) -> str:
    return parameter.metavar or (parameter.name or "").upper().removesuffix("S" if parameter.multiple else "")


def _default_of(parameter: click.Parameter) -> str:
    said = getattr(parameter, "show_default", None)
    default = said if isinstance(said, str) else parameter.default
    words = ""
    if isinstance(default, str | int | float | Path) and not isinstance(default, bool) and str(default):
        words = f" Default: {default if isinstance(said, str) else f'`{default}`'}."
    return words + (f" Environment: `{parameter.envvar}`." if parameter.envvar else "")


PAGES = {"settings.md": settings, "command-line.md": command_line}


def main() -> None:
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
