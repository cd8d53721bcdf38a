"""Examples to teach by: a text and its label, a line of JSON each, read strictly: a model is made of every line."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from palier import text as words
from palier.errors import InvalidRequest
from palier.types import Data

MAX_EXAMPLES = 200_000
MAX_LINE = 2**20
"""Characters of a line."""
_FIELDS = frozenset({"id", "text", "messages", "label", "answer", "evidence", "language"})


class Example(Data, frozen=True, kw_only=True):
    """What was asked, and the label that is right. `language` as its line says it."""

    text: str
    label: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples in an order that is theirs, whatever that of the lines; `notes` are sentences for a person."""

    rows: tuple[Example, ...]
    notes: tuple[str, ...] = ()
    torn: int = 0
    """Rows whose text has another label too."""

    @property
    def digest(self) -> str:
        """SHA-256 of what they say, the same in any order."""
        found = hashlib.sha256()
        for row in self.rows:
            found.update(msgspec.json.encode((row.text, row.label)) + b"\n")
        return found.hexdigest()

    @property
    def languages(self) -> tuple[str, ...]:
        """Those of all examples; none where one does not say its own."""
        said = {row.language for row in self.rows}
        return () if "" in said else tuple(sorted(said))


def read(lines: Iterable[bytes], *, longest_label: int, skip_bad: bool = False) -> Examples:
    """Examples from JSON lines. Raises `InvalidRequest` naming line and field; `skip_bad` leaves such lines out."""
    rows: list[Example] = []
    unknown: Counter[str] = Counter()
    bad = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = _object(line, number)
            rows.append(_example(item, number, longest_label))
        except InvalidRequest:
            if not skip_bad:
                raise
            bad += 1
            continue
        unknown.update(set(item) - _FIELDS)
        if len(rows) > MAX_EXAMPLES:
            raise InvalidRequest(
                f"line {number}: there are more than {MAX_EXAMPLES} examples", hint="draw some of them"
            )
    notes = [f"{bad} bad lines were left out"] if bad else []
    notes += [f"unknown field `{name[:80]}` in {count} lines was not read" for name, count in sorted(unknown.items())]
    return gathered(rows, notes)


def gathered(rows: Iterable[Example], notes: Iterable[str] = ()) -> Examples:
    """`rows` in their own order, with a note on what contradicts itself."""
    ordered = sorted(rows, key=lambda row: (hashlib.sha256(row.text.encode()).digest(), row.label))
    labels: dict[str, list[str]] = {}
    for row in ordered:
        labels.setdefault(key(row.text), []).append(row.label)
    torn = [said for said in labels.values() if len(set(said)) > 1]
    told = [*notes]
    if torn:
        told.append(f"{len(torn)} texts have more than one label: at most one of them can be learnt")
    return Examples(tuple(ordered), tuple(told), sum(map(len, torn)))


def key(text: str) -> str:
    """Two texts with one key are the same to a reader, and are not to be parted between teaching and judging."""
    return " ".join(words.tokens(text)) or text


def _object(line: bytes, number: int) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise InvalidRequest(f"line {number}: it has more than {MAX_LINE} bytes")
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"line {number}: it is not a JSON object: {str(error)[:200]}") from None


def _example(item: dict[str, Any], number: int, longest_label: int) -> Example:
    given = item.get("text")
    field = "text"
    if given is None and "messages" in item:
        given, field = _last_turn(item["messages"]), "messages"
    if not isinstance(given, str) or not given.strip():
        wanted = "a string that is not empty" if field == "text" else "a list that holds a user turn with some text"
        raise InvalidRequest(f"line {number}: `{field}` must be {wanted}", param=field)
    field = "answer" if "answer" in item and "label" not in item else "label"
    label = item.get(field)
    if not isinstance(label, str) or not label.strip():
        others = sorted(set(item) - _FIELDS - {"split"}) if field not in item else []
        raise InvalidRequest(
            f"line {number}: `{field}` must be a string that is not empty",
            hint=f"rename the field that holds it, one of {', '.join(others)[:200]}" if others else "",
            param=field,
        )
    label = _encodable(label).strip()
    if len(label) > longest_label:
        raise InvalidRequest(
            f"line {number}: `{field}` has {len(label)} characters, and a label at most {longest_label}",
            hint="a head answers with one of a few labels; free answers need a student that writes",
            param=field,
        )
    language = item.get("language") or ""
    if not isinstance(language, str):
        raise InvalidRequest(f"line {number}: `language` must be a string", param="language")
    return Example(text=_encodable(given), label=label, language=_encodable(language))


def _encodable(text: str) -> str:
    """Without lone surrogates, which no file and no tokenizer can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _last_turn(messages: object) -> object:
    """The text of the last user turn; None where there is none."""
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        return None
    turns = [m.get("content") for m in messages if isinstance(m, dict) and m.get("role") == "user"]
    return turns[-1] if turns else None
