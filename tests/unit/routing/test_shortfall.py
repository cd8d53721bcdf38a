"""What it would take: the least abstention, and about how many labels."""

from __future__ import annotations

import numpy as np
import pytest

from palier.routing.risk import Judged, certify, walk_path
from palier.routing.shortfall import abstention_at_least, labels_needed


@pytest.mark.parametrize(
    ("risk", "alpha", "least"), [(0.28, 0.1, 0.2), (0.1, 0.1, 0.0), (0.05, 0.1, 0.0), (1.0, 0.1, 1.0), (0.55, 0.1, 0.5)]
)
def test_whoever_leaves_out_wrong_answers_only_leaves_out_so_many(risk: float, alpha: float, least: float) -> None:
    assert abstention_at_least(risk, alpha) == pytest.approx(least)
    # Of 1 - least kept, all the right ones are among them, and alpha of them are wrong.
    if 0 < least < 1:
        assert (risk - least) / (1 - least) == pytest.approx(alpha)


def drawn(rows: int, seed: int, slope: float = 0.5) -> Judged:
    random = np.random.default_rng(seed)
    scores = random.random((rows, 1))
    return Judged(scores, (random.random((rows, 1)) < slope * (1 - scores)).astype(float), np.zeros(rows))


@pytest.mark.parametrize(("alpha", "slope"), [(0.1, 0.5), (0.2, 0.9), (0.05, 0.3)])
def test_with_so_many_labels_about_half_of_the_draws_certify(alpha: float, slope: float) -> None:
    """From a set too small to certify anything; the truth goes on as it began."""
    delta = 0.1
    asked = []
    for seed in range(30):
        small = drawn(80, seed, slope)
        if certify(small, alpha=alpha, delta=delta) is None:
            needed = labels_needed(walk_path(small), "kept", alpha, delta)
            asked += [needed] if needed is not None else []
    assert len(asked) >= 5
    labels = int(np.median(asked))
    share = np.mean([certify(drawn(labels, 1000 + s, slope), alpha=alpha, delta=delta) is not None for s in range(60)])
    assert 0.35 <= share <= 0.99, (labels, share)


def test_none_where_no_threshold_looks_good() -> None:
    assert labels_needed(walk_path(Judged(np.ones((50, 1)), np.ones((50, 1)), np.zeros(50))), "kept", 0.1, 0.1) is None
    nothing = walk_path(Judged(-np.ones((50, 1)), np.ones((50, 1)), np.zeros(50)))
    assert labels_needed(nothing, "kept", 0.1, 0.1) is None


def test_without_an_error_it_is_hardly_more_than_the_least_number_that_passes() -> None:
    """0.9 ** 29 <= 0.05: not fewer than 29 rows where each is kept, and twice as many where half are."""
    right = np.zeros((200, 1))
    whole = labels_needed(walk_path(Judged(np.full((200, 1), 0.5), right, right[:, 0])), "kept", 0.1, 0.1)
    scores = np.where(np.arange(200) % 2, 0.5, -1.0)[:, None]
    half = labels_needed(walk_path(Judged(scores, right, right[:, 0])), "kept", 0.1, 0.1)
    assert whole is not None
    assert half is not None
    assert 29 <= whole <= 60
    assert 2 * whole <= half <= 3 * whole
