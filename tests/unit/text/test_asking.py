"""What a question asks for."""

import pytest

from palier.text import asking


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("Qui a écrit ce guide ?", {"who"}),
        ("Combien coûte la box ?", {"number"}),
        ("Quel est le prix du forfait ?", {"number"}),
        ("How much is it?", {"number"}),
        ("Quand arrive le technicien ?", {"date"}),
        ("Où est la boutique ?", {"place"}),
        ("Le thé ou le café ?", set()),
        ("Pourquoi le voyant est rouge ?", {"reason"}),
        ("Comment résilier ?", {"manner"}),
        ("What is the phone number of support?", {"contact"}),
        ("Qu'est-ce que le Pack Marée ?", {"definition"}),
        ("La box", set()),
    ],
)
def test_kinds(question, kinds):
    assert asking(question).kinds == kinds


@pytest.mark.parametrize(
    ("question", "plain", "not_at_all"),
    [
        ("Combien coûte la box ?", "Elle coûte 29,99 € par mois.", "Elle est gratuite."),
        ("Quand ferme la boutique ?", "Elle ferme le 3 mars.", "Elle ferme bientôt."),
        ("Qui dirige le réseau ?", "Le réseau est dirigé par Tifenn Abgrall.", "Le réseau est grand."),
        ("How many devices can connect?", "Up to 32 devices can connect.", "Many can connect."),
        ("Où est la boutique ?", "La boutique est à Vannes.", "La boutique est ouverte."),
    ],
)
def test_a_sentence_offers_what_is_asked(question, plain, not_at_all):
    asked = asking(question)
    assert asked.offered(plain) == 1.0
    assert asked.offered(not_at_all) < 1.0


def test_a_name_of_the_question_is_no_answer_to_it():
    asked = asking("Qui a fondé Armorique Télécom ?")
    assert asked.offered("Notre entreprise, Armorique Télécom, existe depuis longtemps.") == 0.0
    assert asked.offered("Armorique Télécom a été fondée par Anne Le Bihan.") == 1.0


def test_a_number_of_the_wrong_thing_says_less():
    asked = asking("Combien de chaînes a le bouquet ?")
    assert asked.offered("Le bouquet compte 22 chaînes.") == 1.0
    assert asked.offered("Le bouquet coûte 9 euros.") == 0.5
