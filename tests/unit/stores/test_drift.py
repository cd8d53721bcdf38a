"""The state of documents, as drift counts it. What drift is looked for in: tests/conformance/test_drift.py."""

from __future__ import annotations

from pathlib import Path

from palier.interfaces.drift import Counted
from palier.stores.drift import SqliteCensus
from palier.stores.knowledge import SqliteKnowledge
from palier.types import Document


async def test_documents_are_counted(tmp_path: Path) -> None:
    knowledge = SqliteKnowledge.open(tmp_path / "knowledge.db", "none", 4, lambda text, language: text.split())
    documents = [
        Document(id=name, collection=collection, text="", digest=digest, updated=updated)
        for name, collection, digest, updated in (
            *(("a", "faq", "x", 10.0), ("b", "faq", "x", 90.0), ("c", "faq", "x", 90.0), ("d", "faq", "", 90.0)),
            *(("e", "faq", "", 90.0), ("a", "other", "x", 1.0)),
        )
    ]
    await knowledge.put([(document, (), []) for document in documents])
    census = SqliteCensus(knowledge.database)
    assert await census.count(["faq", "absent"], 50.0) == [Counted("faq", 5, 1, 5, 2)]
    assert await census.count([], 50.0) == []
    await knowledge.close()
