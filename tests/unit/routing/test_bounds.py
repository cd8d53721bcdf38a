"""Bounds: against exact sums, published values, and the laws that a bound has."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest

from palier.routing import bounds

PROBABILITIES = (0.001, 0.05, 0.1, 0.3, 0.5, 0.77, 0.999)


def exact_tails(n: int, p: float) -> list[float]:
    """Of every count from 0 to n, in whole numbers: nothing is rounded but the result."""
    a, b = Fraction(str(p)).as_integer_ratio()
    terms = (math.comb(n, i) * a**i * (b - a) ** (n - i) for i in range(n + 1))
    return [total / b**n for total in accumulate(terms)]


def exact_tail(k: int, n: int, p: float) -> float:
    return exact_tails(n, p)[k]


@pytest.mark.parametrize("p", PROBABILITIES)
def test_the_binomial_tail_is_the_sum_for_every_count(p: float) -> None:
    expected = [tail for n in range(1, 61) for tail in exact_tails(n, p)]
    k, n = np.array([(k, n) for n in range(1, 61) for k in range(n + 1)]).T
    assert bounds.binomial_tail(k, n, p) == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_the_binomial_tail_at_its_ends() -> None:
    assert bounds.binomial_tail([-1, 0, 5, 6], [5, 0, 5, 5], 0.3).tolist() == [0.0, 1.0, 1.0, 1.0]
    assert bounds.binomial_tail(np.empty(0), np.empty(0), 0.3).shape == (0,)


def test_the_binomial_tail_of_many_trials() -> None:
    assert float(bounds.binomial_tail(0, 3000, 0.01)) == pytest.approx(0.99**3000, rel=1e-10)
    assert float(bounds.binomial_tail(4999, 5000, 0.999)) == pytest.approx(1 - 0.999**5000, rel=1e-10)
    assert float(bounds.binomial_tail(500_000, 1_000_001, 0.5)) == pytest.approx(0.5, rel=1e-6)
    assert float(bounds.binomial_tail(400_000, 1_000_000, 0.5)) == 0.0


@pytest.mark.parametrize(
    ("wrong", "trials", "confidence", "upper"),
    [
        (0, 20, 0.95, 1 - 0.05 ** (1 / 20)),
        (0, 299, 0.95, 1 - 0.05 ** (1 / 299)),  # the "rule of three": 0.01 from 299 without an error
        (1, 10, 0.975, 0.4450161),  # Clopper and Pearson's interval of 1 in 10 is .0025 to .4450
        (5, 10, 0.975, 0.8129136),
        (10, 10, 0.95, 1.0),
        (0, 0, 0.95, 1.0),
    ],
)
def test_clopper_and_pearson(wrong: int, trials: int, confidence: float, upper: float) -> None:
    assert bounds.binomial_upper(wrong, trials, confidence) == pytest.approx(upper, abs=2e-6)
    assert bounds.binomial_lower(trials - wrong, trials, confidence) == pytest.approx(1 - upper, abs=2e-6)


def test_the_upper_bound_is_where_the_tail_falls_to_the_level() -> None:
    for wrong in range(30):
        upper = bounds.binomial_upper(wrong, 30, 0.9)
        assert exact_tail(wrong, 30, round(upper + 1e-6, 6)) <= 0.1
        assert exact_tail(wrong, 30, round(upper - 1e-6, 6)) >= 0.1


def test_bounds_are_never_below_what_was_seen_and_rise_with_it() -> None:
    for trials in (1, 7, 40):
        seen = np.linspace(0, 1, 21)
        upper = [bounds.mean_upper(mean, trials, 0.9) for mean in seen]
        assert (np.array(upper) >= seen).all()
        assert (np.diff(upper) >= 0).all()
        exact = [bounds.binomial_upper(k, trials, 0.9) for k in range(trials + 1)]
        assert (np.array(exact) >= np.arange(trials + 1) / trials).all()
        assert (np.diff(exact) >= 0).all()


def test_more_trials_and_less_confidence_are_tighter() -> None:
    for bound in (bounds.mean_upper, lambda mean, n, c: bounds.binomial_upper(round(mean * n), n, c)):
        by_trials = [bound(0.1, n, 0.95) for n in (10, 50, 100, 500, 2000)]
        by_confidence = [bound(0.1, 100, c) for c in (0.5, 0.8, 0.9, 0.95, 0.99)]
        assert by_trials == sorted(by_trials, reverse=True)
        assert by_confidence == sorted(by_confidence)


def test_what_holds_for_any_loss_is_weaker_than_what_holds_for_binary_ones() -> None:
    for wrong, trials, alpha in ((3, 60, 0.1), (0, 30, 0.1), (40, 300, 0.2)):
        any_loss = float(bounds.hoeffding_bentkus(wrong / trials, trials, alpha))
        exact = exact_tail(wrong, trials, alpha)
        assert exact * (1 - 1e-9) <= any_loss <= min(1.0, math.e * exact) + 1e-12
        hoeffding = float(bounds.chernoff(wrong / trials, trials, alpha))
        assert any_loss == pytest.approx(min(hoeffding, math.e * exact), rel=1e-9)


@pytest.mark.parametrize("tail", [bounds.hoeffding_bentkus, bounds.chernoff])
def test_a_mean_above_alpha_is_no_evidence(tail: object) -> None:
    assert callable(tail)
    for mean in (0.1, 0.2, 1.0):
        assert float(tail(mean, 100, 0.1)) == 1.0
    assert float(tail(0.5, 0, 0.1)) == 1.0


def test_a_whole_sum_is_not_counted_one_higher_for_rounding() -> None:
    """0.07 * 100 is 7.000000000000001: its ceiling would be 8."""
    mean = sum([0.01] * 7)
    assert math.ceil(100 * mean) == 8
    for n in range(8, 100):
        for wrong in (1, 3, 7):
            exact = float(bounds.binomial_tail(wrong, n, 0.9))
            assert float(bounds.hoeffding_bentkus(sum([1.0 / n] * wrong), n, 0.9)) <= math.e * exact * (1 + 1e-9)


@pytest.mark.parametrize("alpha", [0.05, 0.3, 0.9])
def test_no_loss_ruins_who_bets(alpha: float) -> None:
    stakes = bounds.bets(alpha)
    assert (stakes > 0).all()
    for loss in (-1.0, 0.0, alpha, 1.0):
        assert (1 + stakes * (alpha - loss) > 0).all()


@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_bets_win_by_luck_as_rarely_as_they_say(alpha: float) -> None:
    """At the very edge of the hypothesis (the mean is alpha) the p-value is under its level no more often than that."""
    random = np.random.default_rng(0)
    stakes = bounds.bets(alpha)
    draws = 2000
    for chance_of_gain in (0.0, 0.1):
        worse = alpha + chance_of_gain  # losses of 1, 0 and -1 whose mean is alpha
        losses = random.choice(
            [1.0, -1.0, 0.0], p=[worse, chance_of_gain, 1 - worse - chance_of_gain], size=(draws, 80)
        )
        capital = np.log1p(stakes * (alpha - losses[:, :, None])).sum(axis=1)
        p = bounds.betting_tail(capital)
        for level in (0.2, 0.1, 0.05):
            share = (p <= level).mean()
            assert share <= level + 3 * math.sqrt(level / draws), (chance_of_gain, level)


def test_bets_notice_what_is_there() -> None:
    stakes = bounds.bets(0.1)
    kept = np.zeros(200)
    assert float(bounds.betting_tail(np.log1p(stakes * (0.1 - kept[:, None])).sum(axis=0))) < 1e-6
    worse = np.ones(200)
    assert float(bounds.betting_tail(np.log1p(stakes * (0.1 - worse[:, None])).sum(axis=0))) == 1.0


def test_capital_beyond_a_double_is_still_a_p_value() -> None:
    assert bounds.betting_tail(np.array([[2000.0] * bounds.BETS, [-2000.0] * bounds.BETS])).tolist() == [0.0, 1.0]
