"""Sentences that stand in what is cited, and those that do not."""

from __future__ import annotations

import pytest

from palier.cases import Case, Outcome, Retrieved, Suite
from palier.metrics.grounded import Grounding, supported

OFFER = "La Fibre Goéland coûte 29,99 € par mois pendant 12 mois, puis 39,99 €. Elle comprend la télévision."


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("La Fibre Goéland coûte 29,99 € par mois.", True),
        ("Elle coûte 29.99 EUR par mois, télévision comprise.", True),
        ("Elle coûte 19,99 € par mois.", False),
        ("Elle comprend aussi un téléphone mobile et une tablette.", False),
        ("La Fibre Albatros coûte 29,99 € par mois.", False),
        ("Oui.", None),
    ],
)
def test_supported(sentence: str, expected: bool | None) -> None:
    assert supported(sentence, "", (OFFER,)) is expected


def test_what_the_question_says_needs_no_evidence() -> None:
    assert supported("Pour un abonnement résidentiel, 29,99 €.", "Combien pour un abonnement résidentiel ?", (OFFER,))


def test_only_what_is_cited_supports() -> None:
    cited, found = (Retrieved(document="a", cited=c, text=OFFER if c else "") for c in (True, False))
    answer = "La Fibre Goéland coûte 29,99 € [1]. Le Menhir brille en hiver."
    metric = Grounding(Suite(name="s"))
    case = Case(id="1", input="Combien ?")
    assert metric.statistics(case, Outcome(id="1", candidate="c", output=answer, retrieved=(cited,))) == (0.5, 1.0)
    assert metric.statistics(case, Outcome(id="1", candidate="c", output=answer, retrieved=(found,))) == (0.0, 1.0)
    assert metric.statistics(case, Outcome(id="1", candidate="c", output=answer)) is None
    assert metric.statistics(case, Outcome(id="1", candidate="c", status="abstained", retrieved=(cited,))) is None


def test_a_summary_stands_on_what_was_put_in() -> None:
    case = Case(id="1", input=OFFER)
    outcome = Outcome(id="1", candidate="c", output="La Fibre Goéland : 29,99 € par mois.")
    assert Grounding(Suite(name="s", task="summary")).statistics(case, outcome) == (1.0, 1.0)
    assert Grounding(Suite(name="s", task="qa")).statistics(case, outcome) is None


def test_evidence_of_the_case_supports() -> None:
    case = Case(id="1", input="Combien ?", evidence=(OFFER,))
    outcome = Outcome(id="1", candidate="c", output="29,99 € par mois.")
    assert Grounding(Suite(name="s")).statistics(case, outcome) == (1.0, 1.0)
