"""Questions out of documents: only what reads right."""

from __future__ import annotations

import pytest

from palier.evals.suites.questions import drafts
from palier.types import Document


def asked(text: str, title: str = "", language: str = "fr") -> list[tuple[str, str, str]]:
    document = Document(id="d", collection="c", text=text, title=title, language=language)
    return [(draft.made, draft.question, draft.answer) for draft in drafts(document)]


def test_a_page_that_is_one_question() -> None:
    assert asked("Oui, le 12.", "Suis-je prélevé le 12 ?") == [("faq", "Suis-je prélevé le 12 ?", "Oui, le 12.")]


def test_headings_that_ask_and_headings_that_say_what_to_do() -> None:
    text = """# Facture

## Pourquoi la première est-elle plus élevée ?

Elle réunit le **prorata** et le mois suivant.

## Changer la date du prélèvement

Choisissez le 20 ou le 28.

## Papier à lettres

Il n'y en a plus chez nous.

## Qui décide ?

Le directeur décide seul.
"""
    assert asked(text) == [
        ("heading", "Pourquoi la première est-elle plus élevée ?", "Elle réunit le prorata et le mois suivant."),
        ("how-to", "Comment changer la date du prélèvement ?", "Choisissez le 20 ou le 28."),
        ("heading", "Facture : qui décide ?", "Le directeur décide seul."),
    ]


def test_english_headings() -> None:
    text = "# eSIM: all about it\n\n## Get your RIO code\n\nCall us from the line.\n\n## Order book\n\nIt is kept in Brest.\n"
    assert asked(text, "eSIM: all about it", "en") == [
        ("how-to", "How do I get my RIO code?", "Call us from the line.")
    ]


@pytest.mark.parametrize(
    ("sentence", "language", "question"),
    [
        ("Le RIO est un code de douze caractères qui nomme la ligne.", "fr", "Qu'est-ce que le RIO ?"),
        (
            "Une ligne prioritaire est une ligne rétablie avant les autres.",
            "fr",
            "Qu'est-ce qu'une ligne prioritaire ?",
        ),
        ("L'eSIM est une carte gravée dans le téléphone.", "fr", "Qu'est-ce que l'eSIM ?"),
        ("An eSIM is a card stored in the telephone.", "en", "What is an eSIM?"),
        ("The RIO is a code of twelve characters.", "en", "What is the RIO?"),
        ("Le second décodeur coûte 5 € par mois.", "fr", "Combien coûte le second décodeur ?"),
        ("A top-up costs €2 and adds 2 GB.", "en", "How much does a top-up cost?"),
        ("Elle est une offre parmi d'autres.", "fr", ""),
        ("La seule qui reste est une offre parmi d'autres.", "fr", ""),
        ("Le débit est la même chose pour tous, ou presque.", "fr", "Qu'est-ce que le débit ?"),
        ("It costs €2 and adds 2 GB.", "en", ""),
        ("The line is down.", "en", ""),
        ("Das Gerät ist ein Router für alle Räume.", "de", ""),
    ],
)
def test_sentences(sentence: str, language: str, question: str) -> None:
    assert [found[1] for found in asked(sentence, "", language)] == ([question] if question else [])


def test_pairs_in_a_text() -> None:
    text = "**Puis-je payer en trois fois ?**\nOui, dès 60 €, sans frais.\n\nQ: And abroad, do I pay?\nA: Yes, by card only.\n"
    assert [(made, question) for made, question, _ in asked(text)] == [
        ("faq", "Puis-je payer en trois fois ?"),
        ("faq", "And abroad, do I pay?"),
    ]
    assert asked(text)[0][2] == "Oui, dès 60 €, sans frais."


def test_a_price_that_tells_is_looked_for_in_the_answer() -> None:
    document = Document(id="d", collection="c", text="Le forfait Ajonc coûte 14,99 € par mois.", language="fr")
    (draft,) = drafts(document)
    assert draft.must_contain == ("14,99",)


def test_tables_and_empty_texts_make_none() -> None:
    assert asked("## Quels prix ?\n\n| a | b |\n|---|---|\n| 1 | 2 |\n") == []
    assert asked("") == []
