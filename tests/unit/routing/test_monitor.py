"""The monitor: when it speaks, what it says, what it refuses, and that a restart changes nothing."""

from __future__ import annotations

import itertools
import math
import random

import msgspec
import pytest

from palier.routing.monitor import BETS, FIRST_STAKE, Monitor, bets, reserve


def watched(losses, alpha=0.1, delta=0.05):
    monitor = Monitor(alpha=alpha, delta=delta)
    for loss in losses:
        monitor = monitor.update(loss)
    return monitor


def drawn(risk, n, seed=0):
    source = random.Random(seed)
    return [float(source.random() < risk) for _ in range(n)]


def first_alarm(losses, **promise):
    return watched(losses, **promise).alarmed_at


def test_knows_nothing_before_the_first_answer():
    monitor = Monitor(alpha=0.1, delta=0.05)
    assert monitor.evidence == pytest.approx(1.0, rel=1e-12)
    assert (monitor.n, monitor.mean, monitor.interval, monitor.alarm) == (0, None, (0.0, 1.0), False)
    assert str(monitor) == "watching: no audited kept answer yet, limit 10 %"


def test_the_stakes_sum_to_one():
    assert FIRST_STAKE + reserve(0) == 1.0
    assert reserve(10**12) < 1e-4
    assert all(reserve(n) > reserve(n + 1) for n in (0, 1, 499, 10**6, 10**9))


@pytest.mark.parametrize("alpha", [1e-9, 0.001, 0.05, 0.3, 0.9, 1 - 1e-12])
def test_no_bet_can_go_bankrupt(alpha):
    fractions = bets(alpha)
    assert len(fractions) == BETS
    assert all(0 < low < high < 1 for low, high in itertools.pairwise(fractions))


def test_answers_that_are_always_wrong_are_seen_at_once():
    assert first_alarm([1.0] * 20) <= 5


def test_a_policy_that_was_never_right_is_seen():
    delays = [first_alarm(drawn(0.2, 2000, seed)) for seed in range(20)]
    assert all(delays)
    assert sorted(delays)[10] < 200


def test_a_change_after_a_long_good_time_is_seen_soon():
    """Where one bet from the start would have lost all that it had: 1e-30 and less."""
    good = drawn(0.05, 5000)
    assert not watched(good).alarm
    delays = [first_alarm(good + drawn(0.25, 1000, seed)) - 5000 for seed in range(1, 6)]
    assert 0 < sorted(delays)[2] < 250
    fixed = sum(math.log1p(bets(0.1)[6] * (loss - 0.1) / 0.1) for loss in good)
    assert fixed < -30 * math.log(10)


def test_a_risk_under_the_promise_is_not_held_against_it():
    assert sum(watched(drawn(0.09, 3000, seed)).alarm for seed in range(10)) == 0


def test_an_alarm_stays_raised_and_says_since_when():
    monitor = watched(drawn(0.03, 1000) + drawn(0.5, 100, 1) + [0.0] * 2000)
    assert 1000 < monitor.alarmed_at < 1100
    assert monitor.alarm
    assert abs(monitor.onset - 1000) < 20
    assert str(monitor).startswith(f"breached, seen after {monitor.alarmed_at} audited kept answers: ")
    assert str(monitor).endswith(f"of the {3100 - monitor.onset} since about then were wrong, limit 10 %")


def test_says_what_it_knows():
    monitor = watched([1.0] * 3 + [0.0] * 97, alpha=0.075)
    low, high = monitor.interval
    assert str(monitor) == (
        f"watching: 100 audited kept answers, 3.0 % wrong [{100 * low:.1f}, {100 * high:.1f}], limit 7.5 %"
    )
    assert 0.0 < low < 0.01 < 0.08 < high < 0.13
    assert "1 audited kept answer, 0.0 % wrong" in str(watched([0.0]))


def test_the_interval_narrows_around_the_mean():
    wide, narrow = (watched(drawn(0.08, n)).interval for n in (200, 5000))
    assert wide[0] < narrow[0] < 0.08 < narrow[1] < wide[1]
    assert narrow[1] - narrow[0] < 0.03


def test_losses_may_be_graded():
    assert watched([0.3] * 200).alarm
    assert not watched([0.1] * 2000).alarm
    assert watched([0.25] * 4).mean == 0.25


def test_a_restart_goes_on_with_the_same_bits():
    losses = drawn(0.1, 300) + drawn(0.3, 300)
    through = watched(losses)
    stored = b""
    for loss in losses:
        monitor = msgspec.json.decode(stored, type=Monitor) if stored else Monitor(alpha=0.1, delta=0.05)
        stored = msgspec.json.encode(monitor.update(loss))
    assert msgspec.json.decode(stored, type=Monitor) == through == watched(losses)
    assert len(stored) < 600


def test_evidence_beyond_measure_can_still_be_stored():
    monitor = watched([1.0] * 2000, alpha=0.001)
    assert math.isfinite(monitor.evidence)
    assert msgspec.json.decode(msgspec.json.encode(monitor), type=Monitor) == monitor


@pytest.mark.parametrize("loss", [math.nan, math.inf, -0.001, 1.001])
def test_refuses_what_is_no_loss(loss):
    with pytest.raises(ValueError, match=r"a loss lies between 0 and 1; this is"):
        Monitor(alpha=0.1, delta=0.05).update(loss)


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 1.5, math.nan, math.inf])
@pytest.mark.parametrize("name", ["alpha", "delta"])
def test_refuses_what_is_no_promise(name, value):
    with pytest.raises(ValueError, match=f"{name} lies between"):
        Monitor(**{"alpha": 0.1, "delta": 0.05, name: value})


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"method": 0}, "replay the losses"),
        ({"wealth": (0.1,)}, "replay the losses"),
        ({"wealth": (0.1,) * (BETS - 1) + (-0.1,)}, "negative or not finite"),
        ({"wealth": (0.1,) * (BETS - 1) + (math.nan,)}, "negative or not finite"),
        ({"rise": math.inf}, "negative or not finite"),
        ({"total": 11.0}, "more than its answers"),
        ({"onset": 11}, "more than its answers"),
        ({"alarmed_at": 11}, "more than its answers"),
        ({"n": -1}, "more than its answers"),
    ],
)
def test_refuses_a_state_that_no_monitor_came_to(figures, words):
    with pytest.raises(ValueError, match=words):
        Monitor(**{"alpha": 0.1, "delta": 0.05, "n": 10, **figures})


def test_a_stored_state_is_checked_too():
    with pytest.raises(msgspec.ValidationError, match="alpha lies between"):
        msgspec.json.decode(b'{"alpha": 2, "delta": 0.05}', type=Monitor)
