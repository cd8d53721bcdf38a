"""Labelled sentences to fit the guard `grounding` to: read strictly, gathered by what they share, laid beside passages.

Lines are those of `palier guard report`: `text`, `evidence`, `question`, and `expected`, of which `pass` says that the
passages support it. Rows that share a passage, a question or a text are of one group, or those of one `group` where
the lines say it: a group is never parted between teaching and judging, or the figures would flatter.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from palier.errors import InvalidRequest
from palier.guards.claims import claims, copied
from palier.guards.compared import bare, spans
from palier.guards.manner import asked, closely
from palier.guards.supporting import MAX_PASSAGES, MAX_WORDS, foreign, overlap, passage, sentence, signals
from palier.guards.taught import general
from palier.guards.weighing import Sum
from palier.text import tokens
from palier.training.examples import MAX_LINE, key
from palier.types import Data

MAX_ROWS = 20_000
_TELLING = 3
"""Words from which on a question or a text is one's own: "yes" ties nothing together."""
_FIELDS = frozenset({"id", "text", "question", "evidence", "expected", "group"})
_OTHERS = frozenset({"language", "messages", "response_format"})
"""What `palier guard check` reads besides: it says nothing of support."""


class Row(Data, frozen=True, kw_only=True):
    """A sentence or an answer, the passages it is judged by, and whether they support it."""

    text: str
    evidence: tuple[str, ...]
    supported: bool
    question: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in an order that is theirs, whatever that of the lines; `notes` are sentences for a person."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    torn: int = 0
    """Rows whose text is labelled the other way too, beside the same passages."""

    @property
    def digest(self) -> str:
        """SHA-256 of what they say, the same in any order."""
        found = hashlib.sha256()
        for row in self.rows:
            found.update(msgspec.json.encode(row) + b"\n")
        return found.hexdigest()


class Laid(Data, frozen=True, kw_only=True):
    """A row as it is taught: its signals, and its text as it is embedded."""

    signals: dict[str, float]
    text: str
    general: float
    """Its support by the weights of the package, the text taken whole."""
    sentences: int
    claims: bool
    long: bool


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    evidence: tuple[str, ...]
    expected: Literal["pass", "mend", "climb", "refuse"]
    question: str = ""
    group: str = ""


def read(lines: Iterable[bytes], *, skip_bad: bool = False) -> Rows:
    """Rows from JSON lines. Raises `InvalidRequest` naming line and field; `skip_bad` leaves such lines out."""
    rows: list[Row] = []
    unknown: Counter[str] = Counter()
    bad = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row, fields = _row(line, number)
        except InvalidRequest:
            if not skip_bad:
                raise
            bad += 1
            continue
        rows.append(row)
        unknown.update(fields - _FIELDS - _OTHERS)
        if len(rows) > MAX_ROWS:
            raise InvalidRequest(f"line {number}: there are more than {MAX_ROWS} examples", hint="draw some of them")
    notes = [f"{bad} bad lines were left out"] if bad else []
    notes += [f"unknown field `{name[:80]}` in {count} lines was not read" for name, count in sorted(unknown.items())]
    return gathered(rows, notes)


def gathered(rows: Iterable[Row], notes: Iterable[str] = ()) -> Rows:
    """`rows` in their own order, with a note on what contradicts itself."""
    ordered = sorted(rows, key=lambda row: hashlib.sha256(msgspec.json.encode(row)).digest())
    said: dict[tuple[str, tuple[str, ...]], list[bool]] = {}
    for row in ordered:
        said.setdefault((key(row.text), tuple(sorted(row.evidence))), []).append(row.supported)
    torn = [labels for labels in said.values() if len(set(labels)) > 1]
    count = sum(map(len, torn))
    told = [*notes]
    if torn:
        told.append(
            f"{len(torn)} texts beside the same passages are labelled both ways ({count} of"
            f" {len(ordered)} examples): at most one label of each can be learnt"
        )
    return Rows(tuple(ordered), tuple(told), count)


def _row(line: bytes, number: int) -> tuple[Row, frozenset[str]]:
    if len(line) > MAX_LINE:
        raise InvalidRequest(f"line {number}: it has more than {MAX_LINE} bytes")
    try:
        item = msgspec.json.decode(line)
        found = msgspec.convert(item, _Line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"line {number}: {str(error)[:200]}", hint='{"text": …, "evidence": […], "expected": "pass" or "climb"}'
        ) from None
    if not tokens(found.text):
        raise InvalidRequest(f"line {number}: `text` has no word", param="text")
    if not any(map(tokens, found.evidence)):
        raise InvalidRequest(f"line {number}: `evidence` has no passage with a word", param="evidence")
    row = Row(
        text=_encodable(found.text),
        evidence=tuple(map(_encodable, found.evidence)),
        supported=found.expected == "pass",
        question=_encodable(found.question),
        group=_encodable(found.group),
    )
    return row, frozenset(item)


def _encodable(text: str) -> str:
    """Without lone surrogates, which no file and no tokenizer can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def groups(rows: Sequence[Row]) -> list[int]:
    """The group of each row, numbered from 0 on as they come."""
    above = list(range(len(rows)))

    def top(at: int) -> int:
        while above[at] != at:
            above[at] = above[above[at]]
            at = above[at]
        return at

    first: dict[tuple[str, str], int] = {}
    for at, row in enumerate(rows):
        for tie in _ties(row):
            above[top(at)] = top(first.setdefault(tie, at))
    number: dict[int, int] = {}
    return [number.setdefault(top(at), len(number)) for at in range(len(rows))]


def _ties(row: Row) -> list[tuple[str, str]]:
    if row.group:
        return [("group", row.group)]
    found = [("passage", key(text)) for text in row.evidence[:MAX_PASSAGES]]
    found += [("said", key(text)) for text in (row.question, row.text) if len(tokens(text)) >= _TELLING]
    return found


def lay(row: Row, weights: Sum) -> Laid | None:
    """A row beside its passages, taken whole, as the guard takes a sentence; None: they are in another language."""
    text = bare(row.text, copied(row.text, row.evidence))
    one = sentence(text)
    own = [found for found in map(passage, row.evidence[:MAX_PASSAGES]) if not foreign(one, found)]
    if not own:
        return None
    question = asked(row.question)
    found = closely(one, question, [overlap(one, other) for other in own])
    whole = weights.support(found)
    parts = [row.text[start:end] for start, end in spans(row.text)]
    claiming = [part for part in parts if claims(part)]
    supports = [whole]
    if len(parts) > 1 and claiming:
        plain = (sentence(bare(part, copied(part, row.evidence))) for part in claiming)
        supports = [weights.support(signals(part, question, own)) for part in plain]
    return Laid(
        signals=found | general(supports),
        text=text,
        general=whole,
        sentences=len(parts),
        claims=bool(claiming),
        long=len(tokens(text)) > MAX_WORDS,
    )


def lay_all(rows: Sequence[Row], weights: Sum, done: Callable[[str], None]) -> tuple[list[int], list[Laid]]:
    """Those that have passages in their language, by their place, laid."""
    places, found = list[int](), list[Laid]()
    for at, row in enumerate(rows):
        if at % 100 == 0:
            done(f"laying {at} of {len(rows)} beside their passages")
        laid = lay(row, weights)
        if laid is not None:
            places.append(at)
            found.append(laid)
    return places, found
