"""What those who asked think of an answer: kept with its trace, and never a judgement that a bound rests on."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Literal

from palier.audits import Feedback
from palier.errors import InvalidRequest, NotFound
from palier.interfaces import Ratings, Traces
from palier.types import Principal, Trace

MAX_COMMENT = 4_000
MAX_CORRECTION = 20_000
"""Characters."""


async def rate(
    id: str,
    principal: Principal,
    *,
    traces: Traces,
    ratings: Ratings,
    keep_s: float | None,
    rating: Literal["up", "down"] | None = None,
    score: float | None = None,
    comment: str = "",
    correction: str = "",
    reviews: Callable[[Trace], Awaitable[bool]] | None = None,
) -> Feedback:
    """Keep what `principal` says of the answer `id`, in the place of what was said before.

    It is its own answer, or one that it `reviews`; an administrator's are all.

    A comment, and a `correction` (what the answer should have been), are kept for `keep_s` seconds, None: not at all,
    under the label of what they are of. Raises
    `InvalidRequest`, and `NotFound` for an answer that is not there, or not this principal's to rate.
    """
    if (rating is None) == (score is None):
        raise InvalidRequest("give `rating` (up or down) or `score`, and not both", param="rating")
    if score is not None and not 0 <= score <= 1:
        raise InvalidRequest(f"`score` is {score}, and must be in [0, 1]", param="score")
    if len(comment) > MAX_COMMENT:
        raise InvalidRequest(f"a comment is at most {MAX_COMMENT} characters", param="comment")
    if len(correction) > MAX_CORRECTION:
        raise InvalidRequest(f"a correction is at most {MAX_CORRECTION} characters", param="correction")
    if correction and not correction.strip():
        raise InvalidRequest("the correction is empty", hint="say what the answer should have been", param="correction")
    trace = await traces.get(id)
    own = trace is not None and (principal.admin or trace.principal == principal.name)
    if trace is None or trace.forgotten or not (own or (reviews is not None and await reviews(trace))):
        raise NotFound(f"there is no trace `{id[:80]}`", hint="the `id` of an answer, or `palier traces`", param="id")
    now = time.time()
    feedback = Feedback(
        trace=trace.id,
        principal=principal.name,
        rating=rating,
        score=score,
        comment=comment if keep_s is not None else "",
        correction=correction.strip() if keep_s is not None else "",
        created=now,
    )
    label = trace.content.label if trace.content else trace.label
    await ratings.rate(feedback, label, None if keep_s is None else now + keep_s)
    return feedback
