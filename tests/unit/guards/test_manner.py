"""How a sentence is said: the signals that only labels give a sign."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from palier.guards.manner import MANNER, asked, closely, manner
from palier.guards.supporting import SIGNS, overlap, passage, sentence

PASSAGE = "La fibre coûte 29 € par mois. Elle comprend la télévision."


def said(text: str, question: str = "", evidence: str = PASSAGE) -> dict[str, float]:
    return manner(sentence(text), asked(question), [passage(evidence)])


def test_each_is_what_it_says() -> None:
    assert said("Elle comprend la télévision.")["copied"] == 1
    assert said("Elle comprend aussi la télévision.")["copied"] == 0
    assert said("Oui.", "La fibre comprend des chaînes ?")["answered"] == 2 / 3
    assert said("La fibre est rouge.")["heard"] == 1 / 2
    assert said("Des chaînes, la fibre.", "Et les chaînes ?")["echoed"] == 1 / 2
    assert said("I adore my box")["self"] == 1 / 2
    assert said("Vous pensez")["reader"] == 1 / 2
    assert said("Je trouve cela super")["opinion"] == 1 / 2
    assert said("It might rain")["hedges"] == 1 / 3
    assert (said("Oh, elle est là.")["opens"], said("Elle est là, oh.")["opens"]) == (1, 0)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_they_are_shares_whatever_is_said(text: str, question: str, evidence: str) -> None:
    found = closely(sentence(text), asked(question), [overlap(sentence(text), passage(evidence))])
    assert set(found) == {*SIGNS, *MANNER} - {"nearness"}
    assert all(0 <= value <= 1 for value in found.values())
