"""Lessons as JSON lines: what is written can be read, and what is wrong is named by its line."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from palier.errors import InvalidRequest
from palier.lessons import Evidence
from palier.testing.lessons import lesson_of
from palier.training.lesson_lines import line_of, read
from palier.types import Label


def one(**fields: Any) -> Any:
    (lesson,) = read([(1, {"question": "What?", "answer": "That.", **fields})], "support").lessons.values()
    return lesson


def test_what_is_exported_is_read_again() -> None:
    whole = lesson_of("lesson-1", question="Combien coûte lesson-1 ?", state="accepted", reviewer="ann", reviewed=5.0)
    bare = lesson_of("lesson-2", messages=(), evidence=(), family="", licence="", weight=1.0, language="")
    for lesson in (whole, bare):
        line = msgspec.json.decode(msgspec.json.encode(line_of(lesson)))
        (again,) = read([(1, line)], "support").lessons.values()
        assert msgspec.structs.replace(again, expires=lesson.expires) == lesson
    assert "expires" not in line_of(whole)
    assert "revision" not in line_of(whole)


def test_a_short_line_is_enough() -> None:
    lesson = one()
    assert (lesson.question, lesson.answer, lesson.kind, lesson.state) == ("What?", "That.", "import", "queued")
    assert (lesson.label, lesson.evidence, lesson.invented) == (Label.CONFIDENTIAL, (), False)
    assert lesson.id.startswith("lesson-")
    assert lesson.teacher.model == ""
    assert one().origin == lesson.origin, "the same line is the same lesson"
    assert one(answer="Other.").origin != lesson.origin


def test_labels_and_collections_are_those_of_the_evidence_too() -> None:
    secret = {"text": "b", "collection": "hr", "document": "d", "label": "restricted"}
    lesson = one(label="internal", evidence=["a", secret], collections=["docs"])
    assert (lesson.label, lesson.collections) == (Label.RESTRICTED, ("docs", "hr"))
    assert lesson.evidence[0] == Evidence(text="a", label=Label.INTERNAL)


def test_a_conversation_ends_with_what_is_asked() -> None:
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Yes?"}]
    asked = [*turns, {"role": "user", "content": "Why?"}]
    lesson = msgspec.convert(read([(1, {"messages": asked, "answer": "So."})], "r").lessons[1], type(one()))
    assert (lesson.question, len(lesson.messages)) == ("Why?", 3)
    with pytest.raises(InvalidRequest, match="line 7: `messages` must end"):
        read([(7, {"messages": turns, "answer": "So."})], "r")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"answer": " "}, "`answer` must be a string that is not empty"),
        ({"answer": 5}, "`answer` must be a text, and is a whole number"),
        ({"question": ""}, "`question` must ask something"),
        ({"messages": [{"role": "user", "content": "x"}]}, "not both"),
        ({"kind": "gossip"}, "gossip"),
        ({"label": "secret"}, "secret"),
        ({"state": "taught"}, "taught"),
        ({"weight": 0}, "`weight` is above 0"),
        ({"evidence": [{"text": "a", "document": "d"}]}, "names a document and its collection"),
        ({"evidence": ["x"] * 65}, "at most 64"),
        ({"id": " x"}, "`id` must be printable"),
        ({"id": "x" * 201}, "`id` is at most 200"),
        ({"answer": "x" * 50_001}, "at most 50000"),
    ],
)
def test_a_wrong_line_is_named(fields: dict[str, Any], words: str) -> None:
    item = {"question": "What?", "answer": "That.", **fields}
    with pytest.raises(InvalidRequest, match="line 3: ") as error:
        read([(3, item)], "support")
    assert words in error.value.message
    assert read([(3, item)], "support", skip_bad=True).notes == ("1 bad lines were left out",)


def test_one_lesson_stands_in_one_line() -> None:
    item = {"question": "What?", "answer": "That."}
    with pytest.raises(InvalidRequest, match="line 5: it is the lesson of line 2"):
        read([(2, item), (5, item)], "support")


def test_unknown_fields_are_told() -> None:
    found = read([(1, {"question": "What?", "answer": "That.", "reponse": 1})], "support")
    assert found.notes == ("unknown field `reponse` in 1 lines was not read",)
