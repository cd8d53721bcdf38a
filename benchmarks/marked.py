"""Texts whose personal data is marked in place, `[[PERSON|Claire Le Goff]]`: the sets of this folder's `data`, and presidio's.

A span marked `[[~|...]]` may be found or not: it counts neither way.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"
MARK = re.compile(r"\[\[(?P<type>[A-Z_]+|~)\|(?P<value>[^\[\]]+)\]\]")
EITHER = "~"
TYPES = [
    *("PERSON", "ADDRESS", "BIRTH_DATE", "PHONE", "EMAIL", "IP", "IBAN", "CARD"),
    *("NIR", "SIREN", "SIRET", "IMEI", "IMSI", "ICCID", "US_SSN", "CUSTOMER"),
]
PATTERNS = {"CUSTOMER": "CLI-[0-9]{6}"}
"""What the sets' company would write into `[redaction] patterns`."""

PRESIDIO_TYPES = {
    "PERSON": "PERSON",
    "STREET_ADDRESS": "ADDRESS",
    "PHONE_NUMBER": "PHONE",
    "EMAIL_ADDRESS": "EMAIL",
    "IP_ADDRESS": "IP",
    "IBAN_CODE": "IBAN",
    "CREDIT_CARD": "CARD",
    "US_SSN": "US_SSN",
}
"""Types of `presidio_pii` that are asked for; organisations, places, titles, ages, dates and the like are not."""
PLACES = ("GPE", "ZIP_CODE")
BETWEEN_PARTS = re.compile(r"[\s,>?]*")
"""What stands between two parts of an address, also where it is quoted."""


@dataclass(frozen=True, slots=True)
class Span:
    """`type` of the text from `start` up to `end`, in characters."""

    type: str
    start: int
    end: int

    def within(self, other: Span) -> float:
        """Which part of it lies in `other`."""
        return max(0, min(self.end, other.end) - max(self.start, other.start)) / (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Row:
    """A text, the spans to be found in it, those that count neither way, and what it was drawn with (a template)."""

    id: str
    text: str
    spans: tuple[Span, ...]
    either: tuple[Span, ...] = ()
    group: str = ""


def read(id: str, marked: str) -> Row:
    """The text without its marks, and where they stood; raises ValueError on a mark that is not closed or not known."""
    text, spans, at = "", [], 0
    for mark in MARK.finditer(marked):
        text += marked[at : mark.start()]
        spans.append(Span(mark["type"], len(text), len(text) + len(mark["value"])))
        text, at = text + mark["value"], mark.end()
    text += marked[at:]
    unknown = {span.type for span in spans} - {*TYPES, EITHER}
    if unknown or "[[" in text or "]]" in text:
        raise ValueError(f"{id}: a mark is not closed, or its type is not one of {', '.join(TYPES)}")
    either = tuple(span for span in spans if span.type == EITHER)
    return Row(id, text, tuple(span for span in spans if span.type != EITHER), either, id)


def load(language: str, split: str = "") -> list[Row]:
    """The rows of `data/pii_LANGUAGE.jsonl`, of one `split` (`dev`, `test`) or all."""
    lines = (DATA / f"pii_{language}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [read(row["id"], row["text"]) for row in rows if split in ("", row["split"])]


def load_presidio(folder: Path) -> list[Row]:
    """`folder`/presidio_pii/dev.jsonl.gz, only the types that are asked for; an address is one span."""
    with gzip.open(folder / "presidio_pii" / "dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Row(f"{row['id']}", row["full_text"], spans_of(row), group=f"{row['template_id']}") for row in rows]


def spans_of(row: dict) -> tuple[Span, ...]:
    """The parts of an address are joined, with the places that stand between them."""
    text, spans = row["full_text"], list[Span]()
    end = 0
    for one in sorted(row["spans"], key=lambda span: span["start_position"]):
        kind, start = PRESIDIO_TYPES.get(one["entity_type"], ""), one["start_position"]
        address = bool(spans) and spans[-1].type == "ADDRESS" and BETWEEN_PARTS.fullmatch(text, end, start)
        if kind == "ADDRESS" and address:
            spans[-1] = Span(kind, spans[-1].start, one["end_position"])
        elif kind:
            spans.append(Span(kind, start, one["end_position"]))
        if kind or (address and one["entity_type"] in PLACES):
            end = one["end_position"]
    return tuple(spans)


def fits(row: Row) -> bool:
    """Whether recognisers may be tuned on it: half of the templates, by a hash."""
    return hashlib.sha256(f"pii {row.group}".encode()).digest()[0] % 2 == 0
