"""Agreement of two texts: words in any order, numbers the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.metrics.text import agreement, numbers_agree, token_f1


@pytest.mark.parametrize(
    ("text", "reference", "expected"),
    [
        ("The bell rings at noon", "the bell rings at noon.", 1.0),
        ("L'été à l'œuvre", "l ete a l oeuvre", 1.0),
        ("the bell", "at noon", 0.0),
        ("the bell rings", "the bell", 0.8),
        ("bell bell bell", "bell", 0.5),
        ("", "", 1.0),
        ("", "noon", 0.0),
        ("At noon [1].", "At noon [2][3].", 1.0),
        ("1. at noon\n2. at dusk", "- at noon\n- at dusk", 1.0),
    ],
)
def test_f1_of_words(text: str, reference: str, expected: float) -> None:
    assert token_f1(text, reference) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("29,99 € par mois", "It is 29.99 a month"),
        ("le 3 mars 2026", "on 2026-03-03"),
        ("le 3 mars", "on March 3, 2026"),
        ("10 000 lignes", "10,000 lines"),
        ("02 61 91 00 10", "+33 2 61 91 00 10"),
        ("29.99 euros for 12 months", "29.99 euros"),
        ("no number", "nor here [3]"),
        ("50 %", "50 percent"),
    ],
)
def test_numbers_that_agree(text: str, reference: str) -> None:
    assert numbers_agree(text, reference)
    assert numbers_agree(reference, text)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("29.99 euros", "39.99 euros"),
        ("2 years", "3 years"),
        ("29.99 euros for 12 months", "29.99 euros for 24 months"),
        ("It is dear", "It is 29.99 euros"),
        ("le 3 mars 2026", "le 3 mars 2025"),
        ("le 3 mars", "le 13 mars 2026"),
        ("-5 degrees", "15 degrees"),
    ],
)
def test_numbers_that_do_not(text: str, reference: str) -> None:
    assert not numbers_agree(text, reference)
    assert not numbers_agree(reference, text)
    assert agreement(text, reference) == 0.0


def test_a_wrong_number_in_the_same_words_is_no_agreement() -> None:
    text, reference = "The fibre costs 29.99 euros a month", "The fibre costs 39.99 euros a month"
    assert token_f1(text, reference) > 0.8
    assert agreement(text, reference) == 0.0
    assert agreement(text, text) == 1.0


@given(st.text(max_size=60), st.text(max_size=60))
def test_symmetric_and_within_bounds(text: str, reference: str) -> None:
    found = agreement(text, reference)
    assert 0.0 <= found <= 1.0
    assert found == agreement(reference, text)
    assert agreement(text, text) == 1.0
