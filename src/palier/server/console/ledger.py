"""The ledger: what left, when, to whom and under which label."""

from __future__ import annotations

from palier.errors import InvalidRequest, NotFound
from palier.interfaces import EntryFilter
from palier.server.console.visits import Visit
from palier.server.replies import Reply
from palier.types import Label

PAGE = 100


async def show(visit: Visit) -> Reply:
    """`GET /console/ledger?destination=D&label=L&trace=ID&before=N`."""
    query = visit.query
    label = query.get("label", "")
    if label and label not in [*Label]:
        raise InvalidRequest(f"`label` is one of {', '.join(Label)}", param="label")
    asked = EntryFilter(
        before=visit.place("before"),
        limit=PAGE + 1,
        destination=query.get("destination", ""),
        label=Label(label) if label else None,
        trace=query.get("trace", ""),
    )
    links = await visit.palier.ledger.entries(asked)
    entries = [link.entry for link in links]
    older = entries[PAGE - 1].sequence if len(entries) > PAGE else 0
    return visit.page(
        "ledger.html",
        entries=entries[:PAGE],
        older=older,
        asked={"destination": asked.destination, "label": label, "trace": asked.trace},
        labels=[*Label],
        destinations=sorted({*visit.palier.models, *(entry.clearance.destination for entry in entries)}),
        head=await visit.palier.ledger.head(),
    )


async def open_one(visit: Visit) -> Reply:
    """`GET /console/ledger/{sequence}`."""
    given = visit.places["sequence"]
    link = await visit.palier.ledger.get(int(given)) if given.isdigit() and len(given) < 18 else None
    if link is None:
        raise NotFound(f"there is no entry `{given[:40]}` in the ledger")
    return visit.page("entry.html", entry=link.entry, hash=link.hash.hex())
