"""Money: tokens that were counted, at a price that was declared or published. What is not known stays unknown."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from palier.cards import ModelCard, Price
from palier.types import UNKNOWN, Quantity, Usage


def cost(card: ModelCard, usage: Usage | None, guess: Usage | None = None) -> Quantity:
    """US dollars of one generation; quotations take no tokens. Unknown without a price, or without a count of tokens.

    `guess` (`metrics.tokens`) stands for a count that never came: then the cost is estimated, within a factor of 2.
    """
    if not card.generates:
        return Quantity(value=0.0, low=0.0, high=0.0, basis="measured", method="quoted: no tokens")
    if usage is None and guess is None:
        return Quantity(method="the upstream counted no tokens")
    price, origin = (card.price, "declared price") if card.price else (published(card.priced_as), "genai-prices")
    if price is None:
        return Quantity(method=f"no price is known for {card.name}")
    tokens = usage or guess or Usage()
    value = (tokens.prompt * price.input + tokens.completion * price.output) / 1e6
    if usage is None:
        method = f"tokens by their characters, {origin}"
        return Quantity(value=value, low=value / 2, high=value * 2, basis="estimated", method=method)
    return Quantity(value=value, low=value, high=value, basis="measured", method=f"tokens counted, {origin}")


@lru_cache(maxsize=256)
def published(model: str) -> Price | None:
    """The published price of a provider's model by genai-prices (offline), or None.

    Only models of a cloud have one: `model` is the card's `priced_as`, "" for what runs here.
    """
    if not model:
        return None
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    try:
        of_input = calc_price(Counted(input_tokens=1_000_000, output_tokens=0), model_ref=model).total_price
        of_output = calc_price(Counted(input_tokens=0, output_tokens=1_000_000), model_ref=model).total_price
    except (LookupError, ValueError):
        return None
    return Price(input=float(of_input), output=float(of_output))


def total(quantities: Iterable[Quantity]) -> Quantity:
    """The sum. With an unknown part the value is unknown and `low` is what is known."""
    parts = list(quantities)
    if len(parts) < 2:
        return parts[0] if parts else UNKNOWN
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
