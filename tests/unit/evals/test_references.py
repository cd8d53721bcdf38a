"""Drafts judged one by one: as the suite's own quality judges a whole run."""

from __future__ import annotations

import pytest

from palier.cases import Case, Suite
from palier.errors import InvalidRequest
from palier.evals.references import References


def test_a_label_is_right_or_wrong() -> None:
    cases = (Case(id="1", references=("refund",)), Case(id="2", references=("address",)))
    judge = References(Suite(name="s", task="classification", labels=("refund", "address"), cases=cases))
    assert (judge.binary, judge.source) == (True, "references by accuracy")
    assert [judge.score(cases[0], said) for said in ("refund", "Refund.", "address", "")] == [1.0, 1.0, 0.0, 0.0]


def test_a_score_lies_between_and_no_reference_is_no_label() -> None:
    cases = (Case(id="1", input="When?", references=("at noon on Monday",)), Case(id="2", input="Who?"))
    judge = References(Suite(name="s", task="qa", quality="token_f1", cases=cases))
    assert not judge.binary
    scores = [judge.score(cases[0], said) for said in ("at noon on Monday", "on Monday", "never")]
    assert scores[0] == 1.0
    assert scores[1] is not None
    assert 0.0 < scores[1] < 1.0
    assert scores[2] == 0.0
    assert [judge.judges(case) for case in cases] == [True, False]


def test_of_what_has_no_answer_an_abstention_is_right() -> None:
    case = Case(id="1", input="Who will win?", answerable=False)
    judge = References(Suite(name="s", task="qa", cases=(case, Case(id="2", input="x", references=("y",)))))
    assert [judge.score(case, said) for said in ("", "I don't know.", "The blues.")] == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("quality", ["macro_f1", "bleu"])
def test_a_figure_of_all_cases_together_is_none_of_one(quality: str) -> None:
    pytest.importorskip("sacrebleu")
    cases = (Case(id="1", references=("a",)), Case(id="2", references=("b",)))
    task = "classification" if quality == "macro_f1" else "translation"
    with pytest.raises(InvalidRequest, match="cannot be told case by case"):
        References(Suite(name="s", task=task, quality=quality, cases=cases))
