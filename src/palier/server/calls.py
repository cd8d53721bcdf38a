"""The base of what can be asked over the admin socket.

Whoever can open the socket owns the data folder, and reads everything unless the call names somebody else.
"""

from __future__ import annotations

import msgspec


class Call(msgspec.Struct, frozen=True, kw_only=True, tag_field="call", forbid_unknown_fields=True):
    """Base of what can be asked."""
