"""What a client would fetch or link to: answers rendered as Markdown with HTML, as browsers read the result."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

_TABLES = MarkdownIt("gfm-like", {"html": True, "linkify": False})
_COMMON = MarkdownIt("commonmark", {"html": True})

LOADS = ("src", "srcset", "data", "poster", "background", "style", "xlink:href", "action", "formaction", "ping", "cite")

_WORDS = r"(?:^|(?<=[\s*_~(\"'|>]))"
BARE = re.compile(
    rf"{_WORDS}(?:(?:https?|ftp)://[^\s<]+|www\.[\w-]+\.[^\s<]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    rf"|(?:^|(?<=[\s*~(\"'|>]))(?://)?(?:[\w-]+\.)+(?:com|net|org|fr|xyz)\b[/?#:][^\s<]+",
    re.IGNORECASE,
)
"""What clients make links of by themselves, at the least."""


class Seen(HTMLParser):
    """Gathers the destinations of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.loads: list[str] = []
        self.links: list[str] = []
        self._depth = 0

    def feed(self, data: str) -> None:
        super().feed(data.replace("<![", "&lt;!["))  # which the standard library's parser refuses

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in LOADS or name.startswith("on"):
                self.loads.append(value or "")
            elif name == "href":
                (self.links if tag == "a" else self.loads).append(value or "")
        self._depth += tag in ("a", "code", "pre")

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag in ("a", "code", "pre")

    def handle_data(self, data: str) -> None:
        if self._depth <= 0:
            self.links += BARE.findall(data)


def destinations(text: str) -> tuple[list[str], list[str]]:
    """What is loaded by itself and what is linked to, by any of the renderers."""
    loads: list[str] = []
    links: list[str] = []
    for page in (_COMMON.render(text), _TABLES.render(text)):
        seen = Seen()
        seen.feed(page)
        seen.close()
        loads += seen.loads
        links += seen.links
    raw = Seen()  # a client that takes it for HTML
    raw.feed(text)
    raw.close()
    return loads + raw.loads, links + raw.links


def leaves(url: str) -> bool:
    """Whether a browser would go elsewhere, or run something, for `url`: anything but a path of the same page."""
    plain = re.sub(r"[\t\r\n]", "", url.strip("".join(map(chr, range(33))))).replace("\\", "/")
    return (
        bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", plain))
        or bool(re.search(r"\w@\w", plain))
        or bool(BARE.search(plain))
    )
