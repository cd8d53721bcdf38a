"""MAPIE's risk control, an implementation of Learn-then-Test by other hands, as an oracle for ours."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from palier.routing import bounds
from palier.routing.risk import Judged, _walk, certify, walk_path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mapie.risk_control.fwer_control import FWERFixedSequenceTesting, control_fwer
    from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

ALPHAS = (0.05, 0.1, 0.2, 0.35)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("binary", [True, False])
def test_p_values_are_the_same(alpha: float, binary: bool) -> None:
    """Beyond alpha there is no evidence either way, and the two say so differently: ours is 1."""
    random = np.random.default_rng(0)
    trials = random.integers(1, 2000, 600).astype(float)
    wrong = np.floor(random.random(600) * alpha * trials)
    # A hair below a whole sum, so that MAPIE's ceiling is that sum, and not one more by rounding.
    lost = wrong - 1e-7 * (wrong > 0) if binary else random.random(600) * alpha * trials
    theirs = compute_hoeffding_bentkus_p_value(lost / trials, trials, alpha, binary)[:, 0]
    ours = (
        bounds.binomial_tail(wrong, trials, alpha) if binary else bounds.hoeffding_bentkus(lost / trials, trials, alpha)
    )
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_fixed_sequence_testing_of_all_errors_finds_the_same_threshold(alpha: float) -> None:
    random = np.random.default_rng(1)
    certified = 0
    for _ in range(20):
        scores = random.random((300, 1))
        losses = (random.random((300, 1)) < 0.8 * (1 - scores) * random.random()).astype(float)
        data = Judged(scores, losses, (random.random(300) < 0.03).astype(float))
        path = walk_path(data)
        p = compute_hoeffding_bentkus_p_value(np.maximum(path.total - 1e-7, 0) / 300, 300, alpha, True)[:, 0]
        passed = control_fwer(p, 0.1, "fixed_sequence")
        ours = certify(data, alpha=alpha, delta=0.1, target="total")
        assert (ours is None) == (len(passed) == 0)
        if ours is not None:
            certified += 1
            assert ours.kept == path.kept[passed[-1]]
    assert certified or alpha < 0.06


def test_several_starts_reach_at_least_as_far() -> None:
    """MAPIE's starts keep what they have to themselves; in Wiens' procedure a walk hands it on to the next."""
    random = np.random.default_rng(2)
    further = 0
    for _ in range(300):
        p = random.random(80) * random.choice([0.026, 0.03, 0.1])
        theirs = control_fwer(p, 0.1, FWERFixedSequenceTesting(n_starts=4))
        last, level = _walk(p, dict.fromkeys((0, 20, 40, 60), 0.025))
        assert last >= (theirs[-1] if len(theirs) else -1)
        assert level <= 0.1 + 1e-12
        further += last > (theirs[-1] if len(theirs) else -1)
    assert further
