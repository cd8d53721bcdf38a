"""The energy of a cloud's model by ecologits (extra `carbon`): a line in the tokens it writes, fitted once a model.

EcoLogits (S. Rincé and A. Banse, "EcoLogits: Evaluating the Environmental Impacts of Generative AI", JOSS 2025)
estimates the energy of a generation from the model's parameters, which for most clouds are guesses within a range, and
from its count of written tokens; what was read is not in it, the data centre's PUE is. It is linear in the tokens where
the time of the request does not bound it, so two points give the line, and a request costs a multiplication.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from typing import Any, NamedTuple

from palier.metrics.prices import listed

_PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "openai",
    "cohere": "cohere",
    "google": "google_genai",
    "mistral": "mistralai",
    "openai": "openai",
}
"""Providers of genai-prices, as ecologits calls them."""
_TOKENS = 1000
_LONG_S = 1e9
"""A time of the request that bounds nothing."""


class Line(NamedTuple):
    """Watt-hours of a generation of n tokens: `base` + n `each`, from `low` to `high` where a range is given."""

    base: tuple[float, float]
    each: tuple[float, float]
    ranged: bool
    method: str


@lru_cache(maxsize=256)
def line(impacts_as: str, priced_as: str) -> Line | str:
    """The line of `impacts_as` (`PROVIDER/MODEL`), or of what is priced as `priced_as`; or why there is none.

    Loads ecologits at first use, a tenth of a second: no socket is opened and no provider's library is loaded.
    """
    names = [impacts_as] if impacts_as else _as_priced(priced_as)
    if not names:
        return "set `watts`, or `impacts_as` for a cloud"
    ask = _ecologits()
    if ask is None:
        return 'estimates for clouds need ecologits: pip install "palier[carbon]"'
    for name in names:
        provider, _, model = name.partition("/")
        points = [_asked(ask, provider, model, _TOKENS * n) for n in (1, 2)]
        first, second = points
        if first is not None and second is not None:
            each = [(b - a) / _TOKENS for a, b in zip(first.ends, second.ends, strict=True)]
            base = [a - _TOKENS * slope for a, slope in zip(first.ends, each, strict=True)]
            words = f"ecologits {version('ecologits')} as {name}, by the tokens it wrote{first.words}"
            return Line((max(base[0], 0.0), max(base[1], 0.0)), (each[0], each[1]), first.ranged, words)
    return f"ecologits {version('ecologits')} does not know {' or '.join(names)}: set `impacts_as`"


def _as_priced(priced_as: str) -> list[str]:
    """The names to try for what genai-prices knows by `priced_as`: as it is called, then as it is listed."""
    found = listed(priced_as)
    provider = _PROVIDERS.get(found.provider) if found else None
    if found is None or provider is None:
        return []
    return [f"{provider}/{model}" for model in dict.fromkeys((priced_as, found.model))]


class _Point(NamedTuple):
    ends: tuple[float, float]
    ranged: bool
    words: str


def _asked(ask: Callable[..., Any], provider: str, model: str, tokens: int) -> _Point | None:
    """Watt-hours of a generation of `tokens`; None where ecologits knows no such model."""
    try:
        found = ask(provider, model, tokens, _LONG_S)
    except (KeyError, ValueError):  # a provider it has never heard of
        return None
    if found.energy is None:
        return None
    energy = found.energy.value
    low, high = getattr(energy, "min", energy), getattr(energy, "max", energy)
    codes = {warning.code for warning in found.warnings or ()}
    words = ", its architecture being guessed" if "model-arch-not-released" in codes else ""
    return _Point((low * 1000, high * 1000), low < high, words)


def _ecologits() -> Callable[..., Any] | None:
    """Its estimate; None where it is not installed. It puts itself in the place of every later logger: undone."""
    kind = logging.getLoggerClass()
    try:
        from ecologits.tracers.utils import llm_impacts
    except ImportError:
        return None
    finally:
        logging.setLoggerClass(kind)
    logger = logging.getLogger("ecologits")  # what it warns of stands in the method
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return llm_impacts
