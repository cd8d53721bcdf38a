"""Actions: who did what in the console."""

from __future__ import annotations

from palier.server.console.visits import Visit
from palier.server.replies import Reply

PAGE = 100


async def show(visit: Visit) -> Reply:
    """`GET /console/actions?before=ID`."""
    before = visit.place("before")
    actions = await visit.palier.access.actions.page(before=before, limit=PAGE + 1)
    older = actions[PAGE - 1].id if len(actions) > PAGE else 0
    return visit.page("actions.html", actions=actions[:PAGE], older=older)
