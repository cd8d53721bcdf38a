"""`POST /v1/palier/feedback`: what whoever asked thinks of the answer."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from palier.pipeline.feedback import MAX_COMMENT, MAX_CORRECTION
from palier.server.endpoint import Call
from palier.server.replies import Reply, json_reply
from palier.server.wire import Sent, Wire, decode


class FeedbackPost(Wire, frozen=True, kw_only=True):
    """On the answer `id` (the response's own, or its trace): either `rating` or `score`. A later one replaces it."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    rating: Literal["up", "down"] | None = None
    score: Annotated[float, Meta(ge=0, le=1)] | None = None
    comment: Annotated[str, Meta(max_length=MAX_COMMENT)] = ""
    correction: Annotated[str, Meta(max_length=MAX_CORRECTION)] = ""
    """What the answer should have been: it may become a lesson, once a reviewer accepts it."""
    user: Annotated[str, Meta(max_length=512)] | None = None
    """Whose answer it was, where the key speaks for users so."""


class FeedbackFacts(Sent, frozen=True, kw_only=True):
    """What is kept. `comment` and `correction` are empty where no words are kept."""

    object: Literal["palier.feedback"] = "palier.feedback"
    trace: str
    rating: Literal["up", "down"] | None
    score: float | None
    comment: str
    correction: str
    created: float


_POST = msgspec.json.Decoder(FeedbackPost)


async def post_feedback(call: Call) -> Reply:
    """`POST /v1/palier/feedback`. It is shown and counted; no threshold is fitted on it."""
    wire = decode(_POST, call.body)
    kept = await call.palier.rate(
        wire.id,
        principal=call.caller.asking_for(wire.user),
        rating=wire.rating,
        score=wire.score,
        comment=wire.comment,
        correction=wire.correction,
    )
    return json_reply(
        FeedbackFacts(
            trace=kept.trace,
            rating=kept.rating,
            score=kept.score,
            comment=kept.comment,
            correction=kept.correction,
            created=kept.created,
        )
    )
