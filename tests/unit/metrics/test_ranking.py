"""Retrieval and citations, by hand."""

from __future__ import annotations

import math

import pytest

from palier import registry
from palier.cases import Case, Outcome, Retrieved, Spell, Suite
from palier.errors import ConfigurationError
from palier.metrics.citations import CitationPrecision, CitationRecall
from palier.metrics.ranking import hits

SUITE = Suite(name="s")
CASE = Case(id="1", relevant=("a", "fr/b"))


def found(*documents: str, cited: tuple[int, ...] = (), **more) -> Outcome:
    passages = tuple(Retrieved(document=d, passage=f"{n}", cited=n in cited) for n, d in enumerate(documents))
    return Outcome(id="1", candidate="c", output="x", retrieved=passages, **more)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("recall@1", 0.0),
        ("recall@2", 0.5),
        ("recall@3", 1.0),
        ("precision@2", 0.5),
        ("precision@10", 0.2),
        ("mrr@1", 0.0),
        ("mrr@10", 0.5),
        ("ndcg@1", 0.0),
        ("ndcg@10", (1 / math.log2(3) + 1 / math.log2(4)) / (1 + 1 / math.log2(3))),
    ],
)
def test_by_hand(name: str, expected: float) -> None:
    """x, x, a, x, fr/b, a: documents x, a, fr/b."""
    metric = registry.find("metrics", name)(SUITE)
    assert metric.name == name
    outcome = found("kb/x", "kb/x", "kb/a", "kb/x", "kb/fr/b", "kb/a")
    assert metric.statistics(CASE, outcome) == (pytest.approx(expected), 1.0)


def test_one_document_of_two_collections_counts_once() -> None:
    assert hits(["one/a", "two/a", "a", "x"], frozenset({"a"})) == [True, False, False, False]


def test_nothing_found_is_wrong_and_nothing_known_is_unknown() -> None:
    recall = registry.find("metrics", "recall@5")(SUITE)
    assert recall.statistics(CASE, Outcome(id="1", candidate="c", status="failed")) == (0.0, 1.0)
    asked = Outcome(id="1", candidate="c", output="x", spells=(Spell(tier="t", model="m", outcome="served"),))
    assert recall.statistics(CASE, asked) == (0.0, 1.0)
    assert recall.statistics(CASE, Outcome(id="1", candidate="c", output="from elsewhere")) is None
    given = Outcome(id="1", candidate="c", output="from elsewhere", metrics={"recall@5": 0.5})
    assert recall.statistics(CASE, given) == (0.5, 1.0)


@pytest.mark.parametrize(
    "name", ["recall@0", "recall@", "recall@-1", "recall@five", "recall@1001", "recal@5", "recall@5@5", "recall@k"]
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no kind"):
        registry.find("metrics", name)


def test_citations() -> None:
    outcome = found("kb/a", "kb/x", "kb/a", cited=(0, 1, 2))
    assert CitationPrecision(SUITE).statistics(CASE, outcome) == (pytest.approx(2 / 3), 1.0)
    assert CitationRecall(SUITE).statistics(CASE, outcome) == (0.5, 1.0)
    silent = found("kb/a")
    assert CitationPrecision(SUITE).statistics(CASE, silent) is None
    assert CitationRecall(SUITE).statistics(CASE, silent) == (0.0, 1.0)
    assert CitationRecall(SUITE).statistics(Case(id="1"), outcome) is None
