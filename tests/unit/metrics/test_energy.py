"""Energy: declared power times busy time, called an estimate; unknown otherwise."""

from __future__ import annotations

import pytest

from palier.cards import ModelCard
from palier.metrics.energy import energy


def test_declared_power_times_busy_time() -> None:
    found = energy(ModelCard(name="m", kind="engine", watts=36.0), 1000.0)
    assert found.value == pytest.approx(0.01)
    assert (found.low, found.basis) == (0.0, "estimated")


def test_without_declared_power_it_is_unknown() -> None:
    assert energy(ModelCard(name="m", kind="engine"), 1000.0).value is None
