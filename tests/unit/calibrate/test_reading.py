"""Lines to records that a bound may rest on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.judged import lines, rows

from palier.calibrate import read
from palier.errors import InvalidRequest


def refused(trees: list[dict[str, Any]], **options: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read(lines(trees), **options)
    return caught.value


def test_blank_lines_are_nothing_and_lines_are_counted() -> None:
    assert [r.id for r in read([b"\n", *lines(rows(2)), b"  \n"]).records] == ["q0-0", "q0-1"]
    with pytest.raises(InvalidRequest, match="line 3"):
        read([b"\n", *lines(rows(1)), b"{\n"])
    assert read([]).records == ()


def test_bad_lines_are_left_out_only_where_that_was_asked() -> None:
    given = [*lines(rows(3)), b"{not json}\n", b'{"id": "x", "tiers": []}\n']
    with pytest.raises(InvalidRequest, match="line 4"):
        read(given)
    reading = read(given, skip_bad=True)
    assert len(reading.records) == 3
    assert "2 bad lines were left out" in reading.notes


def test_traffic_that_nobody_drew_is_left_out_and_counted() -> None:
    reading = read(lines([*rows(3, sampled="audit"), *rows(2, seed=1, sampled=False)]))
    assert len(reading.records) == 3
    assert "2 records of traffic that nobody drew were left out" in reading.notes
    assert not [note for note in reading.notes if "do not say `sampled`" in note]
    error = refused(rows(5, sampled=False))
    assert (error.param, "no record was drawn" in str(error)) == ("sampled", True)


def test_who_does_not_say_how_records_were_chosen_is_told_what_that_means() -> None:
    assert any(note.startswith("3 records do not say `sampled`") for note in read(lines(rows(3))).notes)


def test_one_source_of_labels_is_used() -> None:
    mixed = [*rows(3, label_source="marie", sampled="audit"), *rows(2, seed=1, label_source="judge", sampled="audit")]
    error = refused(mixed)
    assert "`marie` (3), `judge` (2)" in str(error)
    assert (error.param, "--label-source" in (error.hint or "")) == ("label_source", True)
    reading = read(lines(mixed), label_source="judge")
    assert (len(reading.records), reading.label_source) == (2, "judge")
    assert "3 records of another label source were left out" in reading.notes
    assert "no record has the label source `paul`" in str(refused(mixed, label_source="paul"))
    assert read(lines(mixed[:3])).label_source == "marie"


def test_a_source_that_only_undrawn_records_have_is_no_second_one() -> None:
    mixed = [*rows(3, label_source="marie"), *rows(2, seed=1, label_source="users", sampled=False)]
    assert read(lines(mixed)).label_source == "marie"


def test_records_of_two_fingerprints_are_refused() -> None:
    mixed = [*rows(3, fingerprint="f0"), *rows(2, seed=1, fingerprint="f1")]
    error = refused(mixed)
    assert ("f0 (3), f1 (2)" in str(error), error.param) == (True, "fingerprint")
    assert read(lines([*mixed[:3], *rows(2, seed=2)])).fingerprint == "f0", "those that say none do not contradict"


def test_unknown_fields_are_reported() -> None:
    trees = rows(3, colour="red")
    trees[0]["tiers"][0]["shape"] = "round"
    notes = read(lines(trees)).notes
    assert "unknown field `colour` in 3 lines was not read" in notes
    assert "unknown field `tiers.shape` in 1 lines was not read" in notes
