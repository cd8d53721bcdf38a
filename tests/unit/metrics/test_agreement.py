"""Agreement against reference implementations."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from palier.metrics.agreement import cohen_kappa, spearman, weighted_kappa

sklearn_metrics = pytest.importorskip("sklearn.metrics")
stats = pytest.importorskip("scipy.stats")


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_sklearn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = rng.random(60) < 0.7
    other = np.where(rng.random(60) < 0.6, one, rng.random(60) < 0.5)
    assert cohen_kappa(one, other) == pytest.approx(sklearn_metrics.cohen_kappa_score(one, other), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_weighted_kappa_is_that_of_sklearn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 9, 60)
    other = np.clip(one + rng.integers(-2, 3, 60), 0, 8)
    expected = sklearn_metrics.cohen_kappa_score(one, other, labels=range(9), weights="quadratic")
    assert weighted_kappa(one / 8, other / 8) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_spearman_is_that_of_scipy_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 5, 40) / 4, rng.integers(0, 9, 40) / 8
    assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-12)


def test_what_is_not_defined_is_none() -> None:
    assert cohen_kappa([], []) is None
    assert cohen_kappa([True, True], [True, True]) is None
    assert cohen_kappa([True, True], [False, False]) == 0.0
    assert weighted_kappa([], []) is None
    assert weighted_kappa([0.3, 0.3, 0.3], [0.3, 0.3, 0.3]) is None
    assert spearman([], []) is None
    assert spearman([1.0], [1.0]) is None
    assert spearman([1.0, 2.0], [3.0, 3.0]) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert weighted_kappa([0.5], [0.5]) is None


def test_chance_alone_has_a_kappa_of_about_nothing() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.random(5000) < 0.8, rng.random(5000) < 0.7
    assert cohen_kappa(one, other) == pytest.approx(0.0, abs=0.05)
