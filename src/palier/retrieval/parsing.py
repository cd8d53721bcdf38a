"""A file to the texts in it: PDF, DOCX, HTML, Markdown, text, CSV, JSON lines. Runs in a worker, touches no network.

The text that comes out is Markdown, whatever went in, so that `chunking` knows its headings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePath

import msgspec

from palier import text as texts
from palier.errors import InvalidRequest, TooLarge, unfit
from palier.retrieval import extraction, front_matter, tables
from palier.retrieval.decoding import decode
from palier.types import JSON, Data, Label

VERSION = "1"
"""Changes when a file would give another text, so that what was ingested before is ingested again."""
MAX_TEXT = 20_000_000
"""Characters that a document may have."""
MAX_LINES = 200_000
"""Documents of a JSON lines file."""
_MAX_ID = 500
_MAX_TITLE = 300


class Parsed(Data, frozen=True, kw_only=True):
    """A document of a file. `id` is "" where the file is one document; `label` and `groups` are None if it has none."""

    text: str
    id: str = ""
    title: str = ""
    url: str = ""
    language: str = ""
    label: Label | None = None
    groups: tuple[str, ...] | None = None
    metadata: JSON = msgspec.field(default_factory=dict)
    where: str = ""
    """The line of a JSON lines file."""
    warning: str = ""
    """What was passed over in it."""


class Fault(Data, frozen=True, kw_only=True):
    """A line of a JSON lines file that could not be read, and why."""

    where: str
    error: str


def parse_file(path: str, max_bytes: int, language: str = "") -> list[Parsed | Fault]:
    """`parse` of the file at `path`. Raises `TooLarge` before it has read more than `max_bytes`, and `OSError`."""
    file = Path(path)
    with file.open("rb") as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise TooLarge(f"has more than {max_bytes / 2**20:.3g} MB", hint="split it, or raise [workers] max_file_mb")
    return parse(file.name, content, language)


def parse(name: str, content: bytes, language: str = "") -> list[Parsed | Fault]:
    """The documents of a file, its kind told by the suffix of `name`. Only JSON lines hold several, and faults.

    `language` is that of documents that do not say theirs; without it, it is detected. Raises `InvalidRequest` for
    what is broken, empty, binary or of no known kind; `TooLarge` for what expands to more than `MAX_TEXT`.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in KINDS:
        raise InvalidRequest(f"{suffix or 'no suffix'} is no known kind", hint=f"one of {', '.join(KINDS)}")
    documents = KINDS[suffix](content)
    return [_complete(document, name, language) if isinstance(document, Parsed) else document for document in documents]


def _complete(document: Parsed, name: str, language: str) -> Parsed:
    """With a title and a language, looked for in the text where the file names none."""
    body = document.text
    if len(body) > MAX_TEXT:
        raise TooLarge(f"expands to {len(body):,} characters; the limit is {MAX_TEXT:,}")
    if not body.strip():
        raise InvalidRequest("there is no text in it", hint="a scanned page needs OCR first")
    title = document.title or _first_heading(body) or ("" if document.id else PurePath(name).stem)
    title = " ".join(re.sub(r"[*`]+", "", title).split())[:_MAX_TITLE]
    language = document.language or language or texts.detect(f"{title}. {body[:2000]}")
    return msgspec.structs.replace(document, title=title, language=language)


_HEADING = re.compile(r"^#{1,2}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)


def _first_heading(text: str) -> str:
    """The first heading, or the first line where it is short and stands alone."""
    if heading := _HEADING.search(text[:5000]):
        return heading[1]
    first, _, rest = text.lstrip().partition("\n")
    return first if rest.startswith("\n") and len(first) <= 120 and not first.startswith(("- ", "* ", "|")) else ""


def _extracted(read: Callable[[bytes], extraction.Extracted]) -> Callable[[bytes], list[Parsed | Fault]]:
    def documents(content: bytes) -> list[Parsed | Fault]:
        text, title, language, metadata = read(content)
        return [Parsed(text=text, title=title, language=language, metadata=metadata or {})]

    return documents


def _text(content: bytes) -> list[Parsed | Fault]:
    return [Parsed(text=decode(content))]


def _csv(content: bytes) -> list[Parsed | Fault]:
    return [Parsed(text=tables.from_csv(decode(content)))]


def _markdown(content: bytes) -> list[Parsed | Fault]:
    matter, body = front_matter.split(decode(content))
    label, groups = matter.pop("label", None), matter.pop("groups", None)
    if label is not None and label not in tuple(Label):
        raise InvalidRequest(f"its front matter has the label {label!r}", hint=f"one of {', '.join(Label)}")
    return [
        Parsed(
            text=tables.flatten(body),
            title=str(matter.pop("title", "")),
            url=str(matter.pop("url", "")),
            language=str(matter.pop("language", matter.pop("lang", ""))),
            label=None if label is None else Label(label),
            groups=None if groups is None else tuple(groups if isinstance(groups, list) else [str(groups)]),
            metadata=matter,
        )
    ]


class _Line(msgspec.Struct, frozen=True):
    """A document as a JSON line (docs/reference/jsonl.md)."""

    id: str
    text: str
    title: str = ""
    url: str = ""
    language: str = ""
    label: Label | None = None
    groups: tuple[str, ...] | None = None
    metadata: JSON = msgspec.field(default_factory=dict)


class _KnownLine(_Line, frozen=True, forbid_unknown_fields=True):
    """A line without a field that nobody reads: it may be a label misspelt."""


def _json_lines(content: bytes) -> list[Parsed | Fault]:
    lines = [(i, line) for i, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1) if line.strip()]
    if not lines:
        raise InvalidRequest("there is no line in it")
    if len(lines) > MAX_LINES:
        raise TooLarge(f"has {len(lines):,} lines; the limit is {MAX_LINES:,}", hint="split it")
    strict, lenient = msgspec.json.Decoder(_KnownLine), msgspec.json.Decoder(_Line)
    return [_json_line(strict, lenient, line, f"line {number}") for number, line in lines]


def _json_line(
    strict: msgspec.json.Decoder[_KnownLine], lenient: msgspec.json.Decoder[_Line], content: bytes, where: str
) -> Parsed | Fault:
    warning = ""
    line: _Line
    try:
        try:
            line = strict.decode(content)
        except msgspec.ValidationError as error:
            line, warning = lenient.decode(content), f"{where}: {unfit(error)}"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Fault(where=where, error=str(error))
    if not line.id.strip() or not line.text.strip():
        return Fault(where=where, error="`id` or `text` is empty")
    if len(line.id) > _MAX_ID:
        return Fault(where=where, error=f"`id` has {len(line.id)} characters; the limit is {_MAX_ID}")
    return Parsed(**msgspec.structs.asdict(line), where=where, warning=warning)


KINDS: dict[str, Callable[[bytes], list[Parsed | Fault]]] = {
    ".pdf": _extracted(extraction.pdf),
    ".docx": _extracted(extraction.docx),
    ".html": _extracted(extraction.page),
    ".htm": _extracted(extraction.page),
    ".md": _markdown,
    ".markdown": _markdown,
    ".txt": _text,
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
"""What is understood, by suffix."""
