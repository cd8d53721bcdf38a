"""Where sentences stand."""

import pytest

from palier.text import sentences
from palier.text.sentences import LONGEST


def split(text):
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Il part. Elle reste !", ["Il part.", "Elle reste !"]),
        ("M. Dupont a payé 29.99 € p. ex. hier. Il part.", ["M. Dupont a payé 29.99 € p. ex. hier.", "Il part."]),
        ("Mr. Smith left, e.g. today. Yes.", ["Mr. Smith left, e.g. today.", "Yes."]),
        ("Voir www.a.example/b.c pour plus. Fin.", ["Voir www.a.example/b.c pour plus.", "Fin."]),
        ("J. K. Martin écrit. Bien.", ["J. K. Martin écrit.", "Bien."]),
        ("« Non. » dit-il. Puis rien.", ["« Non. » dit-il.", "Puis rien."]),
        ("Est-ce vrai ? Éric le dit.", ["Est-ce vrai ?", "Éric le dit."]),
        ("It costs €5. 3 days later it rose.", ["It costs €5.", "3 days later it rose."]),
        ("Une phrase\nsur deux lignes. Une autre.", ["Une phrase\nsur deux lignes.", "Une autre."]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_prose(text, expected):
    assert split(text) == expected


def test_headings_items_and_rows_are_units():
    text = "# Titre\nTexte.\n\n- un\n- deux\n  suite\n1. Premier\n| a | b |\n| 1 | 2 |\nÉtapes :\nfaire\nDÉLAI\nVingt jours"
    assert split(text) == [
        "# Titre",
        "Texte.",
        "- un",
        "- deux\n  suite",
        "1. Premier",
        "| a | b |",
        "| 1 | 2 |",
        "Étapes :",
        "faire",
        "DÉLAI",
        "Vingt jours",
    ]


def test_a_sentence_without_end_is_cut_at_a_pause():
    pieces = split("et puis encore un mot, " * 60)
    assert all(len(piece) <= LONGEST for piece in pieces)
    assert all(piece.endswith(",") for piece in pieces[:-1])


def test_what_cannot_be_cut_well_is_cut_anyway():
    assert [len(piece) for piece in split("x" * 900)] == [400, 400, 100]
