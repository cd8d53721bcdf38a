"""The section of `palier.toml` on who is told."""

from __future__ import annotations

from palier.config.section import Section


class Alerts(Section, frozen=True, kw_only=True):
    """`[alerts]`: a webhook that is told, once, that a route or a key passed a limit of its budget."""

    webhook: str = ""
    """A URL that alerts are posted to: numbers and names of routes and keys, no words. Told of drift too, where
    `[drift]` is enabled and names no webhook of its own."""
    on_premises: bool = False
    """Whether that is loopback or in `[networks] on_premises`; else what is sent leaves, and stands in the ledger."""
    authorization_env: str = ""
    """The variable that holds the header `Authorization` for it."""
