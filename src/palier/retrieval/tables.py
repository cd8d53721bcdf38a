"""Tables to sentences: a row that carries its headers can be found, embedded and quoted by itself."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from palier.errors import InvalidRequest

MAX_COLUMNS = 200
_DELIMITERS = ";,\t|"
_SAMPLE_LINES = 50


def row(headers: Sequence[str], values: Sequence[str]) -> str:
    """One row as a list item: `- Numéro: AT-1; Nom: Le Gall`. Empty cells are left out; "" where all are.

    A value without a header stands alone; underscores of a header become spaces.
    """
    parts = []
    for i, value in enumerate(values):
        words = " ".join(value.split())
        header = " ".join(headers[i].replace("_", " ").split()).rstrip(" :") if i < len(headers) else ""
        if words:
            parts.append(f"{header}: {words}" if header else words)
    return "- " + "; ".join(parts) if parts else ""


def from_csv(text: str) -> str:
    """A CSV text, its delimiter found, as one list item a row. The first row is the header.

    Raises `InvalidRequest` where it is no table: a quote that never ends, more than 200 columns.
    """
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [values for values in reader if any(value.strip() for value in values)]
    except csv.Error as error:
        raise InvalidRequest(f"not a CSV file: line {reader.line_num}: {error}") from None
    if rows and max(map(len, rows)) > MAX_COLUMNS:
        raise InvalidRequest(f"not a CSV file: a row has more than {MAX_COLUMNS} columns")
    if len(rows) == 1:
        return row((), rows[0])
    return "\n".join(row(rows[0], values) for values in rows[1:])


def _delimiter(text: str) -> str:
    """The mark that splits the first lines into the most columns, evenly; comma where none does.

    `csv.Sniffer` guesses from letter frequencies and takes a French decimal comma for the delimiter.
    """
    sample = "".join(text.splitlines(keepends=True)[:_SAMPLE_LINES])[:100_000]

    def evenness(delimiter: str) -> tuple[float, int]:
        widths = [len(values) for values in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if values]
        if not widths or widths[0] == 1:
            return (0.0, 0)
        return (sum(width == widths[0] for width in widths) / len(widths), widths[0])

    return max(_DELIMITERS, key=evenness) if max(map(evenness, _DELIMITERS)) > (0.0, 0) else ","


_TABLE = re.compile(
    r"^[ \t]*\|.*\|[ \t]*\n"  # the header
    r"[ \t]*\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*(?:\n|\Z)"  # the rule under it
    r"(?:[ \t]*\|.*(?:\n|\Z))*",  # the rows
    re.MULTILINE,
)
_CELL = re.compile(r"(?<!\\)\|")


def flatten(markdown: str, *, drawn: bool = False) -> str:
    """Markdown with its tables as list items, each row with its headers.

    `drawn` says that the tables were guessed from a page's layout (PDF): one whose header is not one but the beginning
    of a sentence is running text again.
    """
    return _TABLE.sub(lambda table: "\n".join(_items(table.group(), drawn)) + "\n", markdown)


def _items(table: str, drawn: bool) -> Iterator[str]:
    lines = table.strip().splitlines()
    header, *rows = (_cells(line) for i, line in enumerate(lines) if i != 1)
    if drawn and sum(cell[:1].islower() for cell in header) > len(header) / 2:
        yield " ".join(" ".join(cells) for cells in (header, *rows))
    elif rows:
        yield from filter(None, (row(header, cells) for cells in rows))
    else:
        yield row((), header)


def _cells(line: str) -> list[str]:
    return [cell.replace("\\|", "|").strip() for cell in _CELL.split(line.strip().removeprefix("|").removesuffix("|"))]
