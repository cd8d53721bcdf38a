"""Ask: a question to a route, streamed; what the answer stands on, why this tier; and what was thought of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Literal

import msgspec

from palier.errors import InvalidRequest, NotFound
from palier.pipeline.discretion import discreet
from palier.server.console.visits import Visit
from palier.server.replies import Reply, Stream
from palier.server.wire import encode
from palier.types import Completed, Delta, Message, Request, Result

MAX_TURNS = 40
_EVENTS = b"text/event-stream"


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was said before, as the page that shows it sends it."""

    role: Literal["user", "assistant"]
    content: str


_turns = msgspec.json.Decoder(list[Turn])


async def show(visit: Visit) -> Reply:
    """`GET /console/ask`."""
    return visit.page("ask.html", result=None, question="", route=visit.query.get("route", ""), home=False)


async def ask(visit: Visit) -> Reply | Stream:
    """`POST /console/ask`: a stream of events where the page can take one, else the page with the answer.

    Events: `delta` with a part of the text, then `done` with the whole of it and what is to be shown beside it.
    """
    request = _request(visit)
    visit.about = request.id
    if _EVENTS in visit.headers.get(b"accept", b""):
        return Stream(_events(visit, request))
    result = discreet(await visit.palier.answer(request), visit.principal)
    return visit.page(
        "ask.html",
        question=request.question,
        route=request.route,
        home=request.local_only,
        rating=None,
        correction="",
        **_shown(result),
    )


async def rate(visit: Visit) -> Reply:
    """`POST /console/answers/{id}/rating`: `rating`, and a `correction` where one is given."""
    visit.about = visit.places["id"]
    rating, correction = visit.form.get("rating"), visit.form.get("correction", "")
    if rating not in ("up", "down"):
        raise InvalidRequest("`rating` is up or down", param="rating")
    kept = await visit.palier.rate(visit.about, principal=visit.principal, rating=rating, correction=correction)
    said = "kept_correction" if kept.correction else "kept_no_words" if correction else f"kept_{rating}"
    return visit.page(
        "rated.html",
        id=kept.trace,
        rating=kept.rating,
        correction=kept.correction,
        text=correction or visit.form.get("text", ""),
        kept=visit.words(f"ask.{said}"),
    )


def _request(visit: Visit) -> Request:
    form = visit.form
    route, question = form.get("route", ""), form.get("question", "").strip()
    if route not in visit.routes:
        raise NotFound(f"there is no route `{route[:80]}`", hint=f"routes: {', '.join(visit.routes)}", param="route")
    if not question:
        raise InvalidRequest("there is no question", param="question")
    messages = [*_before(form.get("turns", "[]")), Message(role="user", content=question)]
    return visit.palier.request(
        messages, route=route, principal=visit.principal, stream=True, local_only=form.get("home") == "yes"
    )


def _before(text: str) -> Sequence[Message]:
    try:
        turns = _turns.decode(text)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"`turns` is no conversation: {error}", param="turns") from None
    return [Message(role=turn.role, content=turn.content) for turn in turns[-MAX_TURNS:]]


async def _events(visit: Visit, request: Request) -> AsyncGenerator[bytes, None]:
    async with aclosing(visit.palier.stream(request)) as events:
        async for event in events:
            if isinstance(event, Delta) and event.choice == 0 and event.text:
                yield _event("delta", {"text": event.text})
            elif isinstance(event, Completed):
                shown = _shown(discreet(event.result, visit.principal))
                html = visit.part("answer.html", rating=None, correction="", **shown)
                yield _event("done", {"text": event.result.text, "html": html})


def _shown(result: Result) -> dict[str, Any]:
    return {"result": result, "numbers": frozenset(source.n for source in result.sources)}


def _event(name: str, data: dict[str, str]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), encode(data))
