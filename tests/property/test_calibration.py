"""Laws of calibration: a probability, in the order of the evidence, whatever the order, unit and zero of the rows."""

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from palier.routing.calibration import Calibrator, fit_calibrator
from palier.routing.regression import centred_isotonic

NAMES = ("a", "b", "c")
sensible = st.floats(-100, 100, width=32)


@st.composite
def judged(draw, features=None):
    """Rows that can be fitted: a matrix and outcomes, right and wrong or scores."""
    n, k = draw(st.integers(20, 60)), features or draw(st.integers(1, 3))
    seeds = draw(arrays.arrays(np.float64, (n, k), elements=st.one_of(st.integers(-5, 5).map(float), sensible)))
    outcome = draw(st.sampled_from([st.sampled_from([0.0, 1.0]), st.floats(0, 1, width=16)]))
    y = draw(arrays.arrays(np.float64, n, elements=outcome))
    assume(np.ptp(y) > 0)
    assume((seeds.std(axis=0) > 1e-3).any())
    return seeds, y


def fitted(rows):
    return fit_calibrator(NAMES[: rows[0].shape[1]], *rows)


@settings(max_examples=30, deadline=None)
@given(judged(), st.lists(st.floats(-1e300, 1e300), min_size=3, max_size=3))
def test_it_is_a_probability_one_by_one_and_together(rows, elsewhere):
    model = fitted(rows)
    rows = np.vstack((rows[0], elsewhere[: rows[0].shape[1]]))
    together = model.probabilities(rows)
    assert ((together >= 0) & (together <= 1)).all()
    one = [model.probability(dict(zip(model.names, row, strict=True))) for row in rows.tolist()]
    assert together == pytest.approx(one, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(judged(features=1))
def test_one_feature_orders_the_rows(rows):
    model = fitted(rows)
    values = np.unique(rows[0])
    probabilities = model.probabilities(values[:, None])
    steps = np.diff(probabilities)
    sign = np.sign(model.features[0].coefficient)
    assert (steps * sign >= 0).all()
    # Strictly, where a double can tell: steps of the score that are more than rounding, away from 0 and 1.
    sure = (probabilities > 1e-9) & (probabilities < 1 - 1e-9)
    far = (np.diff(values) > 1e-6 * np.abs(values).max()) & sure[1:] & sure[:-1]
    if abs(model.features[0].coefficient) > 1e-6:
        assert (steps[far] * sign > 0).all()


@settings(max_examples=30, deadline=None)
@given(judged(), st.randoms())
def test_order_of_rows_is_nothing_to_the_last_bit(rows, random):
    order = list(range(len(rows[1])))
    random.shuffle(order)
    assert fitted(rows) == fitted((rows[0][order], rows[1][order]))


@settings(max_examples=30, deadline=None)
@given(judged(), st.integers(-8, 8), st.integers(-64, 64))
def test_unit_and_zero_of_a_feature_are_nothing(rows, power, shift):
    matrix = np.round(rows[0] * 16) / 16  # so that the shift rounds nothing away
    assume((matrix.std(axis=0) > 1e-3).any())
    moved = matrix * 2.0**power + shift
    here, there = fitted((matrix, rows[1])), fitted((moved, rows[1]))
    assert here.kind == there.kind
    assert here.probabilities(matrix) == pytest.approx(there.probabilities(moved), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(judged())
def test_json_loses_nothing(rows):
    model = fitted(rows)
    assert msgspec.json.decode(msgspec.json.encode(model), type=Calibrator) == model


@given(judged(features=1))
def test_isotonic_rises_and_stays_inside(rows):
    places, values = np.array(centred_isotonic(rows[0][:, 0], rows[1])).T
    assert (np.diff(places) > 0).all()
    assert (np.diff(values) >= 0).all()
    assert ((values > 0) & (values < 1)).all()
