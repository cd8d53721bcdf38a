"""Lessons as JSON lines (docs/reference/jsonl.md): read strictly, and written so that they can be read again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

import msgspec

from palier.errors import InvalidRequest, unfit
from palier.ids import new_id
from palier.lessons import (
    MAX_ANSWER,
    MAX_BYTES,
    MAX_EVIDENCE,
    MAX_QUESTION,
    MAX_TURNS,
    MAX_WEIGHT,
    Evidence,
    Kind,
    Lesson,
    Origin,
    State,
    Teacher,
)
from palier.types import JSON, Label, Message

MAX_LESSONS = 50_000
"""Lines of one import: all are read and checked before any is kept."""
_MAX_WORD = 200
"""Characters of an id, a name or a reason."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of a conversation, in OpenAI form."""

    role: str
    content: str


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A passage of the evidence; a bare text will do, too."""

    text: str
    collection: str = ""
    document: str = ""
    passage: int = 0
    title: str = ""
    label: Label | None = None
    digest: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One lesson. Exactly one of `question` and `messages` is given, as in cases."""

    answer: str
    id: str = ""
    route: str = ""
    question: str | None = None
    messages: tuple[Turn, ...] = ()
    evidence: tuple[str | Passage, ...] = ()
    kind: Kind = "import"
    label: Label | None = None
    collections: tuple[str, ...] = ()
    language: str = ""
    licence: str = ""
    family: str = ""
    teacher: Teacher = Teacher()
    origin: Origin | None = None
    invented: bool = False
    weight: float = 1.0
    state: State | None = None
    reason: str = ""
    reviewer: str = ""
    reviewed: float = 0.0
    created: float = 0.0


class Lines(msgspec.Struct, frozen=True):
    """What a file holds: lessons by the number of their line; `notes` are sentences for a person."""

    lessons: dict[int, Lesson]
    notes: tuple[str, ...] = ()


def read(lines: Iterable[tuple[int, JSON]], route: str, *, skip_bad: bool = False) -> Lines:
    """The lessons of numbered `lines`, for `route`. Raises `InvalidRequest` naming line and field.

    `skip_bad` leaves such lines out. What a line does not say of its label is confidential.
    """
    found: dict[int, Lesson] = {}
    seen: dict[str, int] = {}
    unknown: Counter[str] = Counter()
    bad = 0
    for number, item in lines:
        try:
            lesson = _lesson(item, route, number)
            for name in (lesson.id, lesson.origin.name):
                if (before := seen.setdefault(name, number)) != number:
                    raise InvalidRequest(f"line {number}: it is the lesson of line {before}", param="id")
        except InvalidRequest:
            if not skip_bad:
                raise
            bad += 1
            continue
        if len(found) == MAX_LESSONS:
            raise InvalidRequest(f"line {number}: there are more than {MAX_LESSONS} lessons", hint="import it in parts")
        found[number] = lesson
        unknown.update(set(item) - set(Line.__struct_fields__))
    notes = [f"{bad} bad lines were left out"] if bad else []
    notes += [f"unknown field `{name[:80]}` in {count} lines was not read" for name, count in sorted(unknown.items())]
    return Lines(found, tuple(notes))


def line_of(lesson: Lesson) -> JSON:
    """A lesson as it is exported; `read` gives it back. What is as by default is left out."""
    tree: JSON = msgspec.to_builtins(lesson)
    for name in ("expires", "revision"):
        del tree[name]
    if lesson.messages:
        del tree["question"]
        tree["messages"] = [{"role": m.role, "content": m.content} for m in lesson.messages]
    for name in ("text", "label"):
        tree["evidence"] = [_told(one, name) for one in tree["evidence"]]
    return _told(tree, "id", "route", "question", "answer", "kind", "label", "state")


def _told(fields: JSON, *always: str) -> JSON:
    """Without the fields that say nothing."""
    empty: tuple[Any, ...] = ("", 0, 0.0, None, False, [], (), {})
    told = {name: value for name, value in fields.items() if name in always or value not in empty}
    if isinstance(teacher := told.get("teacher"), dict) and teacher == {"model": "", "may_train": True}:
        del told["teacher"]
    if told.get("weight") == 1.0:
        del told["weight"]
    return told


def _lesson(item: JSON, route: str, number: int) -> Lesson:
    try:
        line = msgspec.convert(item, Line)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"line {number}: {unfit(error)}") from None
    _check(line, number)
    question, messages = _asked(line, number)
    label = line.label or Label.CONFIDENTIAL
    evidence = tuple(_passage(one, label) for one in line.evidence)
    named = {one.collection for one in evidence if one.collection}
    lesson = Lesson(
        id=line.id or f"lesson-{new_id()}",
        route=route,
        question=question,
        answer=line.answer,
        kind=line.kind,
        origin=line.origin or Origin(name=_named(line, route)),
        messages=messages,
        evidence=evidence,
        teacher=line.teacher,
        label=Label.highest(label, *(one.label for one in evidence)),
        collections=tuple(sorted({*line.collections, *named})),
        language=line.language,
        licence=line.licence,
        family=line.family,
        invented=line.invented,
        weight=line.weight,
        state=line.state or "queued",
        reason=line.reason,
        reviewer=line.reviewer,
        reviewed=line.reviewed,
        created=line.created,
    )
    if len(msgspec.json.encode(lesson)) > MAX_BYTES:
        raise InvalidRequest(f"line {number}: it has more than {MAX_BYTES} bytes")
    return lesson


def _check(line: Line, number: int) -> None:
    """What the types of a line cannot say."""
    rules: tuple[tuple[str, Callable[[], bool], str], ...] = (
        ("answer", lambda: bool(line.answer.strip()), "must be a string that is not empty"),
        ("answer", lambda: len(line.answer) <= MAX_ANSWER, f"is at most {MAX_ANSWER} characters"),
        ("messages", lambda: len(line.messages) <= MAX_TURNS, f"has at most {MAX_TURNS} turns"),
        ("evidence", lambda: len(line.evidence) <= MAX_EVIDENCE, f"has at most {MAX_EVIDENCE} passages"),
        (
            "weight",
            lambda: math.isfinite(line.weight) and 0 < line.weight <= MAX_WEIGHT,
            f"is above 0, to {MAX_WEIGHT:g}",
        ),
        ("created", lambda: line.created >= 0, "is in seconds since 1970"),
        ("reviewed", lambda: line.reviewed >= 0, "is in seconds since 1970"),
        ("route", lambda: bool(line.route.isprintable()), "must be the name of a route"),
    )
    for name, holds, words in rules:
        if not holds():
            raise InvalidRequest(f"line {number}: `{name}` {words}", param=name)
    for name in ("id", "language", "licence", "family", "reason", "reviewer"):
        if len(getattr(line, name)) > _MAX_WORD:
            raise InvalidRequest(f"line {number}: `{name}` is at most {_MAX_WORD} characters", param=name)
    if line.id and not (line.id.isprintable() and line.id.strip() == line.id):
        raise InvalidRequest(f"line {number}: `id` must be printable, without spaces around it", param="id")
    if any(isinstance(one, Passage) and bool(one.document) != bool(one.collection) for one in line.evidence):
        raise InvalidRequest(
            f"line {number}: `evidence` names a document and its collection, or neither", param="evidence"
        )


def _asked(line: Line, number: int) -> tuple[str, tuple[Message, ...]]:
    if (line.question is None) == (not line.messages):
        raise InvalidRequest(f"line {number}: give `question` or `messages`, and not both", param="question")
    messages: tuple[Message, ...] = ()
    question, field = line.question or "", "question"
    if line.question is None:
        try:
            turns = msgspec.convert([msgspec.structs.asdict(turn) for turn in line.messages], tuple[Message, ...])
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"line {number}: `messages`: {unfit(error)}", param="messages") from None
        if turns[-1].role != "user" or any(turn.role == "tool" for turn in turns):
            raise InvalidRequest(
                f"line {number}: `messages` must end with the user's turn, and hold no tools", param="messages"
            )
        question, messages, field = turns[-1].content, turns, "messages"
    if not question.strip() or len(question) > MAX_QUESTION:
        raise InvalidRequest(
            f"line {number}: `{field}` must ask something, in at most {MAX_QUESTION} characters", param=field
        )
    return question, messages


def _passage(one: str | Passage, label: Label) -> Evidence:
    if isinstance(one, str):
        return Evidence(text=one, label=label)
    return Evidence(
        text=one.text,
        collection=one.collection,
        document=one.document,
        passage=one.passage,
        title=one.title,
        label=one.label or label,
        digest=one.digest,
    )


def _named(line: Line, route: str) -> str:
    """The same line brought again is no other lesson."""
    said = (route, line.question, [(t.role, t.content) for t in line.messages], line.answer)
    return f"line:{blake2b(msgspec.json.encode(said), digest_size=16).hexdigest()}"
