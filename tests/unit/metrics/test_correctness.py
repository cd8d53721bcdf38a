"""What is called right."""

from __future__ import annotations

import pytest

from palier.cases import Case, Outcome, Retrieved, Suite
from palier.metrics.correctness import Abstention, Correct, abstained, right

SUITE = Suite(name="s")
ABSTAINED = Outcome(id="1", candidate="c", status="abstained", said="No document answers this.")
FAILED = Outcome(id="1", candidate="c", status="failed", error="timeout")


def said(text: str, **more) -> Outcome:
    return Outcome(id="1", candidate="c", output=text, **more)


@pytest.mark.parametrize(
    ("text", "reference", "question"),
    [
        ("29,99 €", "La Fibre Goéland coûte 29,99 € par mois.", "Combien coûte la Fibre Goéland ?"),
        ("The fibre costs 29.99 euros a month, for twelve months and no longer.", "29.99", "How much is the fibre?"),
        (
            "The box is sent back within 14 days, in its carton, at no cost to you.",
            "Within 14 days, at no cost",
            "When?",
        ),
        ("Oui, depuis votre espace client.", "Oui", "Puis-je résilier en ligne ?"),
        ("Yes, from your account.", "oui", ""),
        ("at dusk", "The bell rings at dusk", "One hears that the bell rings when?"),
        (
            "The Corporate & Investment Bank, with $3,725 million.",
            "Corporate & Investment Bank. Its net income was $3725 million.",
            "",
        ),
    ],
)
def test_right(text: str, reference: str, question: str) -> None:
    assert right(text, reference, question)


@pytest.mark.parametrize(
    ("text", "reference", "question"),
    [
        ("The fibre costs 39.99 euros a month.", "The fibre costs 29.99 euros a month.", "How much is the fibre?"),
        ("The bell rings at dawn", "The bell rings at dusk", "When does the bell ring?"),
        ("Non, ce n'est pas possible : l'oui-dire ne vaut rien.", "Oui", ""),
        ("L'offre est non remboursable, oui.", "Non", ""),
        ("No, it is sent back within 14 days.", "Yes, it is sent back within 14 days.", ""),
        ("Bart Simpson", "Bart Conner", "Who was the husband?"),
        ("", "noon", ""),
        ("", "...", ""),
        ("I do not know.", "At the shop in Rennes", "Where?"),
    ],
)
def test_wrong(text: str, reference: str, question: str) -> None:
    assert not right(text, reference, question)


def test_strings_that_must_be_there_decide_alone() -> None:
    case = Case(id="1", references=("something else",), must_contain=("29,99",))
    assert Correct(SUITE).statistics(case, said("29.99 euros")) == (1.0, 1.0)
    assert Correct(SUITE).statistics(case, said("something else")) == (0.0, 1.0)


def test_abstaining_is_right_only_without_an_answer() -> None:
    none, some = Case(id="1", answerable=False), Case(id="1", references=("noon",))
    correct, abstention = Correct(SUITE), Abstention(SUITE)
    expected = {
        (False, "abstained"): (1, 1),
        (False, "failed"): (0, 0),
        (False, "noon"): (0, 0),
        (True, "abstained"): (0, 0),
        (True, "failed"): (0, 0),
        (True, "noon"): (1, 1),
        (True, "dusk"): (0, 1),
    }
    for (answerable, what), values in expected.items():
        outcome = {"abstained": ABSTAINED, "failed": FAILED}.get(what, said(what))
        case = some if answerable else none
        found = (correct.statistics(case, outcome)[0], abstention.statistics(case, outcome)[0])
        assert found == values, (answerable, what)


@pytest.mark.parametrize(
    "text",
    [
        "Je ne sais pas.",
        "Désolé. Les documents n'indiquent rien : aucune information à ce sujet.",
        "The documents I was given: the price is not mentioned.",
        "I don't know.",
    ],
)
def test_a_model_alone_abstains_in_words(text: str) -> None:
    assert abstained(said(text))


def test_later_words_or_a_citation_are_no_abstention() -> None:
    assert not abstained(said("It is 29.99. It lasts a year. The end is not mentioned."))
    assert not abstained(said("I do not know all, but [1]", retrieved=(Retrieved(document="a", cited=True),)))
    assert not abstained(said(""))
    assert not abstained(FAILED)


def test_the_sign_of_a_number_counts() -> None:
    assert not right("It is -5 degrees.", "5")
    assert not right("It is 5 degrees.", "-5")
    assert right("It is -5 degrees.", "-5")
    assert right("Between -5 and 5 degrees.", "5")
