"""Addresses of machines: IPv4, IPv6, MAC."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from palier.config import Redaction
from palier.interfaces import Entity

_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_V4 = re.compile(rf"(?<![\w.])(?:{_BYTE}\.){{3}}{_BYTE}(?![\w]|\.\d)", re.ASCII)
_V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:][0-9A-Fa-f:.]{1,44}(?<!\.)(?:%\w{1,16})?(?![\w:])")
_MAC = re.compile(r"(?<![\w:.\-])(?:[0-9A-Fa-f]{2}([:\-]))(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:\-])")


class Network:
    types = ("IP", "MAC")

    def find(self, text: str) -> Iterator[Entity]:
        for match in _V4.finditer(text):
            yield Entity("IP", *match.span(), match.group(), 0.9)
        if ":" in text:
            for match in _V6.finditer(text):
                if _is_v6(match.group()):
                    yield Entity("IP", *match.span(), match.group(), 0.9)
        for match in _MAC.finditer(text):
            yield Entity("MAC", *match.span(), match.group(), 0.9)


def _is_v6(text: str) -> bool:
    if text.count(":") < 2 or not (text.count(":") > 3 or any(map(str.isdigit, text))):
        return False  # `a::b` is a name in a program
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def build(settings: Redaction) -> Network:
    return Network()
