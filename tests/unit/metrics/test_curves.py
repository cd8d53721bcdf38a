"""The error-cost curve of a cascade and the area under it: by hand, and as it was published."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from palier.metrics.curves import (
    Curve,
    auc_norm,
    best_thresholds,
    error_cost_curve,
    frontier,
    threshold_curve,
    two_tier_curve,
)

RIGHT = np.array([[0, 1], [1, 1], [0, 0], [1, 0]])
COST = np.array([[1, 10], [1, 10], [1, 20], [1, 10]])


def test_the_least_confident_climb_first():
    curve = two_tier_curve([0.1, 0.9, 0.2, 0.8], RIGHT, COST)
    assert curve.cost.tolist() == [1, 3.5, 8.5, 11, 13.5]
    assert curve.quality.tolist() == [0.5, 0.75, 0.75, 0.5, 0.5]
    # Trapezes: 2.5 x 0.625, 5 x 0.75, 2.5 x 0.625, 2.5 x 0.5.
    assert auc_norm(curve) == pytest.approx(1 - 8.125 / 12.5)


def test_equal_confidence_climbs_together():
    curve = two_tier_curve([0.1, 0.1, 0.1, 0.8], RIGHT, COST)
    assert curve.cost.tolist() == [1, 11, 13.5]
    assert two_tier_curve([0.5] * 4, RIGHT, COST).quality.tolist() == [0.5, 0.5]


def test_a_range_of_costs_interpolates_and_holds_the_ends():
    curve = Curve(np.array([1.0, 3.0]), np.array([0.5, 1.0]))
    assert auc_norm(curve, (2, 3)) == pytest.approx(1 - 0.875)
    assert auc_norm(curve, (0, 1)) == pytest.approx(0.5)
    assert auc_norm(curve, (3, 9)) == pytest.approx(0.0)
    assert auc_norm(curve, (0, 5)) == pytest.approx(1 - (0.5 + 1.5 + 2) / 5)


def test_a_step_is_a_step():
    curve = Curve(np.array([0.0, 1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert auc_norm(curve) == pytest.approx(0.5)


@pytest.mark.parametrize("bounds", [(1, 1), (2, 1), (0, float("inf")), (float("nan"), 1)])
def test_an_empty_range_has_no_mean(bounds):
    with pytest.raises(ValueError, match="is not a range"):
        auc_norm(Curve(np.array([1.0, 3.0]), np.array([0.5, 1.0])), bounds)


def test_thresholds_of_two_tiers_are_points_of_their_curve():
    confidence = np.array([0.1, 0.9, 0.2, 0.8])
    points = threshold_curve(confidence, RIGHT, COST, [[0.0], [0.2], [0.5], [0.85], [2.0]])
    whole = error_cost_curve(confidence, RIGHT, COST)
    assert points.cost.tolist() == whole.cost.tolist()
    assert points.quality.tolist() == whole.quality.tolist()


def test_a_row_pays_for_every_tier_it_asked():
    right, cost = [[0, 0, 1]], [[1, 2, 4]]
    for thresholds, paid, reached in (([0, 0], 1, 0), ([1, 0], 3, 0), ([1, 1], 7, 1), ([0, 1], 1, 0)):
        curve = threshold_curve([[0.5, 0.5]], right, cost, [thresholds])
        assert (curve.cost.item(), curve.quality.item()) == (paid, reached)


def test_the_frontier_only_rises():
    curve = frontier(Curve(np.array([1.0, 2, 2, 3, 4]), np.array([0.5, 0.4, 0.6, 0.6, 0.7])))
    assert curve.cost.tolist() == [1, 2, 4]
    assert curve.quality.tolist() == [0.5, 0.6, 0.7]


def three_tiers(rows=400):
    random = np.random.default_rng(5)
    difficulty = random.random((rows, 1))
    right = random.random((rows, 3)) < 1 - difficulty * [0.9, 0.6, 0.2]
    confidence = 1 - difficulty + random.normal(0, 0.1, (rows, 3))
    return confidence, right.astype(float), np.tile([1.0, 4.0, 20.0], (rows, 1))


def test_more_tiers_give_a_frontier_that_no_grid_point_beats():
    confidence, right, cost = three_tiers()
    curve = error_cost_curve(confidence, right, cost, levels=12)
    assert (np.diff(curve.cost) > 0).all()
    assert (np.diff(curve.quality) > 0).all()
    by_hand = threshold_curve(confidence, right, cost, np.random.default_rng(6).random((50, 2)))
    bounds = (curve.cost[0], curve.cost[-1])
    assert auc_norm(curve) <= auc_norm(frontier(by_hand), bounds) + 1e-3
    assert auc_norm(curve) <= auc_norm(two_tier_curve(confidence[:, 0], right[:, [0, 2]], cost[:, [0, 2]]), bounds)


def test_thresholds_chosen_on_some_rows_serve_on_others():
    confidence, right, cost = three_tiers(800)
    chosen = best_thresholds(confidence[:400], right[:400], cost[:400], levels=12)
    assert chosen.shape[1] == 2
    there = auc_norm(threshold_curve(confidence[400:], right[400:], cost[400:], chosen), (1, 25))
    assert there < auc_norm(two_tier_curve(np.arange(400), right[400:][:, [0, 2]], cost[400:][:, [0, 2]]), (1, 25))


def test_many_tiers_stay_affordable():
    random = np.random.default_rng(7)
    right = (random.random((50, 6)) < 0.5).astype(float)
    assert len(best_thresholds(random.random((50, 6)), right, np.ones((50, 6)), levels=40)) < 20_000


@pytest.mark.parametrize(
    ("confidence", "right", "cost", "match"),
    [
        ([0.5], [[1]], [[1]], "two tiers"),
        ([0.5], [[1, 0]], [[1, -1]], "below 0"),
        ([0.5, 0.5], [[1, 0]], [[1, 1]], "confidence"),
        ([np.nan], [[1, 0]], [[1, 1]], "confidence"),
        ([0.5], [[1, np.nan]], [[1, 1]], "all known"),
    ],
)
def test_what_is_no_cascade_is_refused(confidence, right, cost, match):
    with pytest.raises(ValueError, match=match):
        error_cost_curve(confidence, right, cost)


PUBLISHED = {(3, 4): 0.1614, (2, 3): 0.2596, (2, 4): 0.2361, (1, 2): 0.3919, (0, 2): 0.4766}
"""MMLU, raw log-probability of the small model, over the published range of costs: recomputed once, apart from this."""


@pytest.mark.data
@pytest.mark.parametrize("pair", PUBLISHED)
def test_published_areas(pair):
    folder = Path(os.environ.get("PALIER_BENCH_DATA") or "-") / "cascade_logprob"
    if not folder.is_dir():
        pytest.skip("the public data are not here")
    with gzip.open(folder / "mmlu_llama_chain_test.jsonl.gz", "rt") as file:
        rows = [[list(json.loads(line)["models"].values())[tier] for tier in pair] for line in file]
    with gzip.open(folder / "published_records.jsonl.gz", "rt") as file:
        records = [json.loads(line) for line in file]
    bounds = next(
        r["cost_bounds"]
        for r in records
        if r["cascade"] == list(pair) and (r["benchmark"], r["method"]) == ("mmlu", "gridsearch")
    )
    right = [[float(model["correct"]) for model in row] for row in rows]
    cost = [[model["cost_usd"] * 1e6 for model in row] for row in rows]
    curve = two_tier_curve([row[0]["logprob"] for row in rows], right, cost)
    assert auc_norm(curve, bounds) == pytest.approx(PUBLISHED[pair], abs=6e-5)
