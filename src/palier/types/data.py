"""What all nouns are made of."""

from __future__ import annotations

from typing import Any

import msgspec

JSON = dict[str, Any]
Features = dict[str, float]


class Data(msgspec.Struct, frozen=True):
    """Base of the immutable nouns."""
