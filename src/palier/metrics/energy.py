"""Energy: declared power times busy time, called the estimate that it is. What is not declared stays unknown."""

from __future__ import annotations

from palier.cards import ModelCard
from palier.types import Quantity


def energy(card: ModelCard, busy_ms: float) -> Quantity:
    """Watt-hours of one generation that kept its machine busy for `busy_ms`.

    The declared power is an upper figure for a machine that serves several requests at once, so `low` is 0.
    """
    if card.watts is None:
        return Quantity(method=f"no power is declared for {card.name}")
    value = card.watts * busy_ms / 3_600_000
    return Quantity(value=value, low=0.0, high=value, basis="estimated", method="declared power x busy time")
