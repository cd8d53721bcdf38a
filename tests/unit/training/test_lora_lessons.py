"""Lessons for a student that writes: what is read, how the prompt is put together, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from palier.errors import InvalidRequest
from palier.training import lora_lessons
from palier.types import Label

GOOD = {"question": "Is it free?", "answer": "Yes.", "label": "public"}


def read(*lines: Any, **said: Any) -> lora_lessons.Lessons:
    filled = [*lines, *({**GOOD, "question": f"Question {n}?"} for n in range(8))]
    return lora_lessons.read(
        [line if isinstance(line, bytes) else json.dumps(line).encode() for line in filled], **said
    )


def test_the_prompt_is_that_of_the_students_tier() -> None:
    line = {
        **GOOD,
        "evidence": [{"text": "An eSIM is free.", "title": "eSIM", "collection": "offers", "label": "internal"}],
        "answer": " Yes [1]. ",
        "licence": "CC BY 4.0",
    }
    found = read(line, system="Answer from the documents.")
    (row,) = [row for row in found.rows if row.answer == "Yes [1]."]
    assert [turn.role for turn in row.messages] == ["system", "user"]
    assert row.messages[0].content == "Answer from the documents."
    assert row.messages[1].content == "<documents>\n[1] eSIM\nAn eSIM is free.\n</documents>\n\nIs it free?"
    assert (found.label, found.collections, found.licences) == (Label.INTERNAL, ("offers",), ("CC BY 4.0",))


def test_a_lesson_or_a_passage_without_a_label_is_confidential() -> None:
    assert read().label is Label.PUBLIC
    assert read({"question": "a", "answer": "b"}).label is Label.CONFIDENTIAL
    assert read({**GOOD, "evidence": ["a passage"]}).label is Label.CONFIDENTIAL


def test_turns_before_the_question_are_kept() -> None:
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "?"},
    ]
    found = read({**GOOD, "messages": turns, "weight": 2.5, "split": "validation"})
    (row,) = [row for row in found.rows if len(row.messages) == 3]
    assert (row.weight, row.held_out) == (2.5, True)


def test_the_order_of_the_lines_is_none() -> None:
    lines = [json.dumps({**GOOD, "question": f"{n}?"}).encode() for n in range(20)]
    assert lora_lessons.read(lines) == lora_lessons.read(lines[::-1])


def test_what_nobody_accepted_is_not_taught() -> None:
    found = read({**GOOD, "state": "queued"}, {**GOOD, "state": "rejected"}, {**GOOD, "state": "accepted", "mood": 1})
    assert len(found.rows) == 9
    assert found.notes == (
        "2 lessons that nobody accepted were left out",
        "unknown field `mood` in 1 lines was not read",
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "it is not a JSON object"),
        (b"[" * 100_000, "it is not a JSON object"),
        (b"\xff\xfe", "it is not a JSON object"),
        ({**GOOD, "answer": "\ud800"}, "it is not a JSON object"),
        ({"question": "a", "label": "public"}, "`answer` must be"),
        ({**GOOD, "answer": " "}, "`answer` must be"),
        ({**GOOD, "question": ""}, "`question` must be"),
        ({"answer": "b"}, "`text` must be"),
        ({**GOOD, "label": "billing"}, "`label` must be one of public"),
        ({**GOOD, "weight": 0}, "`weight` must be"),
        ({**GOOD, "weight": True}, "`weight` must be"),
        ({**GOOD, "messages": [{"role": "assistant", "content": "x"}]}, "`messages` must be"),
        ({**GOOD, "messages": [{"role": "nobody"}]}, "`messages`:"),
        ({**GOOD, "evidence": "words"}, "`evidence` must be"),
        ({**GOOD, "evidence": [{"title": "x"}]}, "each of `evidence` needs"),
        ({**GOOD, "collections": "x"}, "`collections` must be"),
    ],
)
def test_a_bad_line_is_named_or_left_out(line: Any, said: str) -> None:
    with pytest.raises(InvalidRequest, match=f"line 1: .*{said}"):
        read(line)
    assert read(line, skip_bad=True).notes[0] == "1 bad lines were left out"


def test_what_it_was_taught_in_is_told() -> None:
    """As lines say it, else as the questions read; a language of a few lessons is none that is taught."""
    french = [{"question": f"Quel est le prix de la carte numéro {n} ?", "answer": "10 €"} for n in range(20)]
    said = [{"question": f"{n}?", "answer": "x", "language": "br"} for n in range(8)]
    few = [{"question": f"What does the card number {n} cost?", "answer": "x"} for n in range(4)]
    assert read(*french, *said, *few).languages == ("br", "fr")


def test_too_few_are_said() -> None:
    with pytest.raises(InvalidRequest, match="there are 1 lessons, and at least 8") as caught:
        lora_lessons.read([json.dumps(GOOD).encode()])
    assert "400 to within 5" in caught.value.hint
