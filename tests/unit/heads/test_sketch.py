"""Texts known again by a few of their hashes."""

from __future__ import annotations

import pytest

from palier.heads.sketch import KEPT, hashed, share, sketch


def test_a_few_texts_are_all_known_again() -> None:
    kept = sketch(f"Résilier l'offre {n}" for n in range(30))
    assert share(kept, map(hashed, [f"resilier l’OFFRE {n} !" for n in range(30)])) == 1.0
    assert share(kept, map(hashed, [f"other {n}" for n in range(30)])) == 0.0
    assert share(kept, map(hashed, [f"Résilier l'offre {n}" for n in range(15, 45)])) == 0.5


def test_of_many_the_share_is_told_by_some() -> None:
    kept = sketch(f"text {n}" for n in range(20_000))
    assert len(kept) == KEPT
    assert share(kept, map(hashed, [f"text {n}" for n in range(5_000)])) == 1.0
    assert share(kept, map(hashed, [f"text {n}" for n in range(15_000, 25_000)])) == pytest.approx(0.5, abs=0.06)


def test_what_cannot_be_told_is_not() -> None:
    assert share((), map(hashed, ["a"] * 10)) is None
    assert share(sketch(["a", "b"]), map(hashed, ["a"])) is None
