"""Audits, judgements and feedback over the admin socket: the calls, the gateway's side and the command line's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from palier.access import OWNER
from palier.audits import Audit, AuditCount, Feedback, FeedbackCount, Judgement
from palier.errors import InvalidRequest
from palier.server.calls import Call
from palier.types import Principal

if TYPE_CHECKING:
    from palier.app import Palier


class AuditCall(Call, frozen=True, kw_only=True):
    """Base of these calls."""


class AuditsDone(AuditCall, frozen=True, kw_only=True, tag="audits.done"):
    route: str = ""
    source: str = ""
    after: float = 0.0
    after_id: str = ""
    limit: int = 200
    words: bool = False


class AuditQueue(AuditCall, frozen=True, kw_only=True, tag="audits.queue"):
    route: str
    sources: tuple[str, ...]
    after: float = -1.0
    after_id: str = ""
    limit: int = 8


class Undrafted(AuditCall, frozen=True, kw_only=True, tag="audits.undrafted"):
    drafts: tuple[tuple[str, str], ...]


class Judge(AuditCall, frozen=True, kw_only=True, tag="audits.judge"):
    judgements: tuple[Judgement, ...]


class CountAudits(AuditCall, frozen=True, kw_only=True, tag="audits.count"):
    route: str = ""
    sources: tuple[str, ...] = ()


class Rate(AuditCall, frozen=True, kw_only=True, tag="feedback.rate"):
    id: str
    rating: Literal["up", "down"] | None = None
    score: float | None = None
    comment: str = ""
    correction: str = ""
    principal: Principal = OWNER


class FeedbackOn(AuditCall, frozen=True, kw_only=True, tag="feedback.on"):
    trace: str


class CountFeedback(AuditCall, frozen=True, kw_only=True, tag="feedback.count"):
    route: str = ""


AnyAuditCall = AuditsDone | AuditQueue | Undrafted | Judge | CountAudits | Rate | FeedbackOn | CountFeedback


async def value(palier: Palier, call: AuditCall) -> Any:
    """What the gateway replies."""
    audits, feedback = palier.audits, palier.feedback
    match call:
        case AuditsDone():
            return await audits.done(
                route=call.route,
                source=call.source,
                after=call.after,
                after_id=call.after_id,
                limit=call.limit,
                words=call.words,
            )
        case AuditQueue():
            return await audits.queue(
                route=call.route, sources=call.sources, after=call.after, after_id=call.after_id, limit=call.limit
            )
        case Undrafted():
            return await audits.undrafted(call.drafts)
        case Judge():
            return await audits.judge(call.judgements)
        case CountAudits():
            return await audits.count(route=call.route, sources=call.sources)
        case Rate():
            return await palier.rate(
                call.id,
                principal=call.principal,
                rating=call.rating,
                score=call.score,
                comment=call.comment,
                correction=call.correction,
            )
        case FeedbackOn():
            return await feedback.ratings(call.trace)
        case CountFeedback():
            return await feedback.count(call.route)
    raise InvalidRequest(f"the admin socket has no call {type(call).__name__}")


Ask = Callable[[Call, Any], Awaitable[Any]]
"""One call's result, converted to a type."""


class RemoteAudits:
    """`interfaces.Judgements`, through the gateway."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def done(
        self,
        *,
        route: str = "",
        source: str = "",
        after: float = 0.0,
        after_id: str = "",
        limit: int = 200,
        words: bool = False,
    ) -> list[Audit]:
        call = AuditsDone(route=route, source=source, after=after, after_id=after_id, limit=limit, words=words)
        found: list[Audit] = await self._ask(call, list[Audit])
        return found

    async def queue(
        self, *, route: str, sources: Sequence[str], after: float = -1.0, after_id: str = "", limit: int = 8
    ) -> list[Audit]:
        call = AuditQueue(route=route, sources=tuple(sources), after=after, after_id=after_id, limit=limit)
        found: list[Audit] = await self._ask(call, list[Audit])
        return found

    async def undrafted(self, drafts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = await self._ask(Undrafted(drafts=tuple(drafts)), list[tuple[str, str]])
        return found

    async def judge(self, judgements: Sequence[Judgement]) -> None:
        await self._ask(Judge(judgements=tuple(judgements)), None)

    async def count(self, *, route: str = "", sources: Sequence[str] = ()) -> AuditCount:
        found: AuditCount = await self._ask(CountAudits(route=route, sources=tuple(sources)), AuditCount)
        return found


class RemoteFeedback:
    """What is read of `interfaces.Ratings`, through the gateway."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def ratings(self, trace: str) -> list[Feedback]:
        found: list[Feedback] = await self._ask(FeedbackOn(trace=trace), list[Feedback])
        return found

    async def count(self, route: str = "") -> FeedbackCount:
        found: FeedbackCount = await self._ask(CountFeedback(route=route), FeedbackCount)
        return found
