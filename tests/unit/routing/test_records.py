"""Records: what is read, and that every line which no bound could rest on is refused by its number and its field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from palier.errors import InvalidRequest
from palier.routing.records import Record, check_together, parse, unknown_fields


def line(**changes: Any) -> str:
    return json.dumps({"id": "a", "tiers": [{"name": "small", "correct": True}], **changes})


def tier(**changes: Any) -> str:
    return line(tiers=[{"name": "small", "features": {"sure": 0.5}, "correct": True, **changes}])


def refused(text: str | bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse(text, 7)
    assert str(caught.value).startswith("line 7")
    return caught.value


def test_a_line_is_read_whole() -> None:
    record = parse(
        '{"id": "q", "segment": "fr", "text": "Où ?", "sampled": "audit", "label_source": "marie", "fingerprint": "f0",'
        ' "more": 1, "tiers": [{"name": "small", "features": {"sure": -1}, "score": 0.25, "cost": 0.1,'
        ' "latency_ms": 3, "energy_wh": 0.2}, {"name": "big", "correct": false}, {"name": "top", "skipped": true}]}',
        1,
    )
    small, big, top = record.tiers
    assert (record.segment, record.text, record.label_source, record.fingerprint) == ("fr", "Où ?", "marie", "f0")
    assert (small.loss, big.loss, top.loss) == (0.75, 1.0, None)
    assert (small.features, small.cost, small.latency_ms, small.energy_wh) == ({"sure": -1.0}, 0.1, 3.0, 0.2)
    assert record.named == ("small", "big", "top")
    assert top.skipped


@pytest.mark.parametrize(("sampled", "drawn"), [("audit", 1), ("suite", 1), (True, 1), (None, 1), (False, 0)])
def test_what_nobody_drew_is_told_apart(sampled: object, drawn: int) -> None:
    assert parse(line(sampled=sampled), 1).drawn == bool(drawn)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"id": "a", "tiers": [{"name": "small", "features": {"sure": NaN}}]}', "malformed"),
        ('{"id": "a", "tiers": [{"name": "small", "features": {"sure": 1e999}}]}', "`tiers[0].features`"),
        ('{"id": "a", "tiers": [{"name": "small", "features": {"sure": -1e999}}]}', "`tiers[0].features`"),
        ('{"id": "a", "tiers": [{"name": "small", "features": {"sure": 1' + "0" * 400 + "}}]}", "`tiers[0].features`"),
        ('{"id": "a", "tiers": [{"name": "small", "score": 1e999}]}', "`tiers[0].score`"),
        ('{"id": "a", "tiers": [{"name": "small", "cost": Infinity}]}', "malformed"),
        ("{not json", "malformed"),
        ("[1]", "Expected `object`"),
        ("null", "Expected `object`"),
        (b"\xff\xfe", "malformed"),
        ('{"id": "\ud800"}'.encode("utf-8", "surrogatepass"), ""),
        ('{"id": "a", "deep": ' + "[" * 50_000 + "]" * 50_000 + "}", "recursion"),
        ('{"tiers": []}', "`id`"),
        ('{"id": "a"}', "`tiers`"),
        (line(id=1), "`id`"),
        (line(tiers={}), "`tiers`"),
        (line(tiers=[{"correct": True}]), "`name`"),
        (line(sampled="no"), "`sampled`"),
        (tier(features={"sure": "0.5"}), "`tiers[0].features`"),
        (tier(features={"sure": None}), "`tiers[0].features`"),
        (tier(features=[1]), "`tiers[0].features`"),
        (tier(correct=1), "`tiers[0].correct`"),
        (tier(score="good"), "`tiers[0].score`"),
    ],
)
def test_a_line_that_is_no_record_is_refused_by_its_field(text: str | bytes, words: str) -> None:
    assert words in str(refused(text))


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"correct": None, "score": 1.01}, "score"),
        ({"correct": None, "score": -0.01}, "score"),
        ({"cost": -1}, "cost"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"energy_wh": -0.5}, "energy_wh"),
    ],
)
def test_a_number_out_of_its_range_is_refused_by_tier_and_field(changes: dict[str, Any], param: str) -> None:
    error = refused(tier(**changes))
    assert error.param == param
    assert f"line 7, tier `small`: `{param}` is {changes[param]}" in str(error)


@pytest.mark.parametrize("score", [0, 0.0, 1, 1.0, 0.5])
def test_a_score_reaches_from_nothing_to_one(score: float) -> None:
    assert parse(tier(correct=None, score=score), 1).tiers[0].loss == 1 - score


def test_tiers_have_names_of_their_own() -> None:
    assert "`tiers` is empty" in str(refused(line(tiers=[])))
    error = refused(line(tiers=[{"name": "a"}, {"name": "b"}, {"name": "a"}]))
    assert ("two tiers are named `a`" in str(error), error.param) == (True, "tiers")


def record(id: str, *names: str) -> Record:
    return parse(json.dumps({"id": id, "tiers": [{"name": name} for name in names]}), 1)


def refused_together(*records: Record) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        check_together(records)
    return caught.value


def test_records_of_one_set_have_ids_of_their_own_and_one_order_of_tiers() -> None:
    check_together([record("a", "x", "y"), record("b", "x", "y")])
    twice = refused_together(record("a", "x"), record("b", "x"), record("a", "x"))
    assert ("record 3: id `a` comes twice" in str(twice), twice.param) == (True, "id")
    for names in (("y", "x"), ("x",), ("x", "y", "z"), ("x", "Y")):
        error = refused_together(record("a", "x", "y"), record("b", *names))
        assert f"record 2 (`b`) has the tiers {', '.join(names)}; the first has x, y" in str(error)
        assert (error.param, bool(error.hint)) == ("tiers", True)
    assert "no records" in str(refused_together())


def test_fields_that_nobody_reads_are_counted() -> None:
    tiers = [{"name": "x", "colour": 1}, {"name": "y", "colour": 2}]
    found = unknown_fields([line(tiers=tiers, extra=1), line(extra=None)])
    assert found == {"extra": 2, "tiers.colour": 2}
