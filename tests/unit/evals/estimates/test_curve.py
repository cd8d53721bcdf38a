"""The curve of quality against size."""

import numpy as np
import pytest
from scipy import optimize

from palier.evals.estimates.curve import POINTS, Sized, fit
from palier.evals.figures import Estimate
from palier.metrics.intervals import wilson

SIZES = [100_000_000, 500_000_000, 1_000_000_000, 3_000_000_000, 7_000_000_000, 70_000_000_000]


def models(qualities, n=200):
    return [
        Sized(f"m{i}", size, Estimate(value=q, low=wilson(q * n, n)[0], high=wilson(q * n, n)[1]))
        for i, (size, q) in enumerate(zip(SIZES, qualities, strict=True))
    ]


def test_it_is_the_logistic_of_greatest_likelihood():
    qualities = np.array([0.31, 0.44, 0.62, 0.66, 0.81, 0.9])
    found = fit(models(qualities), 0.0, 1.0)
    x = np.log10(SIZES)

    def loss(beta):
        line = beta[0] + beta[1] * x
        return np.sum(np.logaddexp(0, line) - qualities * line)

    best = optimize.minimize(
        loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 9999}
    )
    assert (found["intercept"], found["slope"]) == pytest.approx(tuple(best.x), rel=1e-4)
    assert found["slope_low"] < found["slope"] < found["slope_high"]
    assert len(found["points"]) == POINTS
    assert found["sizes"] == 6


def test_it_is_drawn_within_the_sizes_and_the_range():
    points = fit(models([0.97, 0.98, 0.99, 1.0, 1.0, 1.0]), 0.0, 1.0)["points"]
    assert points[0]["parameters"] == pytest.approx(min(SIZES))
    assert points[-1]["parameters"] == pytest.approx(max(SIZES))
    assert all(0 <= p["low"] <= p["quality"] <= p["high"] <= 1 for p in points)


def test_a_perfect_fit_is_as_uncertain_as_its_points():
    x = np.log10(SIZES)
    perfect = 1 / (1 + np.exp(9 - x))
    few, many = (fit(models(perfect, n), 0.0, 1.0)["points"][POINTS // 2] for n in (50, 5000))
    assert few["high"] - few["low"] > 0.1 > 0.03 > many["high"] - many["low"] > 0


def test_another_range_is_another_scale():
    qualities = np.array([0.31, 0.44, 0.62, 0.66, 0.81, 0.9])
    hundred = [
        Sized(
            m.name,
            m.parameters,
            Estimate(value=100 * m.quality.value, low=100 * m.quality.low, high=100 * m.quality.high),
        )
        for m in models(qualities)
    ]
    one, other = fit(models(qualities), 0.0, 1.0), fit(hundred, 0.0, 100.0)
    assert other["slope"] == pytest.approx(one["slope"])
    assert other["points"][3]["low"] == pytest.approx(100 * one["points"][3]["low"])


def test_models_that_are_all_right_have_a_curve_too():
    assert fit(models([1.0] * 6), 0.0, 1.0)["points"][0]["quality"] > 0.99
