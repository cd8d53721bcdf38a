"""Sentences beside their passages: where they stand, what they cite."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from palier.guards.claims import cites
from palier.guards.compared import MAX_SENTENCES, compare, spans


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in spans(text)]


def test_a_citation_belongs_to_the_sentence_before_it() -> None:
    assert cut("It costs 30 euros. [1] It comes on Monday [2].") == [
        "It costs 30 euros. [1]",
        "It comes on Monday [2].",
    ]
    assert cut("It costs 30 euros. [1][2]") == ["It costs 30 euros. [1][2]"]
    assert cut("[1] It costs 30 euros.") == ["[1] It costs 30 euros."]
    assert cites("It costs 30 euros [2][1, 3] and [2] more.") == (2, 1, 3)


def test_what_is_compared() -> None:
    found = compare(
        "Hello! The fibre is cheap for all of us [2].", "", ("The fibre is cheap for you.", "La fibre est chère.")
    )
    first, second = found.sentences
    assert not first.claims
    assert second.claims
    assert second.text == "The fibre is cheap for all of us."
    assert second.foreign == (1,)
    assert second.together is None, "one passage only is in its language"
    assert len(second.alone) == 2
    assert found.windows == {1: ("La fibre est chère.",)}
    assert not found.more


def test_of_very_many_sentences_it_says_so() -> None:
    found = compare("The fibre is cheap.\n" * (MAX_SENTENCES + 1), "", ("The fibre is cheap.",))
    assert len(found.sentences) == MAX_SENTENCES
    assert found.more


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["Yes.", "It", "[1]", "[2,3]", "is.", "\n", "-", "3", "€", "?", "!", "[99]"])).map(
        " ".join
    )
)
def test_spans_lie_in_the_text_one_after_another(text: str) -> None:
    found = spans(text)
    assert all(0 <= start < end <= len(text) for start, end in found)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(found))
    rest = "".join(text[a:b] for (_, a), (b, _) in itertools.pairwise([(0, 0), *found, (len(text), 0)]))
    assert not rest.strip()
