"""The base of what can be asked over the admin socket."""

from __future__ import annotations

import msgspec

from palier.types import Principal

OWNER = Principal(name="local", admin=True)
"""Whoever can open the socket owns the data folder, and reads everything unless the call names somebody else."""


class Call(msgspec.Struct, frozen=True, kw_only=True, tag_field="call", forbid_unknown_fields=True):
    """Base of what can be asked."""
