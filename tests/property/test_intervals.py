"""Laws of intervals and comparisons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from palier.metrics.differences import holm, needed, paired_p, paired_shares
from palier.metrics.intervals import bca, wilson, wilson_of_families

score = st.floats(0, 1, width=16)


def mean(sums):
    return sums[..., 0] / sums[..., 1]


@st.composite
def families(draw, elements=score):
    n = draw(st.integers(2, 30))
    values = draw(arrays.arrays(float, n, elements=elements))
    groups = draw(arrays.arrays(int, n, elements=st.integers(0, 12)))
    return np.column_stack((values, np.ones(n))), groups


@given(st.integers(1, 500), st.data(), st.floats(0.5, 0.999))
def test_wilson_holds_the_share_within_0_and_1(n, data, confidence):
    right = data.draw(st.integers(0, n))
    low, high = wilson(right, n, confidence)
    assert 0 <= low <= right / n <= high <= 1
    assert low < high
    assert (1 - high, 1 - low) == pytest.approx(wilson(n - right, n, confidence), abs=1e-9)
    wide = wilson(right, n, (1 + confidence) / 2)
    assert wide[0] <= low
    assert wide[1] >= high


@given(families(), st.randoms())
def test_neither_order_nor_names_of_families_change_anything(rows, random):
    statistics, groups = rows
    order = list(range(len(groups)))
    random.shuffle(order)
    names = np.array(random.sample(range(100), 13))
    here = bca(statistics, mean, groups, draws=50)
    there = bca(statistics[order], mean, names[groups][order], draws=50)
    assert here == pytest.approx(there, abs=0, nan_ok=True)


@given(families())
def test_bca_holds_its_figure_within_the_range(rows):
    statistics, groups = rows
    value, low, high = bca(statistics, mean, groups, draws=50)
    assert np.isnan(low) == np.isnan(high)
    if not np.isnan(low):
        assert statistics[:, 0].min() - 1e-9 <= low <= value <= high <= statistics[:, 0].max() + 1e-9


@given(arrays.arrays(float, st.integers(2, 30), elements=st.sampled_from([0.0, 1.0])), st.integers(2, 4))
def test_copies_within_families_do_not_narrow_an_interval(right, times):
    low, high = wilson_of_families(right, np.arange(len(right)))
    again = wilson_of_families(np.repeat(right, times), np.repeat(np.arange(len(right)), times))
    assert again[1] - again[0] >= high - low - 1e-9


@given(families(st.sampled_from([0.0, 1.0])))
def test_families_hold_their_share(rows):
    statistics, groups = rows
    low, high = wilson_of_families(statistics[:, 0], groups)
    assert 0 <= low <= statistics[:, 0].mean() + 1e-9
    assert statistics[:, 0].mean() - 1e-9 <= high <= 1


@given(families(), families())
def test_a_test_does_not_ask_which_is_first(one, other):
    n = min(len(one[1]), len(other[1]))
    first, second, groups = one[0][:n], other[0][:n], one[1][:n]
    p = paired_p(first, second, mean, groups, draws=200)
    assert 0 < p <= 1
    # Other draws of the same test: the chance of a larger distance between two of 200 draws is negligible.
    assert paired_p(second, first, mean, groups, draws=200) == pytest.approx(p, abs=0.25)


@given(arrays.arrays(float, st.integers(1, 12), elements=st.floats(0, 1)))
def test_holm_is_his_procedure(p):
    """Oracle: step down, and reject while a p-value is within the level of those that are left."""
    adjusted = holm(p)
    for level in (0.01, 0.05, 0.3):
        told = np.zeros(len(p), dtype=bool)
        for rank, place in enumerate(np.argsort(p, kind="stable")):
            if p[place] * (len(p) - rank) > level:
                break
            told[place] = True
        assert (adjusted <= level).tolist() == told.tolist()
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()


@given(st.floats(0.001, 1), st.floats(1.01, 5), st.floats(0.001, 1), st.integers(2, 500))
def test_a_larger_difference_needs_no_more_cases(difference, factor, error, families):
    few, many = (needed(d, error, families, families) for d in (difference * factor, difference))
    assert few is not None
    assert many is not None
    assert 1 <= few <= many
    strict = needed(difference, error, families, families, level=0.01)
    assert strict is not None
    assert strict >= many


@given(arrays.arrays(float, st.integers(1, 40), elements=st.sampled_from([0.0, 1.0])), st.data())
def test_paired_shares_turn_with_the_pair(first, data):
    second = data.draw(arrays.arrays(float, len(first), elements=st.sampled_from([0.0, 1.0])))
    low, high = paired_shares(first, second)
    assert -1 <= low < high <= 1
    assert paired_shares(second, first) == pytest.approx((-high, -low))
