"""The rules of the house that a machine can hold: sizes, names, no machine's path, imports that cost nothing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

FILE_LINES = 500
FUNCTION_LINES = 70
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "util", "helper", "misc"}


def _sources(repository: Path) -> list[Path]:
    return sorted((repository / "src" / "palier").rglob("*.py"))


def test_files_and_functions_keep_to_their_size(repository: Path) -> None:
    over = []
    for file in _sources(repository):
        source = file.read_text()
        if (lines := len(source.splitlines())) > FILE_LINES:
            over.append(f"{file.name}: {lines} lines")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    over.append(f"{file.name}:{node.name}: {length} lines")
    assert not over, over


def test_no_file_is_named_for_nothing(repository: Path) -> None:
    assert not [file for file in _sources(repository) if file.stem in FORBIDDEN_NAMES]


def test_importing_palier_loads_nothing_heavy() -> None:
    script = (
        "import sys, time; t = time.process_time(); import palier; t = time.process_time() - t; "
        "heavy = {'numpy', 'aiohttp', 'apsw', 'starlette', 'xllamacpp', 'kreuzberg', 'torch'} & set(sys.modules); "
        "print(heavy or 'light', t < 0.3)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "light True"


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("palier.cli", {"numpy", "aiohttp", "starlette", "palier.app.palier"}),
        ("palier.server.remote", {"numpy", "aiohttp", "apsw", "starlette", "palier.app.palier", "palier.pipeline"}),
    ],
)
def test_a_command_loads_what_it_needs(module: str, heavy: set[str]) -> None:
    """What asks a running gateway starts in half the time without what only the gateway needs."""
    script = f"import sys, {module}; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("pattern", [r"/home/\w+", r"/work/", r"/root/", r"pypi\.org|pythonhosted|npmjs"])
def test_no_machine_or_registry_is_named(repository: Path, pattern: str) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=True).stdout
    found = []
    for name in filter(None, listed.decode().split("\0")):
        file = repository / name
        if name == "tests/unit/test_house.py" or file.suffix in {".pdf", ".docx", ".png"} or not file.is_file():
            continue
        if re.search(pattern, file.read_text(errors="replace")):
            found.append(name)
    assert not found, found
