"""Who is denied, how many, and whether they must."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.guards.modality import denied, differ, forces


@pytest.mark.parametrize(
    ("said", "evidence", "contradicts"),
    [
        ("Tous les clients paient.", "Certains clients paient.", True),
        ("Certains clients paient.", "Tous les clients paient.", False),
        ("Every plan includes calls.", "Most plans include calls.", True),
        ("Le service est toujours ouvert.", "Le service est souvent ouvert.", True),
        ("La caution est facultative.", "La caution est obligatoire.", True),
        ("You must pay.", "You can pay.", True),
        ("You may pay.", "You must pay.", True),
        ("You must not pay.", "You may pay.", False),
        ("Vous ne devez pas payer.", "Vous pouvez payer.", False),
        ("Il n'est pas du tout ouvert.", "Certains sont ouverts.", False),
        ("The fee is due on May 12.", "The fee must be paid.", False),
        ("Tous les mobiles marchent.", "Certains clients paient, tous les mobiles marchent.", False),
        ("Les clients paient.", "Certains clients paient.", False),
    ],
)
def test_what_contradicts(said: str, evidence: str, contradicts: bool) -> None:
    assert differ(forces(said), forces(evidence)) == contradicts


def test_what_is_denied_stands_by_its_denial() -> None:
    assert denied("It never costs anything.") == {"costs", "anythi"}
    assert denied("No, it is free.") == frozenset()
    assert denied("I am not sure about the price.") == frozenset()


WORDS = [
    "tous",
    "certains",
    "clients",
    "must",
    "may",
    "fibre",
    "pas",
    "toujours",
    ",",
    ".",
    "all",
    "some",
    "souvent",
    "costs",
]


@given(st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join))
def test_a_text_never_contradicts_itself_copied(text: str) -> None:
    of = forces(text)
    assert not differ(of, of)
    assert forces(text.upper()) == of
