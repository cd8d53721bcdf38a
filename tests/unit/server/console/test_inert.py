"""Hostile text is shown, and does nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from palier.server.console.inert import BIDI, cited, safe_link, visible

ANY = st.text(st.one_of(st.characters(), st.sampled_from(BIDI + "\x1b\x00\r\n\t\ufeff<>&\"'[1]")))


@given(ANY)
@example("\r\r\n")
def test_nothing_unseen_is_left(text: str) -> None:
    shown = visible(text)
    left = {c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"}
    assert not left
    assert not set(shown) & set(BIDI)
    assert visible(shown) == shown, "what is shown is shown as it is"


def test_what_cannot_be_seen_is_named() -> None:
    assert visible("a\u202eb\x1b[31m") == "a⟨U+202E⟩b⟨U+001B⟩[31m"
    assert visible("الرسالة 👩‍🚒 é") == "الرسالة 👩‍🚒 é", "scripts and emoji are as they are"


@given(ANY, st.frozensets(st.integers(0, 99), max_size=5))
@example("[1] <a> [2]", frozenset({1}))
def test_marks_lead_to_sources_and_the_rest_is_escaped(text: str, numbers: frozenset[int]) -> None:
    shown = cited(text, numbers, "s")
    assert isinstance(shown, Markup)
    assert shown.striptags() or not text.strip() or "<" in text
    without = shown
    for n in (*numbers, *(f"{n:02}" for n in numbers), *(f"{n:03}" for n in numbers)):
        without = Markup(str(without).replace(f'<a class="mark" href="#s-{n}">[{n}]</a>', f"[{n}]"))
    assert without == escape(visible(text))


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://example.org/a?b=c#d", True),
        ("http://example.org", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("data:text/html,<script>", False),
        ("//example.org", False),
        ("https://", False),
        ("https://exa\u202emple.org", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_links_of_the_web_lead_anywhere(url: str, safe: bool) -> None:
    assert bool(safe_link(url)) is safe
