"""The section of `palier.toml` on the console."""

from __future__ import annotations

from typing import Literal

from palier.config.section import Section


class Console(Section, frozen=True, kw_only=True):
    """`[console]`: the pages for people, at `/console`."""

    enabled: bool = True
    """Whether there are any."""
    networks: tuple[str, ...] = ()
    """Networks (CIDR), beside loopback, whose machines may open them."""
    session_hours: float = 12.0
    """How long a sign-in lasts, and no longer than its key."""
    proxy_header: str = ""
    """The header in which a reverse proxy names whom it signed in, who is then whoever has the key of that name. It
    counts from `proxy_addresses`, with the secret of `proxy_secret_env`; whichever is given must hold, and one is."""
    proxy_addresses: tuple[str, ...] = ()
    """Networks (CIDR) that the proxy calls from; it may open the pages."""
    proxy_secret_env: str = ""
    """Variable holding what the proxy sends in the header `X-Palier-Proxy-Secret`."""
    proxy_role: Literal["none", "viewer", "reviewer", "operator", "admin"] = "none"
    """The role of whom the proxy names where there is no such key; by default they stay outside."""
