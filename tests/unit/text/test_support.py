"""Whether what is said stands elsewhere; whether a text declines."""

from __future__ import annotations

import pytest

from palier.text import figures, fold
from palier.text.declining import declining
from palier.text.support import read, share, stands, values


def test_words_are_read_by_their_first_letters() -> None:
    found = read("Les télévisions de l'Hiver")
    assert found.line == " les televisions de l hiver "
    assert found.stems == {"televi", "hiver"}
    assert share(found.stems, read("télévision").stems) == 0.5
    assert share(frozenset(), found.stems) == 0.0


@pytest.mark.parametrize(
    ("said", "known", "expected"),
    [
        ("29,99", "29.99 €", True),
        ("29,99 €", "29.99", False),
        ("50", "50 %", True),
        ("3 mars", "2026-03-03", True),
        ("3 mars 2026", "3 mars", False),
        ("29,99", "29.95", False),
    ],
)
def test_a_figure_stands_where_as_much_or_more_is_said(said: str, known: str, expected: bool) -> None:
    (figure,) = figures(said)
    assert stands(figure, values(known)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Je n'ai aucune information.", True), ("It is NOT mentioned", True), ("Il est midi.", False), ("", False)],
)
def test_declining(text: str, expected: bool) -> None:
    assert declining(fold(text)) is expected
