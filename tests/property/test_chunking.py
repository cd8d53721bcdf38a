"""The laws of chunking: exact offsets, in order, nothing lost, nothing longer than the limit."""

from hypothesis import given, settings
from hypothesis import strategies as st

from palier.retrieval.chunking import MAX_CHARACTERS, split

WORDS = st.sampled_from(
    [
        "fibre",
        "l'été",
        "12,50 €",
        "🏔️",
        "# ",
        "## Prix",
        "\n",
        "\n\n",
        "\r\n",
        "- ",
        "|",
        "---",
        "```",
        "> ",
        "[a](b)",
        "\t",
        "\u00a0",
    ]
)
MARKED = st.lists(WORDS, max_size=400).map(" ".join)
ANY = st.text(max_size=3000)
REPEATED = st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=60), st.integers(1, 800))


@given(st.one_of(MARKED, ANY, REPEATED))
@settings(max_examples=200, deadline=None)
def test_passages_are_the_text(text):
    passages = split("d", text)
    position = 0
    for i, passage in enumerate(passages):
        assert (passage.document, passage.index) == ("d", i)
        assert text[passage.start : passage.end] == passage.text
        assert 0 < len(passage.text) <= MAX_CHARACTERS
        assert passage.text.strip()
        assert not text[position : passage.start].strip(), "only white space lies between"
        position = passage.end
    assert not text[position:].strip()


@given(st.lists(st.integers(1, 3), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_heading_path_names_the_section(levels):
    """Long sections: every passage stands in one, and its path ends with that section's title."""
    filling = "Une phrase de remplissage qui ne dit rien de plus. " * 12
    text = "".join(f"{'#' * level} Titre {i}\n\n{filling}\n\n" for i, level in enumerate(levels))
    for passage in split("d", text):
        inside = [i for i in range(len(levels)) if text.index(f" Titre {i}\n") <= passage.end - 100]
        assert passage.heading.split(" > ")[-1] == f"Titre {inside[-1]}"
