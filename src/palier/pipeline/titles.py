"""Titles of documents as an answer of palier's own names them: words alone, whatever a file or its author put there.

What an answer says may be rendered. So a title keeps nothing that a renderer takes for a link, an image, a tag, a form
or a citation `[n]`, and nothing that cannot be seen; the name of a file is read as words.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 120
"""Characters; what is longer is cut."""
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_TAG = re.compile(r"<[A-Za-z/!?][^<>]*>")
_OPEN = re.compile(r"<(?=[A-Za-z/!?])")
_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*:/+|:/{2,}|\bwww\.", re.IGNORECASE)
_SIGNS = re.compile(r"[*`|]+|~~+|^[#>\s]+|\s#*\s*$")
_LOOSE = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
_BRACKETS = str.maketrans("[]", "()")
_JOINERS = "\u200c\u200d"
"""Of scripts and emoji: parts of words."""


def told(title: str) -> str:
    """`title`, to stand in a sentence; empty where nothing of it can be said."""
    seen = "".join(
        c if c in _JOINERS else " " if c.isspace() else "" if unicodedata.category(c)[0] == "C" else c for c in title
    )
    words = _SIGNS.sub("", _TAG.sub(" ", _LINK.sub(r"\1", seen)))
    while (bare := _ADDRESS.sub("", _OPEN.sub("", words))) != words:  # of one within another too
        words = bare
    words = _LOOSE.sub(" ", words) if " " in words.strip() else words.replace("_", " ")
    words = " ".join(words.translate(_BRACKETS).split())
    return words if len(words) <= LONGEST else f"{words[:LONGEST].rstrip()}…"
