"""Published prices of clouds' models, by genai-prices: offline, worked out once a model."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

from palier.cards import Price
from palier.types import Usage


class Listed(NamedTuple):
    """A model of a price list: whose it is, what it is called there, and its price for prompts of ordinary length."""

    provider: str
    model: str
    price: Price
    ordinary: float
    """Tokens of prompt up to which that price holds; infinite where it always does."""


@lru_cache(maxsize=256)
def listed(name: str) -> Listed | None:
    """What `name` is in the list, or None. Only models of a cloud are: `name` is a card's `priced_as`."""
    found = _priced(name, Usage(prompt=1, completion=1))
    if found is None:
        return None
    prices = found.model_price
    into, out, cached = (getattr(prices, part, None) for part in ("input_mtok", "output_mtok", "cache_read_mtok"))
    if into is None or out is None:
        return None
    price = Price(input=_base(into), output=_base(out), cached=None if cached is None else _base(cached))
    starts = [tier.start for part in (into, out, cached) for tier in getattr(part, "tiers", ())]
    return Listed(found.provider.id, found.model.id, price, min(starts, default=math.inf))


def of_long(name: str, usage: Usage) -> float | None:
    """US dollars of a generation whose prompt is longer than ordinary, by all tiers of its price."""
    found = _priced(name, usage)
    return None if found is None else float(found.total_price)


def _base(price: Any) -> float:
    return float(getattr(price, "base", price))


def _priced(name: str, usage: Usage) -> Any:
    if not name:
        return None
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    counted = Counted(
        input_tokens=usage.prompt, cache_read_tokens=min(usage.cached, usage.prompt), output_tokens=usage.completion
    )
    try:
        return calc_price(counted, model_ref=name)
    except (LookupError, ValueError):
        return None
