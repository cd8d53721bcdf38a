"""Suites out of documents: what is asked, on which side, and for whose eyes."""

from __future__ import annotations

from pathlib import Path

import pytest

from palier.errors import ConfigurationError, NotFound
from palier.evals.suites.making import PER_DOCUMENT, Made, of_documents, write
from palier.evals.suites.suite import load
from palier.types import Document, Label


class Shelf:
    """A collection, a page of two at a time."""

    def __init__(self, *documents: Document) -> None:
        self._documents = {document.id: document for document in documents}

    async def list_documents(self, collection: str, *, after: str, limit: int) -> list[Document]:
        return [d for d in sorted(self._documents.values(), key=lambda d: d.id) if d.id > after][:2]

    async def get_document(self, collection: str, document: str, /) -> Document | None:
        return self._documents[document]


def document(id: str, *questions: str, label: Label = Label.PUBLIC) -> Document:
    text = "".join(f"## {question}\n\nThe answer of {id}.\n\n" for question in questions)
    return Document(id=id, collection="c", text=text, language="en", label=label)


async def made(*documents: Document, limit: int = 1000) -> Made:
    return await of_documents(Shelf(*documents), "c", name="x", limit=limit)


async def test_the_questions_of_a_document_stand_on_one_side() -> None:
    many = [document(f"d{n:02d}", f"Where is house number {n}?", f"Who built house number {n}?") for n in range(60)]
    suite = (await made(*many)).suite
    assert len(suite.cases) == 120
    sides: dict[str, set[str]] = {}
    for case in suite.cases:
        sides.setdefault(case.relevant[0], set()).add(case.split)
    assert {len(side) for side in sides.values()} == {1}
    assert 30 < len(suite.split("holdout")) < 70


async def test_one_question_of_two_documents_is_one_case_and_joins_them() -> None:
    shared = "Where do I find the opening hours?"
    one, other = (
        document("a", shared, "Who painted the front door?"),
        document("b", shared, "Who sweeps the back yard?"),
    )
    suite = (await made(one, other)).suite
    (case,) = [case for case in suite.cases if case.input == shared]
    assert (case.relevant, case.references) == (("a", "b"), ("The answer of a.", "The answer of b."))
    assert len({case.split for case in suite.cases}) == 1
    assert len({case.id for case in suite.cases}) == len(suite.cases) == 3


async def test_what_is_confidential_is_kept_so() -> None:
    public, secret = document("a", "Where is the door?"), document("b", "Where is the safe?", label=Label.RESTRICTED)
    assert not (await made(public)).private
    both = await made(public, secret)
    assert both.private
    assert [case.label for case in both.suite.cases] == [None, Label.RESTRICTED]
    assert [case.origin for case in both.suite.cases] == ["document:c/a", "document:c/b"]


async def test_there_is_a_limit() -> None:
    long = document("a", *(f"Where is the door number {n}?" for n in range(40)))
    assert len((await made(long)).suite.cases) == PER_DOCUMENT
    assert len((await made(long, document("b", "Who is it?"), limit=5)).suite.cases) == 5


async def test_nothing_to_make_it_from() -> None:
    with pytest.raises(NotFound, match="holds no document"):
        await made()
    with pytest.raises(ConfigurationError, match="no question could be made out of 1 documents"):
        await made(Document(id="a", collection="c", text="Nothing to ask."))


async def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    suite = await made(document("a", "Where is the door?"))
    write(suite, tmp_path / "new")
    assert load(tmp_path / "new").cases == suite.suite.cases
    with pytest.raises(ConfigurationError, match="is there already"):
        write(suite, tmp_path / "new")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be made"):
        write(suite, tmp_path / "file")
