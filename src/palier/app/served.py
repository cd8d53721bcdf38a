"""Settings as they are served: with the version that is live on each route, also read beside a running gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from palier.app.students import Taught, taught
from palier.config import Settings, tier_name
from palier.evals.runs.candidates import Planned
from palier.privacy.lockdown import closed
from palier.stores.folder import DataFolder
from palier.stores.versions import SqliteVersions
from palier.versions import Version


async def served(declared: Settings) -> Taught:
    """`declared` with what is live in it. Makes nothing where nothing was ever taught."""
    declared = closed(declared)
    folder = DataFolder(declared.folder)
    if not folder.state.is_file():
        return Taught(declared)
    versions = SqliteVersions.open(folder.state)
    try:
        return await taught(declared, versions, folder.students)
    finally:
        await versions.close()


def live_in(planned: Sequence[Planned], now: Taught) -> Mapping[str, Version]:
    """The version that answers in each of `planned`, by its name; those in which none does are not there."""
    found = {}
    for one in planned:
        for version in now.live.values():
            route = now.settings.routes[version.route]
            (tier,) = (tier for n, tier in enumerate(route.tiers) if tier_name(route, n) == version.tier)
            if one.route is not None and any(
                (other.name, other.model, other.adapter) == (version.tier, tier.model, tier.adapter)
                for other in one.route.tiers
            ):
                found[one.name] = version
    return found
