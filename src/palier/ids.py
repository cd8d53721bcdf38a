"""Names of requests: unique, and in order of time."""

from __future__ import annotations

import random
import secrets
import time

# Unique, not secret: one seed from the system, instead of a system call for each.
_chance = random.Random(secrets.token_bytes(32))  # noqa: S311


SHORT_ID = 12
"""The last digits, of chance alone, that are enough for a person to name a request by."""


def new_id() -> str:
    """24 hexadecimal digits: 48 bits of Unix time in milliseconds, 48 of chance (as UUID version 7, RFC 9562).

    What is recorded under such ids is appended to an index, not spread over all of it.
    """
    return f"{time.time_ns() // 1_000_000:012x}{_chance.getrandbits(48):012x}"
