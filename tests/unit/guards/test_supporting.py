"""Signals of support: shares of what stands in the passages."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from palier.guards.supporting import COPIED, MAX_WORDS, SIGNS, foreign, passage, sentence, signals

FIBRE = (
    "La Fibre Goéland coûte 29,99 € par mois, sans engagement. Elle comprend la télévision et le téléphone. "
    "La résiliation coûte 49 €. Le matériel doit revenir dans les 21 jours."
)
NOTHING: frozenset[str] = frozenset()


def of(text: str, evidence: str = FIBRE, question: frozenset[str] = NOTHING) -> dict[str, float]:
    return signals(sentence(text), question, [passage(evidence)])


def test_what_stands_there_word_for_word_has_the_best_of_each() -> None:
    assert of("La résiliation coûte 49 €.") == dict(COPIED)
    assert of("la Résiliation  coûte 49 €") == dict(COPIED), "case and space do not matter"


def test_each_signal_says_what_it_is_for() -> None:
    right = of("La Goéland est à 29,99 € par mois et comprend la télévision.")
    assert right["figures"] == right["names"] == right["negation"] == 0.0
    assert of("La Goéland est à 39,99 € par mois et comprend la télévision.")["figures"] == 1.0
    assert of("La résiliation coûte 59 €.")["altered"] == 1.0
    assert of("Le prix des appels vers la Chine monte à 59 €.")["altered"] == 0.0, "nothing like it stands there"
    assert of("La Fibre Sterne comprend la télévision.")["names"] > 0
    assert of("Elle ne comprend pas la télévision.")["negation"] == 1.0
    assert of("Non, elle comprend la télévision et le téléphone.")["negation"] == 0.0, "it answers, and denies nothing"
    assert of("I am not sure, elle comprend la télévision et le téléphone.")["negation"] == 0.0
    assert of("J'adore la télévision.")["person"] == 1.0
    assert of("Des zèbres paissent.")["new"] == 1.0
    assert of("Des zèbres paissent.", question=frozenset({"zebres"}))["new"] == 0.5


def test_words_for_numbers_are_numbers() -> None:
    assert of("It takes 20 days.", "It takes twenty days.")["figures"] == 0.0
    assert of("Cela prend 20 jours.", "Cela prend vingt jours.")["figures"] == 0.0


def test_another_language_is_told() -> None:
    said = sentence("The fibre costs 29.99 euros a month and there is no commitment.")
    assert foreign(said, passage(FIBRE))
    assert not foreign(said, passage("The fibre is cheap, and it is there for all of you."))
    assert not foreign(sentence("29,99"), passage(FIBRE)), "what has no language is in none other"


def test_what_is_endless_is_cut() -> None:
    assert len(sentence("mot " * 5_000).words) == MAX_WORDS
    assert all(0 <= value <= 1 for value in of("mot " * 5_000, "mot. " * 50_000).values())


words = st.lists(
    st.sampled_from(
        [
            "la",
            "fibre",
            "coûte",
            "29,99",
            "€",
            "pas",
            "Goéland",
            "télévision",
            ".",
            "[1]",
            "never",
            "3",
            "mars",
            "?",
            "I",
        ]
    ),
    max_size=25,
).map(" ".join)


@settings(deadline=None)
@given(words | st.text(max_size=80), words | st.text(max_size=200), words)
def test_every_signal_is_a_share(text: str, evidence: str, question: str) -> None:
    found = signals(sentence(text), frozenset(question.split()), [passage(evidence), passage(FIBRE)])
    assert set(found) == set(SIGNS) - {"nearness"}
    assert all(0.0 <= value <= 1.0 for value in found.values())
