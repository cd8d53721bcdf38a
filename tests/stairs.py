"""Tiers of a route, as tests wire them."""

from __future__ import annotations

from palier.interfaces import Destination, Model
from palier.pipeline.landing import Landing
from palier.types import Label


def wired(
    name: str,
    model_name: str,
    model: Model,
    threshold: float = 0.0,
    highest: Label = Label.RESTRICTED,
    *,
    leaves: bool = False,
    redact: bool = False,
    barred: str = "",
) -> Landing:
    """A tier with six passages and 64 tokens."""
    to = Destination(model=model_name, tier=name, highest=highest, leaves=leaves, redact=redact, barred=barred)
    return Landing(name, model_name, model, to, threshold, 6, 64)
