"""The section of `palier.toml` that says what a route may take."""

from __future__ import annotations

from typing import Literal

from palier.config.section import Section


class Budget(Section, frozen=True, kw_only=True):
    """`[routes.NAME.budget]`: what a route may take in a day or a month of UTC, of US dollars and of grams of CO2e."""

    per: Literal["day", "month"] = "month"
    """What the limits are for."""
    soft: float | None = None
    """US dollars from which it is said, in logs, metrics and answers, and by `palier status`; it goes on."""
    hard: float | None = None
    """US dollars from which tiers that cost something are not asked: what is left answers, or abstains, or 429."""
    soft_co2e: float | None = None
    """As `soft`, in grams of CO2e."""
    hard_co2e: float | None = None
    """As `hard`, in grams of CO2e."""
    uncounted: Literal["refuse", "allow"] = "refuse"
    """Under a hard limit: whether a tier is asked of which it is not known what it takes. What runs inside palier sends
    no bill, and is."""
