"""One thing the doctor looked at."""

from __future__ import annotations

from typing import Literal

import msgspec

from palier.errors import PalierError


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and `advice` on what to do about it. `upstream`: it is another machine's matter."""

    check: str
    detail: str
    status: Literal["ok", "warn", "fail"] = "ok"
    advice: str = ""
    upstream: bool = False

    @staticmethod
    def failed(check: str, error: PalierError, *, upstream: bool = False) -> Finding:
        """The finding that `error` is."""
        return Finding(check=check, status="fail", detail=error.message, advice=error.hint, upstream=upstream)
