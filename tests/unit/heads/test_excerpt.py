"""The middle of a long text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.heads.excerpt import Excerpt


@given(st.text("ab \n", max_size=1_500))
def test_it_is_of_the_text_and_of_its_middle(text: str) -> None:
    found = Excerpt().of(text)
    stripped = text.strip()
    assert found in stripped
    assert len(found) <= (240 if len(stripped) <= 480 else 120)
    if len(stripped) <= 240:
        assert found == stripped


def test_words_are_whole_and_beginning_and_end_are_left_out() -> None:
    text = " ".join(f"word{n}" for n in range(100))
    found = Excerpt().of(f"Dear all, {text} Yours")
    assert set(found.split()) < set(text.split())
    assert len(found) > 100
    assert Excerpt().of("x" * 1000) == "x" * 120


@pytest.mark.parametrize("sizes", [(0, 10, 0), (20, 10, 5), (10, 20, 15)])
def test_sizes_fit_each_other(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="sizes"):
        Excerpt(characters=sizes[0], long=sizes[1], of_long=sizes[2])
