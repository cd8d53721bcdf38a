"""The section of `palier.toml` on drift."""

from __future__ import annotations

from palier.config.section import Section


class Drift(Section, frozen=True, kw_only=True):
    """`[drift]`: whether what goes by is still what it was (`palier drift`), looked at while the gateway runs."""

    enabled: bool = False
    """Whether it is looked at."""
    every_s: float = 86_400.0
    """How often. Within a day what differs by the hour evens out; looked at every hour, a night differs from a day.
    Where weekends differ from weekdays: 604800, a week."""
    false_alarms: float = 0.05
    """The probability that anything of a route is ever said to drift while nothing does: over all its signals and all
    looks."""
    reference_days: float = 14.0
    """The reference: what goes by in so many days from when a policy first decides, or from when it is first looked at;
    whole weeks."""
    reference_from: str = ""
    """Another reference, `2026-11-02`: from then on, to `reference_until`."""
    reference_until: str = ""
    """The end of that."""
    stale_days: float = 365.0
    """After how long a document that is not renewed is stale."""
    webhook: str = ""
    """A URL that what begins to drift, or is over, is posted to, once: numbers and names of signals, no words. Empty:
    that of `[alerts]`."""
    on_premises: bool = False
    """Whether that is loopback or in `[networks] on_premises`; else what is sent leaves, and stands in the ledger."""
    authorization_env: str = ""
    """The variable that holds the header `Authorization` for it."""
