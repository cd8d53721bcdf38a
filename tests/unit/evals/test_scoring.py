"""Which metrics a suite has."""

from __future__ import annotations

import sys
from typing import get_args

import pytest

from palier import registry
from palier.cases import Case, Suite, Task
from palier.errors import ConfigurationError, MissingExtra
from palier.evals.scoring import QUALITY, USUAL, measured, metrics_of, quality_of

LABELLED = (Case(id="1", references=("a",)), Case(id="2", references=("b",)))


def names(suite: Suite) -> list[str]:
    return [metric.name for metric in metrics_of(suite)]


def test_every_task_has_a_quality_and_every_name_is_a_metric() -> None:
    assert set(QUALITY) == set(get_args(Task.__value__ if hasattr(Task, "__value__") else Task))
    for usual in USUAL.values():
        assert all(registry.find("metrics", name) for name in usual)


def test_the_quality_comes_first() -> None:
    suite = Suite(name="s", task="classification", cases=LABELLED)
    assert quality_of(suite) == "accuracy"
    assert names(suite) == ["accuracy", "macro_f1", "out_of_labels"]
    assert names(Suite(name="s", task="classification", cases=LABELLED, quality="macro_f1"))[0] == "macro_f1"


def test_what_a_suite_names_is_what_it_has() -> None:
    suite = Suite(name="s", metrics=("holds", "recall@3", "holds"), cases=LABELLED)
    assert names(suite) == ["correct", "holds", "recall@3"]


def test_what_the_cases_have_nothing_for_is_left_out() -> None:
    bare = Suite(name="s", cases=(Case(id="1", must_contain=("x",)),))
    assert names(bare) == ["correct", "contains", "abstention", "grounding"]
    searched = Suite(name="s", cases=(Case(id="1", references=("x",), relevant=("a",)),))
    assert {"recall@1", "recall@5", "mrr@10", "ndcg@10", "token_f1", "citation_precision"} <= set(names(searched))
    assert "schema_valid" not in names(Suite(name="s", task="extraction"))
    assert "schema_valid" in names(Suite(name="s", task="extraction", schema={"type": "object"}))


def test_without_the_extra_the_usual_ones_are_left_out_with_a_note(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.helpers", None)
    found = measured(Suite(name="s", task="dialogue", cases=LABELLED))
    assert [metric.name for metric in found.metrics] == ["token_f1"]
    assert len(found.notes) == 1
    assert "chrf" in found.notes[0]
    assert 'pip install "palier[bench]"' in found.notes[0]


def test_without_the_extra_what_was_asked_for_is_an_error(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.helpers", None)
    for suite in (
        Suite(name="s", metrics=("chrf",)),
        Suite(name="s", quality="chrf"),
        Suite(name="s", task="translation"),
    ):
        with pytest.raises(MissingExtra, match="chrf"):
            metrics_of(suite)


def test_a_name_that_is_none_is_said() -> None:
    with pytest.raises(ConfigurationError, match="did you mean `token_f1`"):
        metrics_of(Suite(name="s", metrics=("token-f1",)))
    with pytest.raises(ConfigurationError, match="40 at most"):
        metrics_of(Suite(name="s", metrics=tuple(f"recall@{n}" for n in range(1, 60))))
