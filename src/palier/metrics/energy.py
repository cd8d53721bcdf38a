"""Energy: declared power times busy time, or for clouds what ecologits estimates; each called the estimate that it is.

What is not declared and not estimated stays unknown. Meters (`metrics.meters`) measure a whole machine over a time, and
are read by a benchmark, not by a request.
"""

from __future__ import annotations

from collections.abc import Iterable

from palier.cards import ModelCard
from palier.metrics import impacts
from palier.metrics.cost import simulated
from palier.metrics.prices import listed
from palier.types import Quantity, Usage


def energy(card: ModelCard, busy_ms: float, usage: Usage | None = None, guess: Usage | None = None) -> Quantity:
    """Watt-hours of one generation that kept its machine busy for `busy_ms`.

    The declared power is an upper figure for a machine that serves several requests at once, so `low` is 0. `guess`
    (`metrics.tokens`) stands for a count of tokens that never came: within a factor of 2.
    """
    found = _energy(card, busy_ms, usage, guess)
    return simulated(found) if card.simulated and found.value is not None else found


def prepare(cards: Iterable[ModelCard]) -> None:
    """Load what the prices and estimates of `cards` need, so that no request waits for it."""
    for card in cards:
        if card.price is None:
            listed(card.priced_as)
        if card.watts is None:
            impacts.line(card.impacts_as, card.priced_as)


def _energy(card: ModelCard, busy_ms: float, usage: Usage | None, guess: Usage | None) -> Quantity:
    if card.watts is not None:
        value = card.watts * busy_ms / 3_600_000
        return Quantity(value=value, low=0.0, high=value, basis="estimated", method="declared power x busy time")
    line = impacts.line(card.impacts_as, card.priced_as)
    if isinstance(line, str):
        return Quantity(method=f"no power is declared for {card.name}: {line}")
    tokens = usage or guess
    if tokens is None:
        return Quantity(method="the upstream counted no tokens")
    low = line.base[0] + line.each[0] * tokens.completion
    high = line.base[1] + line.each[1] * tokens.completion
    value = (low + high) / 2
    if usage is None:
        method = f"{line.method}, tokens by their characters"
        return Quantity(value=value, low=low / 2, high=high * 2, basis="estimated", method=method)
    if not line.ranged:
        return Quantity(value=value, basis="estimated", method=line.method)
    return Quantity(value=value, low=low, high=high, basis="estimated", method=line.method)
