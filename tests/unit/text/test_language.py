"""Language of short questions."""

import pytest

from palier.text import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ma box clignote en rouge", "fr"),
        ("résilier mon forfait", "fr"),
        ("resilier mon forfait", "fr"),
        ("Combien ça coûte ?", "fr"),
        ("panne fibre", "fr"),
        ("When is my bill due?", "en"),
        ("router blinking red", "en"),
        ("I can't log in", "en"),
        ("How much is the Goéland plan?", "en"),
        ("Wie kündige ich meinen Vertrag?", "de"),
        ("¿Cuánto cuesta la línea?", "es"),
        ("Когда придёт счёт?", "ru"),
        ("請求書はいつ届きますか", "ja"),
    ],
)
def test_short_questions_are_told_apart(text, language):
    assert detect(text) == language


@pytest.mark.parametrize("text", ["", "   ", "42", "K-104", "SFP+", "?!"])
def test_what_shows_no_language_gets_the_default(text):
    assert detect(text) == ""
    assert detect(text, "fr") == "fr"


def test_one_foreign_name_does_not_change_the_language():
    assert detect('Qui a écrit "The Spirit of the Age" en 1825 et pourquoi ?') == "fr"
    assert detect("Where is the Ministère de la Culture in Paris?") == "en"


def test_a_long_text_costs_no_more_than_its_beginning():
    assert detect("Le dépannage est gratuit. " * 40 + "word " * 100_000) == "fr"
