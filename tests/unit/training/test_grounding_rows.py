"""Labelled sentences read, gathered and grouped."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.grounding import rows

from palier.errors import InvalidRequest
from palier.guards import weighing
from palier.training.grounding_rows import Row, gathered, groups, lay, read

LINE = {"text": "It costs 29 €.", "evidence": ["It costs 29 € a month."], "expected": "pass"}


def lines(*items: object) -> list[bytes]:
    return [json.dumps(item).encode() for item in items]


def test_lines_are_those_of_report() -> None:
    found = read(lines({**LINE, "id": 3, "question": "How much?", "language": "en"}, {**LINE, "expected": "mend"}))
    assert sorted(row.supported for row in found.rows) == [False, True]
    told = "1 texts beside the same passages are labelled both ways (2 of 2 examples)"
    assert [note.split(":")[0] for note in found.notes] == [told]


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({**LINE, "expected": "yes"}, "expected"),
        ({"text": "a", "expected": "pass"}, "evidence"),
        ({**LINE, "evidence": []}, "no passage with a word"),
        ({**LINE, "text": "…"}, "no word"),
        ({**LINE, "text": 3}, "text"),
        ([], "object"),
    ],
)
def test_a_bad_line_is_named_or_left_out(item: object, why: str) -> None:
    with pytest.raises(InvalidRequest, match=f"line 2: .*{why}"):
        read(lines(LINE, item))
    found = read(lines(LINE, item, {**LINE, "note": "x"}), skip_bad=True)
    assert len(found.rows) == 2
    assert found.notes == ("1 bad lines were left out", "unknown field `note` in 1 lines was not read")


def test_what_is_no_utf_8_is_a_bad_line() -> None:
    with pytest.raises(InvalidRequest, match="line 1"):
        read([b'{"text": "\xff"}'])


def test_rows_are_tied_by_passage_question_and_text() -> None:
    def row(text: str, passage: str, question: str = "", group: str = "") -> Row:
        return Row(text=text, evidence=(passage,), question=question, group=group, supported=True)

    found = groups(
        [
            row("one of them is here", "p"),
            row("another sentence stands here", "p"),
            row("a third one is elsewhere", "q", "How much is it?"),
            row("a fourth is elsewhere too", "r", "how much is it"),
            row("Yes.", "s", "Ok?"),
            row("Yes.", "t", "Ok?"),
            row("one of them is here", "u"),
            row("one of them is here", "p", group="own"),
        ]
    )
    assert found == [0, 0, 1, 1, 2, 3, 0, 4]


@given(st.randoms())
def test_order_changes_neither_rows_nor_digest(chance: object) -> None:
    given_rows = rows(5)
    shuffled = list(given_rows)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert gathered(shuffled).rows == gathered(given_rows).rows
    assert gathered(shuffled).digest == gathered(given_rows).digest


def test_a_text_is_laid_whole_and_by_its_sentences() -> None:
    same = weighing.load().same
    passage = "La fibre coûte 29 € par mois. Elle comprend la télévision."
    one = lay(Row(text="La fibre coûte 29 € par mois. [1]", evidence=(passage,), supported=True), same)
    assert one is not None
    assert one.signals["least"] == one.signals["most"]
    assert one.text == "La fibre coûte 29 € par mois."
    both = lay(
        Row(text="La fibre coûte 29 € par mois. Les zèbres dorment debout.", evidence=(passage,), supported=False), same
    )
    assert both is not None
    assert both.sentences == 2
    assert both.signals["most"] == pytest.approx(one.signals["most"])
    assert both.signals["least"] < 0 < both.signals["most"]
    english = Row(text="The museum in the town is open for all of you.", evidence=(passage,), supported=False)
    assert lay(english, same) is None
