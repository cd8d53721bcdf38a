"""Money: counted tokens at a price that was declared or published, or busy time at that of declared hardware.

What is not known stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from palier.cards import ModelCard, Price
from palier.metrics.prices import listed, of_long
from palier.types import Quantity, Usage

_HOUR_MS = 3_600_000


def cost(card: ModelCard, usage: Usage | None, guess: Usage | None = None, busy_ms: float | None = None) -> Quantity:
    """US dollars of one generation. Unknown without a price, or without what it is multiplied by.

    `guess` (`metrics.tokens`) stands for a count that never came: then the cost is estimated, within a factor of 2.
    `busy_ms` is what its hardware is paid for, where the card says `dollars_per_hour`.
    """
    found = _cost(card, usage, guess, busy_ms)
    return simulated(found) if card.simulated and found.value is not None else found


def _cost(card: ModelCard, usage: Usage | None, guess: Usage | None, busy_ms: float | None) -> Quantity:
    if card.price is None and card.dollars_per_hour is not None:
        return _of_hardware(card.dollars_per_hour, busy_ms)
    if not card.generates:
        return Quantity(value=0.0, low=0.0, high=0.0, basis="measured", method="generates nothing: no tokens")
    tokens = usage or guess
    if tokens is None:
        return Quantity(method="the upstream counted no tokens")
    known = None if card.price else listed(card.priced_as)
    price, origin = (card.price, "declared price") if card.price else (known and known.price, "genai-prices")
    if price is None:
        return Quantity(method=f"no price is known for {card.name}")
    value = _of_tokens(tokens, price)
    if known is not None and tokens.prompt > known.ordinary:
        value = of_long(card.priced_as, tokens) or value
    if usage is None:
        method = f"tokens by their characters, {origin}"
        return Quantity(value=value, low=value / 2, high=value * 2, basis="estimated", method=method)
    return Quantity(value=value, low=value, high=value, basis="measured", method=f"tokens counted, {origin}")


def _of_hardware(dollars_per_hour: float, busy_ms: float | None) -> Quantity:
    """An upper figure for a machine that serves several at once, so `low` is 0; its idle hours are nobody's here."""
    if busy_ms is None:
        return Quantity(method="how long it was busy is not known")
    value = dollars_per_hour * busy_ms / _HOUR_MS
    return Quantity(value=value, low=0.0, high=value, basis="estimated", method="declared dollars an hour x busy time")


def _of_tokens(tokens: Usage, price: Price) -> float:
    known = price.input if price.cached is None else price.cached
    again = min(tokens.cached, tokens.prompt)
    return ((tokens.prompt - again) * price.input + again * known + tokens.completion * price.output) / 1e6


def published(model: str) -> Price | None:
    """The published price of a provider's model by genai-prices (offline), or None.

    Only models of a cloud have one: `model` is the card's `priced_as`, "" for what runs here.
    """
    found = listed(model)
    return found.price if found else None


def simulated(quantity: Quantity) -> Quantity:
    """A figure of a model whose answers are made up: nothing of it was measured, and its method says so."""
    basis = "estimated" if quantity.basis == "measured" else quantity.basis
    return msgspec.structs.replace(quantity, basis=basis, method=f"simulated: {quantity.method}")


NOTHING = Quantity(value=0.0, low=0.0, high=0.0, basis="measured", method="no model was asked")
UNSENT = Quantity(value=0.0, low=0.0, high=0.0, basis="measured", method="nothing was sent: no tokens")


def total(quantities: Iterable[Quantity]) -> Quantity:
    """The sum of what models took. With an unknown part the value is unknown and `low` is what is known; of none, 0."""
    parts = list(quantities)
    if len(parts) < 2:
        return parts[0] if parts else NOTHING
    low = sum(q.low if q.low is not None else q.value or 0.0 for q in parts)
    unknown = [q for q in parts if q.value is None]
    if unknown:
        methods = "; ".join(sorted({q.method for q in unknown if q.method}))
        return Quantity(low=low or None, method=methods)
    estimated = any(q.basis == "estimated" for q in parts)
    return Quantity(
        value=sum(q.value or 0.0 for q in parts),
        low=low,
        high=sum(q.high if q.high is not None else q.value or 0.0 for q in parts),
        basis="estimated" if estimated else "measured",
        method="; ".join(sorted({q.method for q in parts if q.method})),
    )
