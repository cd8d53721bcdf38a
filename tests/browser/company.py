"""The sample company behind a console: its documents, three people's keys, and what was asked so far."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.serving import Served

from palier.access import AccessKey, Role
from palier.lessons import Lesson, Origin
from palier.testing.upstream import Upstream, answers
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
NOW = time.time()
AT_FAULT = [
    Document(
        id=name,
        collection="archive",
        title=title,
        text=text,
        label=label,
        groups=groups,
        digest=text,
        source=f"archive/{name}",
        updated=NOW - days * 86_400,
    )
    for name, title, text, label, groups, days in (
        ("en/tariffs-2023.md", "Tariffs of 2023", "The landline cost 19 euros.", Label.PUBLIC, (), 900),
        ("en/tariffs-copy.md", "Tariffs of 2023, a copy", "The landline cost 19 euros.", Label.PUBLIC, (), 30),
        ("fr/astreintes.md", f"Astreintes {HOSTILE}", "Une astreinte dure une semaine.", Label.INTERNAL, (), 3),
        ("fr/salaires.md", "Grille des salaires", "Le premier échelon.", Label.RESTRICTED, ("payroll",), 400),
    )
]
"""Documents of which something is wrong: stale, twice there, hostile, not for everybody."""
LESSONS = [
    Lesson(
        id=f"lesson-{n}",
        route="support",
        question=question,
        answer=answer,
        kind="correction",
        origin=Origin(name=f"company-{n}"),
        label=Label.PUBLIC,
        language=language,
    )
    for n, (question, answer, language) in enumerate(
        (
            ("How long does an eSIM take to come?", "It comes by e-mail within the hour.", "en"),
            ("Quel est le préavis pour résilier ?", "Dix jours à compter de la réception de la demande.", "fr"),
            (f"What does this do: {HOSTILE}", "Nothing at all.", "en"),
        )
    )
]
"""What waits for a reviewer."""
PEOPLE = {"anna": Role.VIEWER, "bruno": Role.REVIEWER, "chloe": Role.OPERATOR}


def tree(cloud: str, **changed: Any) -> dict[str, Any]:
    """Settings: a quotation at home, then a large model in a cloud; and a desk that sorts (`workshop.prepare`)."""
    return {
        "models": {
            "sorter": {"kind": "head", "file": "own.head", "title": "sorts messages"},
            "quote": {"kind": "extract", "title": "quotation", "watts": 20, "dollars_per_hour": 0.05},
            "large": {
                "kind": "endpoint",
                "base_url": cloud,
                "model": "large-1",
                "price": {"input": 0.40, "output": 1.60},
                "region": "eu-west-3",
            },
        },
        "routes": {
            "support": {
                "collections": ["armorique"],
                "languages": ["en", "fr"],
                "audit": 1.0,
                "label_source": "person",
                "policy": "support.policy.json",
                "tiers": [
                    {"model": "quote", "threshold": 0.6, "highest_label": "restricted"},
                    {"model": "large", "highest_label": "internal"},
                ],
            },
            "desk": {
                "languages": ["en"],
                "audit": 0.0,
                "budget": {"soft": 40.0, "hard": 50.0},
                "tiers": [
                    {"model": "sorter", "threshold": 0.3, "highest_label": "restricted"},
                    {"model": "large", "highest_label": "internal"},
                ],
            },
        },
        "redaction": {"names": "off"},
        **changed,
    }


@contextmanager
def cloud() -> Iterator[str]:
    """The large model's URL: on a loop of its own, always of one opinion."""
    loop = asyncio.new_event_loop()
    upstream = Upstream(default=answers("By the app, by post or in a shop: ten days later the contract has ended [1]."))
    thread = threading.Thread(target=loop.run_forever, name="cloud", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(upstream.__aenter__(), loop).result(30)
    try:
        yield upstream.url
    finally:
        asyncio.run_coroutine_threadsafe(upstream.__aexit__(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


def fill(gateway: Served, questions: Sequence[str] = QUESTIONS) -> dict[str, str]:
    """Documents, keys (by name, with the owner's as `local`) and answers."""
    folder, palier, run = COMPANY / "documents", gateway.palier, gateway.run
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in DOCUMENTS}
    for name, text in texts.items():
        title, named = text.splitlines()[0].removeprefix("# "), name.removeprefix("public/")
        document = Document(id=named, collection="armorique", title=title, text=text, label=Label.PUBLIC, updated=NOW)
        run(palier.put_documents([document]))
    run(palier.put_documents(AT_FAULT))
    keys = {name: run(palier.access.keys.create(AccessKey(name=name, role=role))) for name, role in PEOPLE.items()}
    for question in questions:
        run(palier.answer(palier.request(question, route="support")))
    run(palier.lessons.add(LESSONS, who="anna"))
    return {"local": palier.key, **{name: key.secret for name, key in keys.items()}}
