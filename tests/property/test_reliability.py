"""Laws of what a probability is worth, and of the error-cost curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from palier.metrics.curves import auc_norm, error_cost_curve, frontier, two_tier_curve
from palier.metrics.reliability import auroc, brier, expected_calibration_error, log_loss, reliability_bins

probability = st.floats(0, 1, width=16)


@st.composite
def judged(draw, fractional=True):
    n = draw(st.integers(1, 40))
    outcome = probability if fractional else st.sampled_from([0.0, 1.0])
    return draw(arrays.arrays(float, n, elements=probability)), draw(arrays.arrays(float, n, elements=outcome))


@given(judged(), st.integers(1, 20), st.booleans())
def test_bounds(rows, bins, debiased):
    predicted, outcomes = rows
    assert 0 <= brier(predicted, outcomes) <= 1
    assert 0 <= expected_calibration_error(predicted, outcomes, bins=bins, debiased=debiased) <= 1
    assert log_loss(predicted, outcomes) >= 0
    area = auroc(predicted, outcomes)
    assert area is None or 0 <= area <= 1


@given(judged(), st.integers(1, 20))
def test_calibration_error_is_below_the_root_of_brier(rows, bins):
    predicted, outcomes = rows
    error = expected_calibration_error(predicted, outcomes, bins=bins)
    assert error <= np.sqrt(brier(predicted, outcomes)) + 1e-9
    assert error >= abs(predicted.mean() - outcomes.mean()) - 1e-9


@given(judged(), st.integers(1, 20))
def test_bins_share_out_every_row(rows, bins):
    predicted, outcomes = rows
    points = reliability_bins(predicted, outcomes, bins=bins)
    assert sum(point.count for point in points) == len(predicted)
    assert len(points) <= bins
    for point in points:
        assert 0 <= point.observed_low <= point.observed <= point.observed_high <= 1


@given(judged())
def test_auroc_is_antisymmetric(rows):
    scores, outcomes = rows
    area = auroc(scores, outcomes)
    for other in (auroc(-scores, outcomes), auroc(scores, 1 - outcomes)):
        assert (area is None) == (other is None)
        if area is not None:
            assert other == pytest.approx(1 - area, abs=1e-9)


@given(judged(), st.randoms())
def test_order_of_rows_is_nothing(rows, random):
    predicted, outcomes = rows
    order = list(range(len(predicted)))
    random.shuffle(order)
    for measure in (brier, log_loss, auroc, expected_calibration_error):
        here, there = measure(predicted, outcomes), measure(predicted[order], outcomes[order])
        assert here == there or here == pytest.approx(there, rel=1e-9, abs=1e-9)


@st.composite
def cascades(draw, tiers=None):
    n, k = draw(st.integers(1, 12)), tiers or draw(st.integers(2, 4))
    right = draw(arrays.arrays(float, (n, k), elements=st.floats(0, 1, width=16)))
    cost = draw(arrays.arrays(float, (n, k), elements=st.floats(0.125, 100, width=16)))
    return draw(arrays.arrays(float, (n, k), elements=st.floats(0, 1, width=16))), right, cost


@given(cascades(), st.floats(0, 50), st.floats(0.5, 500))
def test_the_area_is_bounded(rows, low, width):
    curve = error_cost_curve(*rows, levels=5)
    assert (np.diff(curve.cost) >= 0).all()
    area = auc_norm(curve, (low, low + width))
    assert -1e-9 <= area <= 1 + 1e-9
    assert 1 - rows[1].max() - 1e-9 <= area <= 1 - rows[1].min() + 1e-9


@given(cascades(tiers=2))
def test_any_rising_map_of_confidence_gives_the_same_curve(rows):
    confidence, right, cost = rows
    here, there = (two_tier_curve(c, right, cost) for c in (confidence[:, 0], 3 * confidence[:, 0] - 7))
    assert here.cost.tolist() == there.cost.tolist()
    assert here.quality.tolist() == there.quality.tolist()


@given(cascades(tiers=2), st.floats(0.25, 8))
def test_the_unit_of_cost_is_nothing(rows, unit):
    confidence, right, cost = rows
    assert auc_norm(error_cost_curve(confidence, right, unit * cost)) == pytest.approx(
        auc_norm(error_cost_curve(confidence, right, cost)), abs=1e-9
    )


@given(cascades())
def test_a_frontier_is_its_own(rows):
    kept = frontier(error_cost_curve(*rows, levels=5))
    assert frontier(kept).cost.tolist() == kept.cost.tolist()
    assert (np.diff(kept.quality) > 0).all()
