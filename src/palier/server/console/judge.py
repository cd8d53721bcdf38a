"""Judge: audited answers, right or wrong, blind to the tier, in the order of the draw; as `palier label` does."""

from __future__ import annotations

import time
from urllib.parse import urlencode

from palier.audits import PERSON, Judgement, blind
from palier.config import label_source
from palier.errors import InvalidRequest, NotFound
from palier.server.console.visits import Visit, see_other
from palier.server.replies import Reply

FIRST = -1.0
"""Before every place of the draw."""
VERDICTS = {"right": True, "wrong": False}


async def show(visit: Visit) -> Reply:
    """`GET /console/judge?route=R&after=PLACE&after_id=ID`: the next one, and where it is skipped to."""
    route = _route(visit, visit.query.get("route", ""))
    given = visit.number("after")
    after = FIRST if given is None else given
    audit = await visit.palier.to_judge(route, visit.principal, after=after, after_id=visit.query.get("after_id", ""))
    drafts = [text for text, _ in blind(audit)] if audit else []
    source = label_source(visit.palier.settings.routes[route])
    people = await visit.palier.audits.count(route=route, sources=(PERSON,))
    count = await visit.palier.audits.count(route=route, sources=(PERSON, source))  # what is judged so is not offered
    here = {"route": route, "after": f"{after:.17g}", "after_id": visit.query.get("after_id", "")}
    skip = {**here, "after": f"{audit.place:.17g}", "after_id": audit.trace} if audit else {}
    return visit.page(
        "judge.html",
        route=route,
        audit=audit,
        drafts=drafts,
        people=people.judged,
        others=count.judged - people.judged,
        left=count.unjudged - count.forgotten,
        source=source,
        here=here,
        skip=urlencode(skip),
    )


async def judge(visit: Visit) -> Reply:
    """`POST /console/judge`: every draft of one request, `right` or `wrong`."""
    form, palier = visit.form, visit.palier
    visit.about = form.get("trace", "")
    route = _route(visit, form.get("route", ""))
    try:
        after = float(form.get("after", FIRST))
    except ValueError:
        raise InvalidRequest("`after` is a number", param="after") from None
    audit = await palier.to_judge(route, visit.principal, after=after, after_id=form.get("after_id", ""))
    if audit is None or audit.trace != visit.about:
        raise NotFound("it was judged meanwhile, or its words are gone", hint="open the page again", param="trace")
    said: list[Judgement] = []
    for number, (_, tiers) in enumerate(blind(audit)):
        verdict = VERDICTS.get(form.get(f"draft-{number}", ""))
        if verdict is None:
            raise InvalidRequest(f"say of answer {number + 1} whether it is right", param=f"draft-{number}")
        said += [
            Judgement(
                trace=audit.trace,
                tier=tier,
                source=PERSON,
                correct=verdict,
                who=visit.principal.name,
                created=time.time(),
            )
            for tier in tiers
        ]
    await palier.audits.judge(said)
    place = {"route": route, "after": form.get("after", ""), "after_id": form.get("after_id", "")}
    return see_other(f"/console/judge?{urlencode(place)}")


def _route(visit: Visit, given: str) -> str:
    if not visit.routes:
        raise NotFound("no route is open to this key")
    route = given or visit.routes[0]
    if route not in visit.routes:
        raise NotFound(f"there is no route `{route[:80]}`", hint=f"routes: {', '.join(visit.routes)}", param="route")
    return route
