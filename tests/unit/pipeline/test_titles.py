"""A title that is named says its words, and nothing that does something."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.pipeline.titles import LONGEST, told


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Fibre offers 2025", "Fibre offers 2025"),
        ("grille_tarifaire_2025", "grille tarifaire 2025"),
        ("support/faq_mobile.md", "support/faq mobile.md"),
        ("Setting MAX_SIZE by hand", "Setting MAX_SIZE by hand"),
        ("The _new_ **price** list `v2`", "The new price list v2"),
        ("## Moving house ##", "Moving house"),
        ("[Offers](https://evil.example/?q=1) of May", "Offers of May"),
        ("![x](https://evil.example/p.png)", "x"),
        ("See [the guide][1]", "See the guide"),
        ("Guide [2]", "Guide (2)"),
        ("<b>Prices</b> <img src=x onerror=alert(1)>", "Prices"),
        ("<script", "script"),
        ("a < b", "a < b"),
        ("https://evil.example/page", "evil.example/page"),
        ("hthttp://tp://www.evil.example", "evil.example"),
        ("Pri\u202ece\u200b\x1b[31m list\n\x00", "Price(31m list"),
        ("C# and F#, ~30 pages", "C# and F#, ~30 pages"),
        ("F#", "F#"),
        ("Ça coûte 29,99 €/mois", "Ça coûte 29,99 €/mois"),
        ("👩\u200d💻 at home", "👩\u200d💻 at home"),
        ("://evil.example", "evil.example"),
        ("***", ""),
        ("\u202e\n", ""),
    ],
)
def test_what_is_said_of_a_title(title: str, words: str) -> None:
    assert told(title) == words


@settings(max_examples=500)
@given(st.text(alphabet="ab _[]()<>!*`|~#:/w.\\\u202e\n\x1b", max_size=60) | st.text(max_size=60))
def test_nothing_of_it_is_a_link_a_tag_or_a_citation(title: str) -> None:
    words = told(title)
    assert not re.search(r"[\[\]*`|\n\x00-\x1f\x7f\u202a-\u202e]|<[A-Za-z/!?]|://|\bwww\.", words)
    assert words == " ".join(words.split())
    assert len(words) <= LONGEST + 1


def test_a_long_one_is_cut() -> None:
    assert told("word " * 100) == f"{('word ' * 100)[:LONGEST].rstrip()}…"
