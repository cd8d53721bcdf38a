"""PDF, DOCX and HTML to Markdown, by kreuzberg."""

from __future__ import annotations

import html
import re
from typing import Any, NamedTuple

from palier.errors import InvalidRequest
from palier.retrieval import tables
from palier.retrieval.decoding import decode_html
from palier.types import JSON

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_KEPT = ("authors", "created_at", "modified_at", "page_count")
_NO_TITLE = ("(unspecified)", "untitled")


class Extracted(NamedTuple):
    """A text in Markdown, with what its file says of it."""

    text: str
    title: str = ""
    language: str = ""
    metadata: JSON | None = None


def pdf(content: bytes) -> Extracted:
    """The text layer of a PDF. Raises `InvalidRequest` where it is broken or locked."""
    return _document(content, "application/pdf", drawn=True)


def docx(content: bytes) -> Extracted:
    """A Word document. Raises `InvalidRequest` where it is broken or expands to more than kreuzberg allows (100 MB)."""
    return _document(content, _DOCX, drawn=False)


_LANG = re.compile(r"<html\b[^>]{0,500}?\blang\s*=\s*[\"']?([A-Za-z]{2})", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\[\]\n]{0,500})\]\([^()\n]{0,2000}\)")


def page(content: bytes) -> Extracted:
    """An HTML page without its scripts, styles, navigation, forms and the addresses of its links and images."""
    source = decode_html(content)
    language = _LANG.search(source[:5000])
    title, rest = _cut(source, "title")
    # Without its head, which kreuzberg would put before the text as if it were a part of it.
    _, body = _cut(rest, "head")
    text, _ = _extract(body.encode(), "text/html")
    return Extracted(
        text=tables.flatten(_LINK.sub(r"\1", text)),
        title=html.unescape(title.partition(">")[2]),
        language=language[1].lower() if language else "",
    )


def _cut(source: str, tag: str) -> tuple[str, str]:
    """The first element `tag`, from after its name to its end, and the page without it."""
    opening = re.search(rf"<{tag}\b", source, re.IGNORECASE)
    closing = re.compile(rf"</{tag}\s*>", re.IGNORECASE).search(source, opening.end()) if opening else None
    if not opening or not closing:
        return "", source
    return source[opening.end() : closing.start()], source[: opening.start()] + source[closing.end() :]


def _document(content: bytes, mime: str, *, drawn: bool) -> Extracted:
    body, metadata = _extract(content, mime)
    title = str(metadata.get("title") or "")
    return Extracted(
        text=tables.flatten(body, drawn=drawn),
        title="" if title.lower() in _NO_TITLE else title,
        metadata={key: metadata[key] for key in _KEPT if metadata.get(key)},
    )


_AGAIN = re.compile(r"(?<![^ ])(\S.*?)(?:: \1)+(?![^:])")


def _said_once(error: str) -> str:
    """What went wrong, without what kreuzberg says of each layer that passed it on: the same words again."""
    return _AGAIN.sub(r"\1", error)


_ESCAPED = re.compile(r"\\([!-{}~])")


def _extract(content: bytes, mime: str) -> tuple[str, dict[str, Any]]:
    """Markdown and metadata. No cache (the default keeps every text on disk), no OCR, nothing looked up elsewhere."""
    from kreuzberg import ExtractionConfig, extract_bytes_sync

    config = ExtractionConfig(
        use_cache=False,
        output_format="markdown",
        html_options={
            "autolinks": False,
            "preprocessing": {"enabled": True, "preset": "aggressive", "remove_navigation": True, "remove_forms": True},
        },
    )
    try:
        result = extract_bytes_sync(content, mime, config=config)
    except Exception as error:
        raise InvalidRequest(f"cannot be read: {_said_once(' '.join(str(error).split())[:300])}") from None
    # Punctuation as it was written: kreuzberg escapes it. The bar, which splits cells, is left to `tables`.
    return _ESCAPED.sub(r"\1", result.content), dict(result.metadata)
