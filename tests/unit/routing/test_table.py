"""Records as arrays: shapes, what is unknown, and records that do not agree on their features."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from palier.errors import InvalidRequest
from palier.routing.records import Record, parse
from palier.routing.table import tabulate


def record(id: str, *tiers: dict[str, Any], **fields: Any) -> Record:
    named = [{"name": f"t{j}", **tier} for j, tier in enumerate(tiers)]
    return parse(json.dumps({"id": id, "tiers": named, **fields}), 1)


TOP = {"correct": True, "cost": 9}


def test_arrays_have_a_row_a_record_and_nothing_is_made_up() -> None:
    table = tabulate(
        [
            record("a", {"features": {"y": 1, "x": 2}, "score": 0.75, "cost": 1}, TOP, segment="fr"),
            record("b", {"skipped": True, "features": {"x": 3}}, {"correct": False}),
            record("c", {}, TOP),
            record("d", {"features": {"x": 5, "y": 6}, "correct": False}, {"skipped": True}),
        ]
    )
    assert (table.ids, table.tiers, table.below, len(table)) == (("a", "b", "c", "d"), ("t0", "t1"), 1, 4)
    assert np.array_equal(table.losses, [[0.25, 0], [np.nan, 1], [np.nan, 0], [1, np.nan]], equal_nan=True)
    assert np.array_equal(table.costs, [[1, 9], [np.nan, np.nan], [np.nan, 9], [np.nan, np.nan]], equal_nan=True)
    assert table.present.tolist() == [[True, True], [False, True], [True, True], [True, False]]
    assert table.segments == ("fr", "", "", "")
    (signals,) = table.signals
    assert (signals.names, signals.rows.tolist(), signals.matrix.tolist()) == (("x", "y"), [0, 3], [[2, 1], [5, 6]])


def test_signals_are_chosen_by_the_rows_of_the_table() -> None:
    (signals,) = tabulate([record(n, {"features": {"x": i}} if i else {}, TOP) for i, n in enumerate("abcd")]).signals
    chosen = signals.among(np.array([True, False, True, True]))
    assert (chosen.rows.tolist(), chosen.matrix.tolist()) == ([2, 3], [[2.0], [3.0]])
    joined = chosen.joined("z", np.array([10.0, 20.0, 30.0, 40.0]))
    assert (joined.names, joined.matrix.tolist()) == (("x", "z"), [[2.0, 30.0], [3.0, 40.0]])


def refused(*records: Record) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        tabulate(records)
    assert caught.value.hint
    return caught.value


def test_one_tier_leaves_nothing_to_decide() -> None:
    error = refused(record("a", TOP))
    assert ("there is nothing to decide" in str(error), error.param) == (True, "tiers")


def test_a_tier_without_any_feature_is_named() -> None:
    error = refused(record("a", {"features": {"x": 1}}, {}, TOP), record("b", {"features": {"x": 1}}, {}, TOP))
    assert ("tier `t1` has no features in any record" in str(error), error.param) == (True, "features")
    assert "no features" in str(refused(record("a", {"features": {"x": 1}, "skipped": True}, TOP)))


@pytest.mark.parametrize(
    ("features", "words"), [({"x": 1}, "feature `y` is missing"), ({"x": 1, "y": 2, "z": 3}, "feature `z` is there")]
)
def test_features_that_differ_are_named_with_their_record(features: dict[str, float], words: str) -> None:
    error = refused(record("a", {"features": {"x": 1, "y": 2}}, TOP), record("b", {"features": features}, TOP))
    assert f"record `b`, tier `t0`: {words}" in str(error)
    assert error.param == "features"
