"""The reference: bins that nothing falls out of, topics that are of several questions."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.drift.reference import LEAST, MEMBERS, Reference, fit
from palier.drift.report import Window
from palier.drift.signals import Observed

WINDOW = Window(since=0, until=1)


def of(values: list[float], name: str = "confidence") -> list[Observed]:
    return [Observed(values={name: value}) for value in values]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=3 * LEAST, max_size=120), st.floats(allow_nan=False))
def test_every_value_has_a_bin_and_higher_ones_no_lower_bin(values: list[float], new: float) -> None:
    made = fit(WINDOW, of(values))
    scale = made.scales["confidence"]
    assert scale.n == len(values) - len(values) // 3
    some = sorted([*values, new])
    (bins,) = made.bins(made.values(of(some), None)).values()
    assert bins == sorted(bins)
    assert 0 <= bins[0] <= bins[-1] < len(scale.counts)


def test_what_lies_beyond_all_that_was_seen_has_bins_of_its_own() -> None:
    made = fit(WINDOW, of([0.5] * 100))
    (bins,) = made.bins(made.values(of([0.4, 0.5, 0.6]), None)).values()
    assert len(set(bins)) == 3


def test_a_topic_is_the_mean_of_several_questions() -> None:
    """So that no vector of a single question is kept, were it alone in the world."""
    rng = np.random.default_rng(1)
    asked = rng.normal(size=(120, 8)).astype(np.float32)
    asked[0] = 100 * np.eye(8, dtype=np.float32)[0]
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    made = fit(WINDOW, of([0.5] * 120), asked, "e")
    nearest = (asked @ made.centres.T).max()
    assert len(made.centres) <= 40 // MEMBERS
    assert nearest < 1 - 1e-4
    assert made.encoder == "e"
    again = msgspec.json.decode(msgspec.json.encode(made), type=Reference)
    assert np.array_equal(again.centres, made.centres)


def test_a_question_without_words_counts_in_no_topic() -> None:
    rng = np.random.default_rng(2)
    asked = rng.normal(size=(200, 8)).astype(np.float32)
    asked[::2] = np.nan
    made = fit(WINDOW, of([0.5] * 200), asked, "e")
    assert {made.scales[name].n for name in ("topics", "novelty")} <= set(range(50, 85))
    assert made.scales["confidence"].n == 134
    assert "topics" not in fit(WINDOW, of([0.5] * 200), None).scales
