"""`palier.toml`: every setting, its default and its meaning. Unknown settings are errors that suggest the right name.

The file is data: nothing is opened or connected here. Secrets never stand in it: `*_env` names an environment variable.
"""

from palier.config.alerts import Alerts
from palier.config.budget import Budget
from palier.config.console import Console
from palier.config.derived import (
    AUDIT_SHARE,
    INSIDE,
    audit_share,
    barred,
    highest_label,
    label_source,
    least_label,
    leaves,
    redacts,
    tier_name,
)
from palier.config.drift import Drift
from palier.config.reading import load, parse
from palier.config.section import Section
from palier.config.sections import (
    Carbon,
    Collection,
    Guard,
    Guards,
    Learning,
    Ledger,
    Lessons,
    Model,
    Networks,
    Privacy,
    Redaction,
    Route,
    Server,
    Settings,
    Store,
    Telemetry,
    Tier,
    Workers,
)

__all__ = [
    "AUDIT_SHARE",
    "INSIDE",
    "Alerts",
    "Budget",
    "Carbon",
    "Collection",
    "Console",
    "Drift",
    "Guard",
    "Guards",
    "Learning",
    "Ledger",
    "Lessons",
    "Model",
    "Networks",
    "Privacy",
    "Redaction",
    "Route",
    "Section",
    "Server",
    "Settings",
    "Store",
    "Telemetry",
    "Tier",
    "Workers",
    "audit_share",
    "barred",
    "highest_label",
    "label_source",
    "least_label",
    "leaves",
    "load",
    "parse",
    "redacts",
    "tier_name",
]
