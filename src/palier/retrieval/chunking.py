"""A document's text to passages: small enough for one vector, whole enough to be quoted."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from palier.types import Passage

MIN_CHARACTERS = 350
"""A passage is closed at the first good boundary from here on; the last of a section may be shorter."""
MAX_CHARACTERS = 900
"""No passage is longer."""
_STRETCH = 20_000
"""Characters handed to the splitter at once: its time grows with the square of an unbroken block's length."""


def split(document: str, text: str) -> list[Passage]:
    """The passages of `text` (Markdown, or plain), in order, for the document named `document`.

    `text[p.start:p.end] == p.text` for each; between passages there is only white space, so that every other
    character is in exactly one; none is longer than `MAX_CHARACTERS`. `Passage.heading` is the path of headings that
    holds for all of the passage, from the first level down, joined by " > ".
    """
    from semantic_text_splitter import MarkdownSplitter

    splitter = MarkdownSplitter((MIN_CHARACTERS, MAX_CHARACTERS))
    sections = _sections(text)
    passages: list[Passage] = []
    for begin, end in _stretches(text):
        for offset, chunk in splitter.chunk_indices(text[begin:end]):
            if not chunk.strip():  # the separators of ASCII are white space to Python, not to the splitter
                continue
            start, stop = begin + offset, begin + offset + len(chunk)
            heading = _heading(text, sections, start, stop)
            passages.append(
                Passage(document=document, index=len(passages), text=chunk, start=start, end=stop, heading=heading)
            )
    return passages


def split_all(texts: Sequence[tuple[str, str]]) -> list[list[Passage]]:
    """`split` for many (document, text): one task of a worker process."""
    return [split(document, text) for document, text in texts]


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """Consecutive spans that make up `text`, cut at a blank line if there is one, else a line, a sentence, a space."""
    begin = 0
    while len(text) - begin > _STRETCH:
        limit = begin + _STRETCH
        for boundary in ("\n\n", "\n", ". ", " "):
            cut = text.rfind(boundary, begin + _STRETCH // 2, limit)
            if cut >= 0:
                cut += boundary == ". "  # the full stop is its sentence's
                break
        else:
            cut = limit
        yield begin, cut
        begin = cut
    yield begin, len(text)


class _Section(NamedTuple):
    """From a heading to the next: where its heading starts, where its body starts, the titles down to its own."""

    start: int
    body: int
    path: tuple[str, ...]


_LINE = re.compile(r"^ {0,3}(?:(?P<fence>`{3,}|~{3,})|(?P<marks>#{1,6})[ \t]+(?P<title>[^\n]*?)[ \t#]*$)", re.MULTILINE)


def _sections(text: str) -> list[_Section]:
    """The sections of `text` by its ATX headings outside fenced code; the first is what stands before any."""
    sections = [_Section(0, 0, ())]
    path: list[tuple[int, str]] = []
    fence = ""
    for line in _LINE.finditer(text):
        if mark := line["fence"]:
            if not fence:
                fence = mark
            elif mark.startswith(fence):
                fence = ""
        elif not fence and (title := _plain(line["title"])):
            level = len(line["marks"])
            path = [*(above for above in path if above[0] < level), (level, title)]
            sections.append(_Section(line.start(), line.end(), tuple(title for _, title in path)))
    return sections


def _plain(title: str) -> str:
    """Without Markdown's marks: emphasis, code, the address of a link."""
    return re.sub(r"[*`]+|\[([^\]]*)\]\([^)]*\)", r"\1", title).strip()


def _heading(text: str, sections: Sequence[_Section], start: int, end: int) -> str:
    """What the sections that [start, end) holds text of have in common; its last heading where it holds none."""
    first = bisect.bisect_right(sections, start, key=lambda section: section.start) - 1
    last = bisect.bisect_left(sections, end, key=lambda section: section.start)
    ends = [section.start for section in sections[first + 1 : last]] + [end]
    paths = [
        section.path
        for section, until in zip(sections[first:last], ends, strict=True)
        if not _blank(text, max(section.body, start), until)
    ]
    return " > ".join(_shared(paths or [sections[last - 1].path]))


def _shared(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The longest beginning that all `paths` have."""
    levels = itertools.takewhile(lambda titles: len(set(titles)) == 1, zip(*paths, strict=False))
    return tuple(titles[0] for titles in levels)


def _blank(text: str, start: int, end: int) -> bool:
    return not text[start:end].strip()
