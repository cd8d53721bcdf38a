"""JSON answers: valid, and right field by field."""

from __future__ import annotations

import json

import numpy as np
import pytest

from palier.cases import Case, Outcome, Suite
from palier.errors import ConfigurationError, MissingExtra
from palier.metrics.extraction import ExactJson, FieldF1, SchemaValid, lenient, strict
from palier.metrics.fields import Agreement, compare, same

SCHEMA = {
    "type": "object",
    "properties": {"amount": {"type": "number", "minimum": 0}, "date": {"type": "string", "format": "date"}},
    "required": ["amount"],
    "additionalProperties": False,
}
SUITE = Suite(name="s", task="extraction", schema=SCHEMA)


def said(text: str) -> Outcome:
    return Outcome(id="1", candidate="c", output=text)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ('{"amount": 3}', True),
        (' {"amount": 3.5, "date": "2026-03-03"}\n', True),
        ('{"amount": -1}', False),
        ('{"amount": "3"}', False),
        ('{"amount": 3, "date": "3 mars"}', False),
        ('{"amount": 3, "more": 1}', False),
        ("{}", False),
        ('```json\n{"amount": 3}\n```', False),
        ('{"amount": 3', False),
        ('{"amount": NaN}', False),
        ("", False),
        ("null", False),
        ("[" * 5000, False),
        ('{"amount": ' + "3" * 300_000 + "}", False),
    ],
)
def test_valid_is_what_a_program_can_take(text: str, valid: bool) -> None:
    assert SchemaValid(SUITE).statistics(Case(id="1"), said(text)) == (float(valid), 1.0)


def test_references_within_the_schema_are_followed_and_none_outside(capfd) -> None:
    inside = {"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}
    metric = SchemaValid(Suite(name="s", schema=inside))
    assert metric.statistics(Case(id="1"), said('{"a": 1}')) == (1.0, 1.0)
    assert metric.statistics(Case(id="1"), said('{"a": "x"}')) == (0.0, 1.0)
    for uri in ("https://127.0.0.1:9/schema.json", "file:///etc/hostname"):
        with pytest.raises(ConfigurationError, match="schema"):
            SchemaValid(Suite(name="s", schema={"$ref": uri}))


@pytest.mark.parametrize("schema", [{"type": "strange"}, {"minimum": "three"}, {"pattern": "("}])
def test_a_schema_that_is_none_is_said(schema) -> None:
    with pytest.raises(ConfigurationError, match="`schema` of suite s"):
        SchemaValid(Suite(name="s", schema={"properties": {"a": schema}}))


def test_no_schema_is_said() -> None:
    with pytest.raises(ConfigurationError, match="no `schema`"):
        SchemaValid(Suite(name="s"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Here it is:\n```json\n{"a": 1}\n```\nDone.', {"a": 1}),
        ('```\n{"a": 1}```', {"a": 1}),
        ('The answer is {"a": {"b": 2}}.', {"a": {"b": 2}}),
        ('{"a": 1}', {"a": 1}),
    ],
)
def test_words_around_the_json_are_left_out(text: str, expected) -> None:
    assert lenient(text) == expected


@pytest.mark.parametrize("text", ["", "no", "{", "}{", '{"a": }', "\ud800", '{"a": "\\ud800"}'])
def test_no_json_is_no_json(text: str) -> None:
    assert lenient(text) is strict("{")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (29.9, "29,90"),
        (29.99, "29,99 €"),
        ("€29.99", "29,99 EUR"),
        ("3 mars 2026", "2026-03-03"),
        (10000, "10 000"),
        ("Rue de l'Été", "rue de l ete"),
        (True, "true"),
        ("02 61 91 00 10", "+33 2 61 91 00 10"),
        (1, 1.0),
        ("++", "++"),
        ("50 %", "50%"),
    ],
)
def test_the_same_value(one, other) -> None:
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (29.9, 29.99),
        ("29,99 €", "29,99 $"),
        (True, 1),
        ("3 mars", "3 mai"),
        ("+", "-"),
        ("-5", "5"),
        ("29", "29 words"),
    ],
)
def test_another_value(one, other) -> None:
    assert not same(one, other)
    assert not same(other, one)


@pytest.mark.parametrize(
    ("said", "wanted", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, (1, 2, 2)),
        ({"a": None, "b": ""}, {}, (0, 0, 0)),
        ({"a": 1}, {"a": None}, (0, 1, 0)),
        ({}, {"a": {"b": 1, "c": [1, 2]}}, (0, 0, 3)),
        ({"a": [3, 1, 2]}, {"a": [1, 2, 3]}, (3, 3, 3)),
        ({"a": [1, 1]}, {"a": [1]}, (1, 2, 1)),
        ({"a": {"b": 1}}, {"a": 1}, (0, 1, 1)),
        (None, {"a": 1}, (0, 0, 1)),
        ([], {"a": 1}, (0, 0, 1)),
    ],
)
def test_fields_are_counted(said, wanted, expected) -> None:
    assert compare(said, wanted) == Agreement(*expected)


def test_what_belongs_together_is_compared_together() -> None:
    """Doses that change places are wrong, though every value is there; lines that change places are right."""
    wanted = {"drugs": [{"name": "Alphal", "dose": "5 mg"}, {"name": "Betal", "dose": "10 mg"}]}
    turned = {"drugs": wanted["drugs"][::-1]}
    swapped = {"drugs": [{"name": "Alphal", "dose": "10 mg"}, {"name": "Betal", "dose": "5 mg"}]}
    assert compare(turned, wanted) == Agreement(4, 4, 4)
    assert compare(swapped, wanted) == Agreement(2, 4, 4)


def test_a_list_too_long_to_pair_is_compared_by_place() -> None:
    many = list(range(600))
    assert compare(many, many) == Agreement(600, 600, 600)
    assert compare(many[::-1], many).right == 0


def test_what_is_too_deep_is_one_field() -> None:
    deep = json.loads('{"a":' * 100 + "1" + "}" * 100)
    assert compare(deep, deep) == Agreement(0, 1, 1)


def test_micro_f1_over_cases_and_the_best_reference() -> None:
    metric = FieldF1(Suite(name="s"))
    first = metric.statistics(Case(id="1", references=('{"a": 9}', '{"a": 1, "b": 2}')), said('{"a": 1}'))
    second = metric.statistics(Case(id="2", references=('{"a": 1}',)), said("sorry"))
    assert first == (1.0, 1.0, 2.0)
    assert second == (0.0, 0.0, 1.0)
    assert float(metric.combine(np.add(first, second))) == pytest.approx(2 / 4)


def test_exact_is_every_field_and_no_more() -> None:
    metric = ExactJson(Suite(name="s"))
    case = Case(id="1", references=('{"a": "29,99 €", "b": null}',))
    assert metric.statistics(case, said('{"a": 29.99}')) == (1.0, 1.0)
    assert metric.statistics(case, said('{"a": 29.99, "c": 1}')) == (0.0, 1.0)
    assert metric.statistics(Case(id="1", references=("{}",)), said("no json")) == (0.0, 1.0)


def test_a_reference_that_is_no_json_is_said() -> None:
    with pytest.raises(ConfigurationError, match="case 7: the reference is no JSON"):
        FieldF1(Suite(name="s", cases=(Case(id="7", references=("29.99",)),)))


def test_without_the_library_the_install_command_is_said(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jsonschema_rs", None)
    with pytest.raises(MissingExtra, match=r'pip install "palier\[bench\]"'):
        SchemaValid(SUITE)
