"""What happened, as somebody may read it: one's own requests, and a reviewer those of others.

The evidence decides, as it stands now: a document that one may not read, or that is there no more, is named in no trace
that one reads, and the words of an answer that stood on it are kept back. What the earlier turns of a conversation
stood on is in no trace, so that a reviewer reads no words of somebody else's conversation but of its first question.
Nor is it in a trace which document somebody pasted: where words were known again, a reviewer reads none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from palier.interfaces import SearchableTraces, Traces
from palier.pipeline.discretion import discreet
from palier.types import Data, Principal, Trace

PAGE = 50
"""Traces that are read at once, so that others have their turn in between."""
MAX_LOOKED_AT = 5_000
"""Traces that are looked through for one page, at most."""

Standing = Callable[[Sequence[str], Principal], Awaitable[list[bool]]]
"""Whether the document of each passage (`Hit.key`) is there, for that principal to read."""


class TracePage(Data, frozen=True, kw_only=True):
    """Traces, newest first, without words. `before` and `before_id` lead to the next page; None: that was the last."""

    traces: tuple[Trace, ...]
    before: float | None = None
    before_id: str = ""


async def read_trace(id: str, principal: Principal, traces: Traces, standing: Standing) -> Trace | None:
    """The trace `id` as `principal` may read it; None where there is none, or none for it."""
    trace = await traces.get(id)
    return await _as_read(trace, principal, standing) if trace else None


async def list_traces(
    principal: Principal,
    traces: Traces,
    standing: Standing,
    *,
    before: float | None = None,
    before_id: str = "",
    limit: int = 50,
    route: str = "",
    status: str = "",
    tier: str = "",
    since: float = 0.0,
) -> TracePage:
    """The newest traces that `principal` may read, among at most `MAX_LOOKED_AT`; none created before `since`."""
    found: list[Trace] = []
    looked_at = 0
    while len(found) < limit and looked_at < MAX_LOOKED_AT:
        page = await traces.list(before=before, before_id=before_id, limit=PAGE, route=route, status=status, tier=tier)
        for trace in page:
            before, before_id = trace.created, trace.id
            if trace.created < since:
                return TracePage(traces=tuple(found))
            if read := await _as_read(trace, principal, standing):
                found.append(read)
                if len(found) == limit:
                    break
        looked_at += len(page)
        if len(page) < PAGE and len(found) < limit:
            return TracePage(traces=tuple(found))
    return TracePage(traces=tuple(found), before=before, before_id=before_id)


async def search_traces(
    text: str,
    principal: Principal,
    traces: SearchableTraces,
    standing: Standing,
    *,
    before: float | None = None,
    before_id: str = "",
    limit: int = 50,
    since: float = 0.0,
    **asked: str,
) -> TracePage:
    """As `list_traces`, of those that have `text` in what `principal` may read of them; one search's worth of them.

    What one may not read finds nothing either: else a guess could be tried at it.
    """
    page = await traces.search(text, before=before, before_id=before_id, limit=limit, **asked)
    found: list[Trace] = []
    for trace in page.traces:
        if trace.created < since:
            return TracePage(traces=tuple(found))
        read = await _as_read(trace, principal, standing)
        if read is not None and _has(read, text):
            found.append(msgspec.structs.replace(read, content=None))
    over = page.before is not None and page.before < since
    return TracePage(traces=tuple(found), before=None if over else page.before, before_id=page.before_id)


def _has(trace: Trace, text: str) -> bool:
    """Whether `text` is in what is told of a trace."""
    content = trace.content
    turns = [message.content for message in content.messages] if content else []
    words = [*turns, content.answer, content.text or "", *content.drafts.values()] if content else []
    sought = text.casefold()
    return text in trace.id or trace.principal.startswith(text) or any(sought in one.casefold() for one in words)


async def reviews(trace: Trace, principal: Principal, standing: Standing) -> bool:
    """Whether somebody else's answer is this principal's to judge: a reviewer's, who may read all it stood on."""
    return principal.reviewer and await _as_read(trace, principal, standing) is not None


def _is_first(trace: Trace) -> bool:
    """Whether nothing was said before the question."""
    return trace.content is None or all(message.role in ("system", "user") for message in trace.content.messages)


async def _as_read(trace: Trace, principal: Principal, standing: Standing) -> Trace | None:
    own = trace.principal == principal.name
    if principal.admin:
        return trace
    if not own and not principal.reviewer:
        return None
    may = await standing(trace.evidence, principal) if trace.evidence else []
    known = own or (_is_first(trace) and trace.unquoted is None)
    trace = discreet(trace, principal)
    if all(may):
        return trace if known else msgspec.structs.replace(trace, content=None)
    if not own:
        return None
    left = tuple(key for key, readable in zip(trace.evidence, may, strict=True) if readable)
    return msgspec.structs.replace(trace, evidence=left, content=None)
