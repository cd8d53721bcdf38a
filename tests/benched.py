"""A small installation to be benchmarked: scripted tiers over two documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from palier.cases import Case, Suite
from palier.config import Settings, parse
from palier.types import Document, Label

DOCUMENTS = (
    Document(id="fibre.md", collection="shelf", text="The fibre costs 29.99 euros a month.", label=Label.PUBLIC),
    Document(id="box.md", collection="shelf", text="The box is returned to the shop in Brest.", label=Label.PUBLIC),
)
SCRIPT: tuple[dict[str, Any], ...] = (
    {"pattern": "fibre", "answer": "29.99 euros [1]"},
    {"pattern": "box", "answer": "To the shop in Brest [1]"},
    {"pattern": "refuse", "fail": "refused"},
    {"pattern": "invalid", "fail": "invalid"},
    {"answer": "I do not know"},
)


def settings(folder: Path, *script: dict[str, Any], **changed: Any) -> Settings:
    """Two tiers: a small scripted one, and a large one."""
    lines = "".join(json.dumps(rule) + "\n" for rule in script or SCRIPT)
    (folder / "script.jsonl").write_text(lines)
    tiers = [
        {"model": "small", "threshold": 0.99, "highest_label": "restricted", "system": "Be brief."},
        {"model": "large", "highest_label": "internal"},
    ]
    tree: dict[str, Any] = {
        "data": "data",
        "models": {
            "small": {"kind": "fake", "file": "script.jsonl"},
            "large": {"kind": "fake", "file": "script.jsonl"},
            "spare": {"kind": "fake", "file": "script.jsonl"},
        },
        "routes": {"support": {"tiers": tiers}, "other": {"tiers": [{"model": "spare", "highest_label": "internal"}]}},
    }
    return parse({**tree, **changed}, root=folder)


def suite(*inputs: str, **changed: Any) -> Suite:
    """A case for each of `inputs`, called by its number."""
    cases = tuple(Case(id=str(n), input=text, references=("29.99 euros",)) for n, text in enumerate(inputs, 1))
    return Suite(**{"name": "support", "route": "support", "cases": cases, **changed})
