"""Questions that are alike, in whichever piece they are compared; and evidence as it is now."""

from __future__ import annotations

import numpy as np
import pytest

from palier.cli.distill import Here
from palier.interfaces import SourceDocument
from palier.training import screening
from palier.training.screening import Asked, Library, links, nearest, restricted, twins
from palier.types import Label

LAMP = "Where is the old copper lamp of my uncle?"


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
async def test_pieces_have_no_seams(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(screening, "_COMPARED", piece)
    others = ["Who rings?", LAMP.upper(), "What of box 3?", "where is the old copper lamp of my uncle", ""]
    found = await links([LAMP, "What of box 4?", "", "what of box 4"], others, Here())
    assert found == [{1, 3}, {8}, set(), {6}]
    assert await links(["a"], [], Here()) == [set()]


async def test_a_twin_is_as_sure_and_has_the_same_numbers() -> None:
    rows = np.eye(3, dtype=np.float32)
    new = [Asked("Box 3?", 1), Asked("Box 12?", 1), Asked("Bell?", 4)]
    others = [Asked("What of box 3, then?", 1), Asked("And of box 3?", 1), Asked("Chapel?", 5)]
    assert await twins(new, rows, others, list(rows), Here()) == [True, False, False]
    assert await twins(new[:0], rows[:0], others, list(rows), Here()) == []
    same = np.tile(rows[:1], (2, 1))
    assert await twins([Asked("Bell?", 4), Asked("Chime?", 1)], same, [], [], Here()) == [True, False], (
        "the surer stays"
    )


def test_nothing_is_near_nothing() -> None:
    assert nearest(np.eye(2, dtype=np.float32), np.empty((0, 0), np.float32)).tolist() == [-1, -1]


class Shelf:
    """`interfaces.Sources` of two documents, of which a key may mean either."""

    def __init__(self) -> None:
        self.known = {
            ("a", "b/c"): SourceDocument(
                collection="a", document="b/c", title="", label=Label.PUBLIC, updated=1.0, passages={0: "x"}
            )
        }

    async def sources(self, documents):
        return [self.known.get(name) for name in documents]


async def test_a_key_that_may_mean_two_documents_means_none() -> None:
    shelf = Shelf()
    keys = ["a/b/c#0", "a/b/c#1", "a/b/c", "z#0"]
    assert list(await Library(shelf, b"k").passages(keys, 5.0)) == ["a/b/c#0"]
    assert await Library(shelf, b"k").passages(keys, 0.5) == {}, "it was written later"
    other = SourceDocument(collection="a/b", document="c", title="", label=Label.PUBLIC, updated=1.0, passages={0: "y"})
    shelf.known["a/b", "c"] = other
    assert await Library(shelf, b"k").passages(keys, 5.0) == {}


def test_who_may_read_it_must_be_told_by_its_collection() -> None:
    base = {"collection": "a", "document": "b", "title": "", "label": Label.PUBLIC, "updated": 1.0}
    assert not restricted(SourceDocument(**base))
    assert not restricted(SourceDocument(**base, readers=("board",)))
    assert restricted(SourceDocument(**base, readers=("board", "user:ann")))
    assert restricted(SourceDocument(**base, groups=("board",)))
