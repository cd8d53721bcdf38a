"""Lessons for a student that writes: what was asked, on which evidence, and the answer to learn; a line of JSON each.

The prompt is put together as the gateway does it for the student's own tier: the same system prompt, the evidence
numbered in the last user turn. What is taught is then what will be read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from palier.errors import InvalidRequest, unfit
from palier.privacy.egress import assemble
from palier.text.language import detect
from palier.types import Data, Hit, Label, Message, Request

MAX_LESSONS = 50_000
MAX_LINE = 2**20
"""Bytes of a line."""
MAX_TURNS = 64
MAX_EVIDENCE = 64
LEAST = 8
"""Lessons that are needed: of fewer nothing but themselves is learnt."""
LEAST_SHARE = 0.1
"""Of the lessons, and `LEAST` of them, are in a language that is taught."""
_WORDS = {label.value: label for label in Label}
_KNOWN = frozenset(
    {
        *("id", "route", "question", "text", "messages", "answer", "evidence", "label", "collections", "language"),
        *("licence", "weight", "split", "kind", "origin", "teacher", "family", "invented", "state", "reason"),
        *("reviewer", "reviewed", "created", "expires", "revision"),
    }
)


class Taught(Data, frozen=True, kw_only=True):
    """One lesson: the prompt as the student's tier receives it, the answer, and whether it is only judged by."""

    messages: tuple[Message, ...]
    answer: str
    weight: float = 1.0
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Lessons:
    """In an order that is theirs, whatever that of the lines. The label is the highest, the collections are all."""

    rows: tuple[Taught, ...]
    label: Label = Label.PUBLIC
    collections: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """That enough of the questions are in."""
    notes: tuple[str, ...] = ()


def read(lines: Iterable[bytes], *, system: str = "", skip_bad: bool = False) -> Lessons:
    """Lessons from JSON lines; `system` is the system prompt of the student's tier.

    Raises `InvalidRequest` naming line and field; with `skip_bad` such lines are left out and counted. Lessons that
    are queued or rejected are left out.
    """
    rows: list[Taught] = []
    labels, collections, licences = [Label.PUBLIC], set[str](), set[str]()
    unknown, languages = Counter[str](), Counter[str]()
    bad = unaccepted = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = _object(line, number)
            if item.get("state", "accepted") != "accepted":
                unaccepted += 1
                continue
            evidence = _evidence(item, number)
            row = _taught(item, number, evidence, system)
            label, named = _label(item, number, "label"), _texts(item, "collections", number)
        except InvalidRequest:
            if not skip_bad:
                raise
            bad += 1
            continue
        rows.append(row)
        languages[_language(item, number)] += 1
        labels += [label, *(hit.label for hit in evidence)]
        collections |= {*named, *(hit.collection for hit in evidence)} - {""}
        licences |= {str(item["licence"])[:200]} if item.get("licence") else set()
        unknown.update(set(item) - _KNOWN)
        if len(rows) > MAX_LESSONS:
            raise InvalidRequest(f"line {number}: there are more than {MAX_LESSONS} lessons", hint="draw some of them")
    if len(rows) < LEAST:
        raise InvalidRequest(
            f"there are {len(rows)} lessons, and at least {LEAST} are needed",
            hint="100 tell an accuracy to within 10 points, 400 to within 5",
        )
    notes = [f"{bad} bad lines were left out"] if bad else []
    notes += [f"{unaccepted} lessons that nobody accepted were left out"] if unaccepted else []
    notes += [f"unknown field `{name[:80]}` in {count} lines was not read" for name, count in sorted(unknown.items())]
    ordered = sorted(rows, key=lambda row: hashlib.sha256(msgspec.json.encode(row)).digest())
    least = max(LEAST, LEAST_SHARE * len(rows))
    return Lessons(
        rows=tuple(ordered),
        label=Label.highest(*labels),
        collections=tuple(sorted(collections)),
        licences=tuple(sorted(licences)),
        languages=tuple(sorted(code for code, count in languages.items() if code and count >= least)),
        notes=tuple(notes),
    )


def _object(line: bytes, number: int) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise InvalidRequest(f"line {number}: it has more than {MAX_LINE} bytes")
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"line {number}: it is not a JSON object: {str(error)[:200]}") from None


def _taught(item: Mapping[str, Any], number: int, evidence: tuple[Hit, ...], system: str) -> Taught:
    answer = item.get("answer")
    if not isinstance(answer, str) or not answer.strip():
        raise InvalidRequest(f"line {number}: `answer` must be a string that is not empty", param="answer")
    weight = item.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= 100:
        raise InvalidRequest(f"line {number}: `weight` must be a number above 0, at most 100", param="weight")
    request = Request(id="", route="", messages=_messages(item, number))
    prompt = assemble(request, evidence, Label.PUBLIC, system)
    return Taught(
        messages=prompt.messages,
        answer=answer.strip(),
        weight=float(weight),
        held_out=item.get("split") in ("validation", "holdout"),
    )


def _language(item: Mapping[str, Any], number: int) -> str:
    """Of the question, as its line says it, else as it reads; empty where neither tells."""
    said = item.get("language")
    if isinstance(said, str) and said:
        return said.lower()[:8]
    return detect(next(turn.content for turn in reversed(_messages(item, number)) if turn.role == "user"))


def _messages(item: Mapping[str, Any], number: int) -> tuple[Message, ...]:
    if item.get("messages"):
        try:
            found = msgspec.convert(item["messages"], tuple[Message, ...])
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"line {number}: `messages`: {unfit(error)}", param="messages") from None
        if len(found) > MAX_TURNS or not any(turn.role == "user" for turn in found) or found[-1].role == "assistant":
            raise InvalidRequest(
                f"line {number}: `messages` must be at most {MAX_TURNS} turns, one a user's, and end before the answer",
                param="messages",
            )
        return found
    field = "question" if "question" in item else "text"
    question = item.get(field)
    if not isinstance(question, str) or not question.strip():
        raise InvalidRequest(f"line {number}: `{field}` must be a string that is not empty", param=field)
    return (Message(role="user", content=question),)


def _evidence(item: Mapping[str, Any], number: int) -> tuple[Hit, ...]:
    given = item.get("evidence") or ()
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MAX_EVIDENCE:
        raise InvalidRequest(f"line {number}: `evidence` must be a list of at most {MAX_EVIDENCE}", param="evidence")
    found: list[Hit] = []
    for one in given:
        passage = {"text": one} if isinstance(one, str) else one
        if not isinstance(passage, Mapping) or not isinstance(passage.get("text"), str):
            raise InvalidRequest(f"line {number}: each of `evidence` needs a `text`", param="evidence")
        found.append(
            Hit(
                collection=str(passage.get("collection") or ""),
                document=str(passage.get("document") or ""),
                passage=len(found),
                text=passage["text"],
                score=0.0,
                label=_label(passage, number, "evidence"),
                title=str(passage.get("title") or ""),
            )
        )
    return tuple(found)


def _label(item: Mapping[str, Any], number: int, field: str) -> Label:
    """A lesson or a passage without a label is confidential, as a document is."""
    said = item.get("label", Label.CONFIDENTIAL)
    if not isinstance(said, str) or said not in _WORDS:
        raise InvalidRequest(
            f"line {number}: `label` must be one of {', '.join(_WORDS)}",
            hint="it says how confidential the lesson is; what is to be learnt is its `answer`",
            param=field,
        )
    return _WORDS[said]


def _texts(item: Mapping[str, Any], field: str, number: int) -> list[str]:
    said = item.get(field) or []
    if not isinstance(said, list) or not all(isinstance(one, str) and one for one in said):
        raise InvalidRequest(f"line {number}: `{field}` must be a list of texts", param=field)
    return said
