"""Text that was written beforehand, given as a model would give it: token by token, cut where the request says."""

from __future__ import annotations

import re

from palier.types import Parameters


def tokens(text: str) -> list[str]:
    """Words with the space before them; they join to `text`."""
    return re.findall(r"\s*\S+|\s+$", text)


def cut(text: str, parameters: Parameters) -> tuple[str, str]:
    """`text` as `stop` and `max_tokens` leave it, and why it ends: `stop` or `length`."""
    ends = [end for stop in parameters.stop if (end := text.find(stop)) >= 0]
    text = text[: min(ends)] if ends else text
    words = tokens(text)
    if parameters.max_tokens is not None and len(words) > parameters.max_tokens:
        return "".join(words[: parameters.max_tokens]), "length"
    return text, "stop"
