"""`/v1/palier/traces`: what was asked, who answered and why, as far as whoever asks may read it."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from palier.errors import InvalidRequest, NotFound
from palier.server.endpoint import Call
from palier.server.palier_api import query_limit, query_of
from palier.server.replies import Reply, json_reply
from palier.server.wire import Sent
from palier.types import Trace


class TraceList(Sent, frozen=True, kw_only=True):
    """Newest first, without words. `has_more`: ask again with `before` and `before_id` as they are here."""

    object: Literal["list"] = "list"
    data: tuple[Trace, ...]
    has_more: bool
    before: float | msgspec.UnsetType = msgspec.UNSET
    before_id: str | msgspec.UnsetType = msgspec.UNSET


async def list_traces(call: Call) -> Reply:
    """`GET /v1/palier/traces?limit=N&route=R&before=T&before_id=ID`."""
    query = query_of(call, {"limit", "route", "before", "before_id"})
    page = await call.palier.list_traces(
        call.principal,
        limit=query_limit(query.get("limit", "50")),
        route=query.get("route", ""),
        before=_time(query["before"]) if "before" in query else None,
        before_id=query.get("before_id", ""),
    )
    if page.before is None:
        return json_reply(TraceList(data=page.traces, has_more=False))
    return json_reply(TraceList(data=page.traces, has_more=True, before=page.before, before_id=page.before_id))


async def get_trace(call: Call) -> Reply:
    """`GET /v1/palier/traces/{id}`: with its words, where they are kept and may be read."""
    name = call.path["id"]
    trace = await call.palier.read_trace(name, call.principal)
    if trace is None:
        raise NotFound(f"there is no trace `{name[:80]}`", param="id")
    return json_reply(trace)


def _time(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidRequest(f"`before` is `{text[:40]}`: seconds since the epoch", param="before")
    return value
