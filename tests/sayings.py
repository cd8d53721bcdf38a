"""Every sentence that the code writes for people to read, found in its source: f-strings with their blanks open."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

BLANK = "{}"


def sayings(file: Path, *, raised: bool = False) -> Iterator[str]:
    """The strings of a module that have a space, blanks as `BLANK`: no docstring, nothing that is logged.

    What is raised is an error's words, and is among them where it is `raised`.
    """
    yield from _within(ast.parse(file.read_text(encoding="utf-8")), raised)


def _within(node: ast.AST, raised: bool) -> Iterator[str]:
    if isinstance(node, ast.Assert) or (isinstance(node, ast.Raise) and not raised):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("log.", "re.compile")):
        return
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        said = _opened(node)
        if " " in said.strip():
            yield said
        for part in node.values if isinstance(node, ast.JoinedStr) else ():
            if isinstance(part, ast.FormattedValue):
                yield from _within(part.value, raised)
        return
    for child in ast.iter_child_nodes(node):
        yield from _within(child, raised)


def _opened(node: ast.JoinedStr | ast.Constant) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(str(part.value) if isinstance(part, ast.Constant) else BLANK for part in node.values)
