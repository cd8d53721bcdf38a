"""Laws of the monitor: evidence does not grow while the promise holds, false alarms are rare, order and restarts."""

import itertools
import math
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.routing.monitor import Monitor

alphas = st.floats(0.001, 0.9)
deltas = st.floats(0.001, 0.5)
some_losses = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0]), max_size=40)


def watched(losses, alpha=0.1, delta=0.05):
    monitor = Monitor(alpha=alpha, delta=delta)
    for loss in losses:
        monitor = monitor.update(loss)
    return monitor


@given(some_losses, alphas, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_one_more_answer_is_not_expected_to_raise_the_evidence(losses, alpha, share, low, high):
    """Whatever came before, and whatever law of two points the next loss has, of mean at most alpha."""
    monitor = watched(losses, alpha)
    low, high = share * alpha * low, share * alpha + (1 - share * alpha) * high
    p = (share * alpha - low) / (high - low) if high > low else 0.0
    expected = (1 - p) * monitor.update(low).evidence + p * monitor.update(high).evidence
    assert expected <= monitor.evidence * (1 + 1e-12)
    if share == 1.0 and p:
        assert expected == pytest.approx(monitor.evidence, rel=1e-12)


@pytest.mark.parametrize(("alpha", "values"), [(0.05, (0.0, 1.0)), (0.2, (0.0, 1.0)), (0.3, (0.1, 0.7))])
def test_expected_evidence_is_one_over_every_path(alpha, values):
    """The whole tree of eleven answers with risk exactly alpha."""
    low, high = values
    p = (alpha - low) / (high - low)
    total = 0.0
    for path in itertools.product(values, repeat=11):
        wrong = sum(loss == high for loss in path)
        total += p**wrong * (1 - p) ** (11 - wrong) * watched(path, alpha).evidence
    assert total == pytest.approx(1.0, rel=1e-12)


@given(st.integers(0, 300), alphas, deltas)
@settings(max_examples=50)
def test_no_error_is_no_alarm(n, alpha, delta):
    monitor = watched([0.0] * n, alpha, delta)
    assert not monitor.alarm
    assert monitor.evidence <= 1.0 + 1e-12
    assert monitor.interval[0] == 0.0


@given(some_losses, st.data(), alphas)
def test_evidence_is_monotone_in_each_loss(losses, data, alpha):
    raised = [data.draw(st.floats(loss, 1)) for loss in losses]
    better, worse = watched(losses, alpha), watched(raised, alpha)
    assert better.evidence <= worse.evidence * (1 + 1e-12)
    assert (better.alarmed_at or math.inf) >= (worse.alarmed_at or math.inf)


@given(some_losses, st.sets(st.integers(0, 40)), alphas, deltas)
def test_stores_and_restarts_change_nothing(losses, restarts, alpha, delta):
    monitor = Monitor(alpha=alpha, delta=delta)
    for position, loss in enumerate(losses):
        if position in restarts:
            monitor = msgspec.json.decode(msgspec.json.encode(monitor), type=Monitor)
        monitor = monitor.update(loss)
    assert monitor == watched(losses, alpha, delta)


@given(some_losses, alphas, deltas)
def test_the_interval_holds_the_mean_and_is_wider_for_more_confidence(losses, alpha, delta):
    monitor = watched(losses, alpha, delta)
    low, high = monitor.interval
    assert 0.0 <= low <= high <= 1.0
    if losses:
        assert low <= monitor.mean <= high
    surer = watched(losses, alpha, delta / 2).interval
    assert surer[0] <= low
    assert high <= surer[1]


def test_false_alarms_are_rarer_than_promised():
    """The hardest case, a risk of exactly alpha: of 200 lives of 1,000 answers, 40 may alarm at delta = 0.2."""
    source = random.Random(11)
    alarms = 0
    for _ in range(200):
        monitor = Monitor(alpha=0.2, delta=0.2)
        for _ in range(1000):
            monitor = monitor.update(float(source.random() < 0.2))
            if monitor.alarm:
                break
        alarms += monitor.alarm
    assert 0 < alarms <= 40


def test_the_interval_holds_the_running_mean_of_risks_that_change():
    """Looked at after every tenth answer; risks jump, so that no single risk would be the truth."""
    source = random.Random(12)
    missed = 0
    for _ in range(60):
        monitor, risks = Monitor(alpha=0.1, delta=0.2), 0.0
        for n in range(1, 401):
            risk = 0.02 if n % 100 < 50 else 0.5
            risks += risk
            monitor = monitor.update(float(source.random() < risk))
            if n % 10 == 0:
                low, high = monitor.interval
                if not low <= risks / n <= high:
                    missed += 1
                    break
    assert missed <= 12
