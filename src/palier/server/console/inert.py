"""Text from anywhere, made harmless to look at: what would steer a reader's eye or a terminal is shown instead.

Markup is made harmless by the templates, which escape whatever they are given. What escaping leaves are characters that
have no shape of their own: control characters, and those that turn the direction of what follows (Trojan Source).
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from markupsafe import Markup, escape

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""What turns the direction of text."""
UNSEEN = "\u00ad\u180e\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\ufff9\ufffa\ufffb"
"""What takes no place. The joiners of scripts and emoji (U+200C, U+200D) are left: they are part of words."""
_CONTROLS = "".join(chr(code) for code in (*range(9), *range(11, 32), *range(127, 160)))
_ODD = re.compile(f"[{re.escape(_CONTROLS + BIDI + UNSEEN)}\U000e0000-\U000e007f\ud800-\udfff]")
_MARK = re.compile(r"\[(\d{1,3})\]")


def visible(text: str) -> str:
    """`text` with what cannot be seen as its code point: `⟨U+202E⟩`. Line feeds and tabs stay."""
    return _ODD.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text.replace("\r\n", "\n"))


def safe_link(url: str) -> str:
    """`url` if a browser may be led there, else empty: of the web, and with nothing odd in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    plain = not _ODD.search(url) and not any(unicodedata.category(c) in ("Zs", "Zl", "Zp") for c in url)
    return url if plain and parts.scheme in ("http", "https") and parts.hostname else ""


def cited(text: str, numbers: frozenset[int], place: str) -> Markup:
    """`text`, escaped, in which `[n]` leads to the source `PLACE-n` where there is one."""
    found, end = [], 0
    shown = visible(text)
    for mark in _MARK.finditer(shown):
        if int(mark[1]) in numbers:
            found.append(escape(shown[end : mark.start()]))
            found.append(Markup('<a class="mark" href="#{}-{}">{}</a>').format(place, mark[1], mark[0]))
            end = mark.end()
    return Markup("").join([*found, escape(shown[end:])])
