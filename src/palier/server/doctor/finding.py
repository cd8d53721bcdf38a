"""One thing the doctor looked at."""

from __future__ import annotations

from typing import Literal

import msgspec

from palier.errors import PalierError, Unavailable


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and `advice` on what to do about it. `upstream`: an upstream or an engine is out of reach."""

    check: str
    detail: str
    status: Literal["ok", "warn", "fail"] = "ok"
    advice: str = ""
    upstream: bool = False

    @staticmethod
    def failed(check: str, error: PalierError, *, upstream: bool = False) -> Finding:
        """The finding that `error` is."""
        away = upstream or error.exit_status == Unavailable.exit_status
        return Finding(check=check, status="fail", detail=error.message, advice=error.hint, upstream=away)
