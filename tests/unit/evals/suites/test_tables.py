"""CSV files as cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from palier.errors import ConfigurationError, InvalidRequest
from palier.evals.suites.making import of_csv
from palier.evals.suites.tables import from_csv


def table(folder: Path, text: str | bytes) -> Path:
    file = folder / "t.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.mark.parametrize("mark", [";", ",", "\t"])
def test_the_delimiter_is_read_from_the_header(tmp_path: Path, mark: str) -> None:
    text = mark.join(["id", "message", "intent"]) + "\r\n" + mark.join(["1", '"Le prix, ou ; rien"', "price"]) + "\r\n"
    (case,) = from_csv(table(tmp_path, text)).cases
    assert (case.id, case.input, case.references) == ("1", "Le prix, ou ; rien", ("price",))


def test_few_short_answers_are_labels(tmp_path: Path) -> None:
    text = "text,label\n" + "".join(f"message number {i} of many,{'ab'[i % 2]}\n" for i in range(12))
    made = of_csv(table(tmp_path, text), name="x")
    assert (made.suite.task, made.suite.labels) == ("classification", ("a", "b"))
    assert "classification (guessed: 2 distinct short answers" in made.notes[0]
    assert of_csv(table(tmp_path, text), name="x", task="qa").suite.task == "qa"
    assert {case.split for case in made.suite.cases} == {"dev", "holdout"}
    objects = 'text;expected\nabc;"{""a"": 1}"\n'
    assert of_csv(table(tmp_path, objects), name="x").suite.task == "extraction"


def test_splits_of_the_file_are_kept(tmp_path: Path) -> None:
    text = "question,answer,split,family\na b c,x,train,f\nd e f,y,Test,\ng h i,z,validation,f\n"
    cases = of_csv(table(tmp_path, text), name="x").suite.cases
    assert [case.split for case in cases] == ["dev", "holdout", "dev"]
    assert [case.family for case in cases] == ["f", "", "f"]
    with pytest.raises(InvalidRequest, match="line 2: `split` is `later`"):
        from_csv(table(tmp_path, "question,answer,split\na,b,later\n"))


def test_near_duplicates_are_one_family_on_one_side(tmp_path: Path) -> None:
    text = (
        "question,answer\nCombien coûte la Fibre Goéland ?,29\nOù est Brest ?,là\ncombien coute la fibre goeland,29\n"
    )
    first, other, again = of_csv(table(tmp_path, text), name="x").suite.cases
    assert first.group == again.group == first.id
    assert first.split == again.split
    assert other.family == ""


WRONG = {
    "no reference": ("question,answer\na,\n", "line 2: `reference` is missing"),
    "no column": ("frage,antwort\na,b\n", "has no column for `input`: there are `frage`, `antwort`"),
    "cells": ("question,answer\na,b,c\n", "line 2: 3 cells under 2 columns"),
    "one id": ("id,question,answer\n1,a,b\n1,c,d\n", "line 3: the id `1` is that of"),
    "nothing": ("question,answer\n", "holds no row"),
    "empty": ("", "has no column for `input`: there are none"),
    "latin": ("question,réponse\na,b\n".encode("latin-1"), "is not UTF-8"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, name: str) -> None:
    text, message = WRONG[name]
    with pytest.raises(InvalidRequest) as caught:
        from_csv(table(tmp_path, text))
    assert message in caught.value.message


def test_bad_rows_can_be_left_out(tmp_path: Path) -> None:
    read = from_csv(table(tmp_path, "question,answer\na,b\nc,\nd,e\n"), skip_bad=True)
    assert [case.input for case in read.cases] == ["a", "d"]
    assert "1 rows were left out" in read.notes[-1]
    with pytest.raises(ConfigurationError, match="cannot be read"):
        from_csv(tmp_path)


def test_what_must_be_contained_may_hold_a_comma(tmp_path: Path) -> None:
    text = "question;réponse;doit contenir;tags\nQuel prix ?;29,99 € par mois;29,99|mois;a,b\n"
    (case,) = from_csv(table(tmp_path, text)).cases
    assert case.must_contain == ("29,99", "mois")
    assert case.tags == ("a", "b")


def test_a_row_may_have_no_answer(tmp_path: Path) -> None:
    text = "question,answer,answerable\nWho is the king?,,non\nWhat is the price?,ten euros,\n"
    first, second = from_csv(table(tmp_path, text)).cases
    assert (first.answerable, first.references, second.answerable) == (False, (), True)
    with pytest.raises(InvalidRequest, match="`answerable` is `maybe`"):
        from_csv(table(tmp_path, text.replace(",non", ",maybe")))
