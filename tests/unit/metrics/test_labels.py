"""Labels read out of answers."""

from __future__ import annotations

import numpy as np
import pytest

from palier.cases import Case, Outcome, Suite
from palier.errors import ConfigurationError
from palier.metrics.labels import Accuracy, Labels, MacroF1, OutOfLabels

SUITE = Suite(name="s", task="classification", labels=("card_arrival", "card", "billing dispute", "C", "C++", "C#"))


def said(text: str) -> Outcome:
    return Outcome(id="1", candidate="c", output=text)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("card_arrival", "card_arrival"),
        ("Card arrival.", "card_arrival"),
        ("card-arrival", "card_arrival"),
        ("The intent is `card arrival`, I think.", "card_arrival"),
        ("It is about the card", "card"),
        ("BILLING DISPUTE", "billing dispute"),
        ("C++", "C++"),
        ("it is c#!", "C#"),
        ("I say C.", "C"),
        ("discard", None),
        ("card or C#", None),
        ("card arrival, or rather card", None),
        ("billing", None),
        ("", None),
        ("card card card", "card"),
    ],
)
def test_the_label_an_answer_names(text: str, label: str | None) -> None:
    labels = Labels(SUITE)
    found = labels.match(text)
    assert (None if found is None else labels.names[found]) == label


def test_without_labels_the_references_are_them() -> None:
    cases = (Case(id="1", references=("b",)), Case(id="2", references=("a",)))
    assert Labels(Suite(name="s", cases=cases)).names == ("a", "b")


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(ConfigurationError, match="no labels"):
        Labels(Suite(name="s"))
    with pytest.raises(ConfigurationError, match=r"case 7.*'refund'.*none of its labels"):
        Labels(Suite(name="s", labels=("card",), cases=(Case(id="7", references=("refund",)),)))


def test_several_right_labels() -> None:
    case = Case(id="1", references=("card", "C#"))
    assert Accuracy(SUITE).statistics(case, said("C#")) == (1.0, 1.0)
    assert OutOfLabels(SUITE).statistics(case, said("C# card")) == (1.0, 1.0)
    assert OutOfLabels(SUITE).statistics(case, said("C++")) == (0.0, 1.0)


def test_macro_f1_by_hand() -> None:
    """Of three `card` two are found and one is called C; the only C is found; `billing dispute` is not."""
    metric = MacroF1(SUITE)
    pairs = [("card", "card"), ("card", "card"), ("card", "C"), ("C", "C"), ("billing dispute", "nothing of these")]
    sums = np.sum([metric.statistics(Case(id="1", references=(w,)), said(n)) for w, n in pairs], axis=0)
    card, c, billing = 2 * 2 / (2 * 2 + 0 + 1), 2 / (2 + 1), 0.0
    assert float(metric.combine(sums)) == pytest.approx((card + c + billing) / 3)
    assert np.isnan(metric.combine(np.zeros(len(sums))))


def test_without_a_right_label_abstaining_is_right() -> None:
    case = Case(id="1", answerable=False)
    assert Accuracy(SUITE).statistics(case, Outcome(id="1", candidate="c", status="abstained")) == (1.0, 1.0)
    assert Accuracy(SUITE).statistics(case, said("card")) == (0.0, 1.0)
    assert MacroF1(SUITE).statistics(case, said("card")) is None
