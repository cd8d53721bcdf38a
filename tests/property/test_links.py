"""Laws of inert links, over texts made of what such links are made of."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.rendered import destinations, leaves

from palier.privacy.links import HOLD, InertLinks

EVIDENCE = ("See https://docs.example.net/a/b?x=1 and ![p](https://img.example.org/p.png), mail help@example.org.",)
ALLOWED = ("ok.example.com", "*.cdn.example.com")

PIECES = [
    *(
        "https",
        "http",
        "ftp",
        "javascript",
        "data",
        "mailto",
        "www",
        ":",
        "/",
        "//",
        "://",
        "\\",
        ".",
        "..",
        "@",
        "?",
        "#",
    ),
    *(
        "[",
        "]",
        "(",
        ")",
        "](",
        "![",
        "]:",
        "][",
        "<",
        ">",
        "</",
        "/>",
        "&",
        ";",
        "&#58;",
        "&colon;",
        "&#x2f;",
        "&amp;",
        "=",
    ),
    *("!", "*", "**", "_", "__", "~~", "`", "```", "|", '"', "'", "+", "$", "^", "-", ",", ":", "{", "}", "%", "%2e"),
    *(" ", "\n", "\n\n", "\t", "\r\n", "\u200b", "\u00ad", "\u00a0", "。", "／", "é", "а", "> ", "    ", "- "),
    *("evil.com", "evil.com/s", "evil", "com", "s.evil.xyz", "192.0.2.1", "img", "a", "href", "src", "style", "script"),
    *("ok.example.com", "x.cdn.example.com", "docs.example.net", "img.example.org", "help@example.org", "example.org"),
    *(
        "https://docs.example.net/a/b?x=1",
        "https://img.example.org/p.png",
        "https://ok.example.com/",
        "https://evil.com/s",
    ),
    *(
        "![a](https://evil.com/s)",
        "[a](//evil.com/s)",
        '<img src="//evil.com/s">',
        "<https://evil.com/s>",
        "[x]: ",
        "b",
        "1",
    ),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=24).map("".join) | st.text(max_size=60)
ALLOWED_URLS = ("ok.example.com", "cdn.example.com", "docs.example.net", "img.example.org", "help@example.org")


def inert() -> InertLinks:
    return InertLinks(ALLOWED, EVIDENCE)


def streamed(text: str, cuts: list[int]) -> str:
    links = inert()
    places = sorted({min(cut, len(text)) for cut in cuts})
    chunks = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    return "".join(map(links.feed, chunks)) + links.end()


@settings(max_examples=400)
@given(TEXTS, st.lists(st.integers(0, 400), max_size=12))
@example("![a](https://evil.com/s)", [5, 12, 13])
def test_a_stream_gives_what_the_whole_gives(text: str, cuts: list[int]) -> None:
    assert streamed(text, cuts) == inert().whole(text)[0]


@settings(max_examples=200)
@given(TEXTS)
@example(".https.\u00a0.")
def test_letter_by_letter_too(text: str) -> None:
    assert streamed(text, list(range(len(text)))) == inert().whole(text)[0]


@settings(max_examples=60)
@given(TEXTS, st.integers(HOLD - 40, HOLD + 40), st.sampled_from("xa/ .:]&<"), TEXTS, st.lists(st.integers(0, 2500)))
def test_nor_does_it_matter_where_the_hold_ends(head: str, long: int, of: str, tail: str, cuts: list[int]) -> None:
    text = f"{head}{of * long}{tail}"
    assert streamed(text, cuts) == inert().whole(text)[0]


@settings(max_examples=400)
@given(TEXTS)
def test_twice_is_once(text: str) -> None:
    once, _ = inert().whole(text)
    assert inert().whole(once) == (once, 0)


@settings(max_examples=600)
@given(TEXTS)
def test_nothing_leads_elsewhere(text: str) -> None:
    done, _ = inert().whole(text)
    loads, links = destinations(done)
    for url in loads + links:
        assert not leaves(url) or any(host in url for host in ALLOWED_URLS), (url, done)
    assert not [url for url in loads if "docs.example.net" in url], "of the evidence, but not as an image"


@given(TEXTS)
def test_only_signs_are_added(text: str) -> None:
    """Every letter of the answer is there, in its order."""
    done, broken = inert().whole(text)
    rest = iter(done)
    assert all(letter in rest for letter in text)
    assert len(done) - len(text) <= 60 * max(broken, 0) * 2
    assert (done == text) == (broken == 0)
