"""Numbers that carry what they are, and counts of tokens."""

from __future__ import annotations

from typing import Literal

from palier.types.data import Data


class Quantity(Data, frozen=True, kw_only=True):
    """A number that carries what it is. Unknown is `None`, never 0.

    `basis` says how it came: `measured` by a meter or a counter, `estimated` by `method`, or `unknown`.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    basis: Literal["measured", "estimated", "unknown"] = "unknown"
    method: str = ""


UNKNOWN = Quantity()


class Usage(Data, frozen=True, kw_only=True):
    """Tokens of one generation, as the tier counts them. `cached` are those of the prompt that were not computed."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
