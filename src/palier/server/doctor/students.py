"""Students: those of which it is not known by what they were taught, so that nobody can tell what stays in them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from palier.config import Settings
from palier.errors import PalierError
from palier.server.doctor.finding import Finding
from palier.stores.folder import DataFolder
from palier.stores.versions import SqliteVersions
from palier.versions import Version

_NAMED = 5
_MOST = 10_000


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """A finding on the versions whose files are there; nothing to say where nothing was ever taught."""
    folder = DataFolder(settings.folder)
    if not folder.state.is_file():
        return
    try:
        versions = SqliteVersions.open(folder.state)
    except PalierError as error:
        yield Finding.failed("students", error)
        return
    try:
        kept = [one for one in await versions.list(limit=_MOST) if (folder.students / one.id).is_dir()]
        untold = [one for one in kept if one.untold]
        live = {one.id for one in untold if (await versions.standing(one.route)).live == one.id}
    except PalierError as error:
        yield Finding.failed("students", error)
        return
    finally:
        await versions.close()
    if not untold:
        yield Finding(check="students", detail=f"{len(kept)} taught; by what is known of each")
        return
    routes = " and ".join(f"palier learn {name}" for name in dict.fromkeys(one.route for one in untold))
    yield Finding(
        check="students",
        status="warn",
        detail=f"taught before palier kept by what: {_names(untold, live)}. Whether they learnt from what is "
        "forgotten, or from a lesson that is more confidential by now, cannot be told",
        advice=f"{routes} teaches another, or finds that the lessons are the same; then delete the folders of those "
        f"that shall not answer again, in {folder.students}",
    )


def _names(versions: list[Version], live: set[str]) -> str:
    ordered = sorted(versions, key=lambda one: one.id not in live)
    named = [f"{one.id} ({f'answers on {one.route}' if one.id in live else one.route})" for one in ordered[:_NAMED]]
    more = len(ordered) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
