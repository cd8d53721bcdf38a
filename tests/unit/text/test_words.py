"""Tokens and terms."""

import pytest

from palier.text import fold, terms, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L'offre d'aujourd’hui", ["l", "offre", "d", "aujourd'hui"]),
        ("Qu'est-ce qu'il dit ?", ["qu", "est", "ce", "qu", "il", "dit"]),
        ("29,99 € ou 29.99", ["29.99", "ou", "29.99"]),
        ("100 000 abonnés, 100\u202f000, 100,000", ["100000", "abonnes", "100000", "100000"]),
        ("code K-104, K104 et k-104", ["code", "k104", "k104", "et", "k104"]),
        ("Wi-Fi, wifi, WI-FI", ["wifi", "wifi", "wifi"]),
        ("la 5G et 100Mo", ["la", "5g", "et", "100", "mo"]),
        ("Cœur d'été, ŒUVRE", ["coeur", "d", "ete", "oeuvre"]),
        ("e\u0301te\u0301", ["ete"]),
        ("don't", ["don", "t"]),
        ("", []),
    ],
)
def test_tokens(text, expected):
    assert tokens(text) == expected


def test_fold_leaves_nothing_to_compare_by_accent_or_case():
    assert fold("ÉTÉ À LA ŒUVRE") == "ete a la oeuvre"


def test_terms_lose_stop_words_and_endings():
    assert terms("Les résiliations et le résilier des chevaux", "fr") == ["resil", "resil", "cheval"]
    assert terms("When are the invoices invoiced?", "en") == ["invoic", "invoic"]


def test_accents_forgotten_by_the_user_change_nothing():
    assert terms("reseau coupe, telephone resilie", "fr") == terms("réseau coupé, téléphone résilié", "fr")


def test_an_unknown_language_is_guessed_and_loses_both_lists():
    assert terms("la facture de the month", "") == terms("la facture de the month", "xx")
    assert not {"la", "de", "the"} & set(terms("la facture de the month", ""))


def test_other_languages_are_stemmed_too():
    assert terms("Verträge", "de") == terms("Verträgen", "de")


def test_numbers_and_codes_are_not_stemmed():
    assert terms("K-104 à 29,99", "fr") == ["k104", "29.99"]
