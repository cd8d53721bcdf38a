"""What a caller of `Palier` gives, checked: what is not of its type would fail anywhere on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from palier.errors import InvalidRequest, unfit
from palier.types import Message, Parameters


def parameters_of(given: Mapping[str, Any]) -> Parameters:
    """Checked: what is not of its type would fail anywhere on the way. Raises `InvalidRequest` naming it."""
    known = Parameters.__struct_fields__
    if unknown := [name for name in given if name not in known]:
        raise InvalidRequest(f"unknown parameter: {', '.join(unknown)}", hint=f"known: {', '.join(known)}")
    try:
        return msgspec.convert(dict(given), Parameters)
    except msgspec.ValidationError as error:
        raise InvalidRequest(unfit(error)) from None


def check_readable(messages: Sequence[Message]) -> None:
    """Raises `InvalidRequest`."""
    try:
        for message in messages:
            message.content.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(
            "a message holds half of a surrogate pair, which is no Unicode", param="messages"
        ) from None
