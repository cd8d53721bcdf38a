"""The sample company behind a console: its documents, three people's keys, and what was asked so far."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from palier.access import AccessKey, Role
from palier.app import Palier
from palier.types import Document, Label

COMPANY = Path(__file__).resolve().parent.parent.parent / "examples" / "armorique"
DOCUMENTS = (
    "public/en/esim-guide.md",
    "public/en/fibre-offers.md",
    "public/fr/resiliation.md",
    "public/fr/fibre-goeland.md",
)
HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script> \u202etxt.exe\x1b[31m"
"""Markup, a direction turned, a terminal's escape: inert wherever it is shown."""
QUESTIONS = ("Is an eSIM free?", "How do I install an eSIM?", "Comment résilier mon contrat ?", HOSTILE)
PEOPLE = {"anna": Role.VIEWER, "bruno": Role.REVIEWER, "chloe": Role.OPERATOR}


def tree(**changed: Any) -> dict[str, Any]:
    """Settings: a quotation at home, then a large model in a cloud, whose answers are recorded."""
    return {
        "models": {
            "quote": {"kind": "extract", "title": "quotation", "watts": 20, "dollars_per_hour": 0.05},
            "teacher": {
                "kind": "recorded",
                "title": "recorded teacher",
                "file": str(COMPANY / "teacher.jsonl"),
                "price": {"input": 0.40, "output": 1.60},
                "region": "eu-west-3",
            },
        },
        "routes": {
            "support": {
                "collections": ["armorique"],
                "languages": ["en", "fr"],
                "audit": 1.0,
                "tiers": [
                    {"model": "quote", "threshold": 0.6, "highest_label": "restricted"},
                    {"model": "teacher", "highest_label": "internal"},
                ],
            }
        },
        **changed,
    }


async def fill(palier: Palier, questions: Sequence[str] = QUESTIONS) -> dict[str, str]:
    """Documents, keys (by name, with the owner's as `local`) and answers."""
    folder = COMPANY / "documents"
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in DOCUMENTS}
    await palier.put_documents(
        [
            Document(
                id=name.removeprefix("public/"),
                collection="armorique",
                title=text.splitlines()[0].removeprefix("# "),
                text=text,
                label=Label.PUBLIC,
            )
            for name, text in texts.items()
        ]
    )
    made = {name: await palier.access.keys.create(AccessKey(name=name, role=role)) for name, role in PEOPLE.items()}
    for question in questions:
        await palier.ask(question)
    return {"local": palier.key, **{name: key.secret for name, key in made.items()}}
