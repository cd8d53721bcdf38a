"""Brier, log loss, calibration error, AUROC, the points of a diagram: known values, ties, and what is refused."""

import itertools
import math

import numpy as np
import pytest

from palier.metrics.reliability import auroc, brier, expected_calibration_error, log_loss, reliability_bins


def test_known_values():
    predicted, outcomes = [0.9, 0.6, 0.2], [1, 0, 0]
    assert brier(predicted, outcomes) == pytest.approx((0.01 + 0.36 + 0.04) / 3)
    assert log_loss(predicted, outcomes) == pytest.approx(-(math.log(0.9) + math.log(0.4) + math.log(0.8)) / 3)
    assert auroc(predicted, outcomes) == 1.0
    assert auroc([0.3, 0.6, 0.2, 0.6], [1, 0, 0, 1]) == pytest.approx((0 + 1 + 0.5 + 1) / 4)


def test_a_certain_error_costs_much_and_not_everything():
    assert 20 < log_loss([0.0], [1]) < 30
    assert log_loss([1.0, 0.0], [1, 0]) < 1e-9


def test_auroc_counts_pairs_and_ties_half():
    random = np.random.default_rng(0)
    scores, outcomes = random.integers(0, 6, 60), random.integers(0, 2, 60)
    pairs = [
        (s > t) + (s == t) / 2
        for s, right in zip(scores, outcomes, strict=True)
        for t, wrong in zip(scores, outcomes, strict=True)
        if right and not wrong
    ]
    assert auroc(scores, outcomes) == pytest.approx(np.mean(pairs))


def test_auroc_of_scores_counts_parts():
    # 0.75 is three right and one wrong, all at one place.
    assert auroc([0.2, 0.8], [0, 0.75]) == pytest.approx(auroc([0.2] * 4 + [0.8] * 4, [0] * 4 + [1, 1, 1, 0]))


@pytest.mark.parametrize("outcomes", [[1, 1], [0, 0]])
def test_auroc_of_one_class_is_unknown(outcomes):
    assert auroc([0.1, 0.2], outcomes) is None


def test_calibration_error_of_what_is_off_by_a_tenth():
    predicted = np.repeat([0.2, 0.5, 0.8], 100)
    outcomes = np.concatenate([np.arange(100) < share for share in (30, 60, 90)])
    assert expected_calibration_error(predicted, outcomes, bins=3) == pytest.approx(0.1)
    assert expected_calibration_error(predicted, outcomes, bins=50) == pytest.approx(0.1), "ties are never parted"


def test_debiasing_takes_off_what_chance_adds():
    random = np.random.default_rng(3)
    plain, debiased = [], []
    for _ in range(40):
        predicted = random.random(500)
        outcomes = random.random(500) < predicted
        plain.append(expected_calibration_error(predicted, outcomes))
        debiased.append(expected_calibration_error(predicted, outcomes, debiased=True))
    assert np.mean(plain) > 0.04
    assert np.mean(debiased) < 0.6 * np.mean(plain)
    off = np.clip(predicted + 0.3, 0, 1)
    assert expected_calibration_error(off, outcomes, debiased=True) > 0.2


def test_bins_of_a_diagram():
    random = np.random.default_rng(4)
    predicted = random.random(1000)
    points = reliability_bins(predicted, random.random(1000) < predicted, bins=10)
    assert [point.count for point in points] == [100] * 10
    assert all(a.high < b.low for a, b in itertools.pairwise(points))
    for point in points:
        assert point.low <= point.predicted <= point.high
        assert 0 <= point.observed_low <= point.observed <= point.observed_high <= 1
    assert sum(point.observed_low <= point.predicted <= point.observed_high for point in points) >= 8


def test_the_interval_is_wilsons():
    # 8 of 10 at 95 %: 0.490 to 0.943 (Newcombe, 1998, by formula).
    (point,) = reliability_bins([0.5] * 10, [1] * 8 + [0] * 2)
    assert (point.observed_low, point.observed_high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_a_bin_of_all_right_is_not_certain():
    (point,) = reliability_bins([0.9] * 5, [1] * 5)
    assert point.observed_high == 1.0
    assert point.observed_low < 0.6


@pytest.mark.parametrize(
    ("predicted", "outcomes", "match"),
    [
        ([0.5], [1, 0], "1 predictions for 2"),
        ([], [], "at least one row"),
        ([0.5, math.nan], [1, 0], "row 1 is not finite"),
        ([0.5, 1.5], [1, 0], "predicted"),
        ([0.5, 0.5], [1, 2], "outcomes"),
        ([[0.5]], [1], "one number a row"),
    ],
)
def test_what_is_no_probability_is_refused(predicted, outcomes, match):
    for measure in (brier, log_loss, expected_calibration_error, reliability_bins):
        with pytest.raises(ValueError, match=match):
            measure(predicted, outcomes)


def test_no_bin_is_no_diagram():
    with pytest.raises(ValueError, match="bins is 0"):
        expected_calibration_error([0.5], [1], bins=0)
