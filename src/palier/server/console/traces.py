"""Traces: what was asked, who answered and why, as far as whoever is here may read it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from palier.errors import InvalidRequest, NotFound
from palier.interfaces import EntryFilter
from palier.server.console.visits import Visit
from palier.server.replies import Reply
from palier.types import Trace

PAGE = 50
SPANS = {"1h": 3_600.0, "24h": 86_400.0, "7d": 604_800.0, "30d": 2_592_000.0}
"""How far back a list goes, in seconds, by the word for it."""
STATUSES = ("answered", "abstained", "failed", "abandoned")
MAX_SOUGHT = 200


async def show(visit: Visit) -> Reply:
    """`GET /console/traces?route=R&status=S&tier=T&since=24h&q=TEXT&before=T&before_id=ID`."""
    query, palier = visit.query, visit.palier
    since = query.get("since", "")
    if since and since not in SPANS:
        raise InvalidRequest(f"`since` is one of {', '.join(SPANS)}", param="since")
    asked = {name: query.get(name, "") for name in ("route", "status", "tier")}
    place = {"before": visit.number("before"), "before_id": query.get("before_id", ""), "limit": PAGE}
    begins = time.time() - SPANS[since] if since else 0.0
    sought = query.get("q", "").strip()[:MAX_SOUGHT]
    if sought:
        page = await palier.search_traces(sought, visit.principal, since=begins, **asked, **place)
    else:
        page = await palier.list_traces(visit.principal, since=begins, **asked, **place)
    return visit.page(
        "traces.html",
        page=page,
        sought=sought,
        asked={**asked, "since": since},
        statuses=STATUSES,
        spans=list(SPANS),
        tiers=sorted({tier for tiers in palier.routes.values() for tier in tiers}),
    )


async def open_one(visit: Visit) -> Reply:
    """`GET /console/traces/{id}`. That somebody reads another's words is kept on record."""
    name = visit.places["id"]
    trace = await visit.palier.read_trace(name, visit.principal)
    if trace is None:
        raise NotFound(f"there is no trace `{name[:80]}`", param="id")
    if trace.content is not None and trace.principal != visit.principal.name:
        await visit.did("trace.read", trace.id)
    own = trace.principal == visit.principal.name
    said = await visit.palier.feedback.ratings(trace.id) if own or visit.covers("reviewer") else []
    mine = next((one for one in said if one.principal == visit.principal.name), None)
    looks = visit.covers("operator")
    left = await visit.palier.ledger.entries(EntryFilter(trace=trace.id, limit=1)) if looks else ()
    return visit.page(
        "trace.html",
        trace=trace,
        left=bool(left),
        bars=bars(trace),
        evidence=[(key, document_of(key)) for key in trace.evidence],
        feedback=said,
        rates=not trace.forgotten,
        rating=mine.rating if mine else None,
        correction=mine.correction if mine else "",
    )


def document_of(passage: str) -> dict[str, str]:
    """Where the page of the document is that a passage is of, by the passage's key (`Hit.key`)."""
    collection, _, rest = passage.partition("/")
    return {"collection": collection, "id": rest.rpartition("#")[0]}


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the waterfall: what took from `began_ms` on, `took_ms`. `kind`: retrieval, tier, guard."""

    kind: str
    name: str
    began_ms: float
    took_ms: float
    x: float
    width: float
    """In hundredths of the whole."""


def bars(trace: Trace) -> list[Bar]:
    """What the request did and when, in order. Guards, whose sum alone is known, are where they looked."""
    rows: list[tuple[str, str, float, float]] = []
    before = sum(row.took_ms for row in trace.guards if row.place == "input")
    found = trace.timings.get("retrieve_ms")
    if before:
        rows.append(("guard", "input", 0.0, before))
    if found is not None:
        rows.append(("retrieval", "retrieval", before, found))
    rows += [("tier", step.tier, step.began_ms, step.latency_ms) for step in trace.steps if step.latency_ms > 0]
    whole = max([trace.latency_ms, *(began + took for _, _, began, took in rows)]) or 1.0
    return [Bar(*row, x=100 * row[2] / whole, width=max(100 * row[3] / whole, 0.4)) for row in rows]
