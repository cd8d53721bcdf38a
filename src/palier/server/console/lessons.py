"""Lessons: what waits to be taught, accepted, edited or rejected by whoever may read what it stands on."""

from __future__ import annotations

from palier.errors import InvalidRequest, NotFound
from palier.lessons import KINDS, STATES, Edit, Lesson
from palier.server.console.visits import Visit
from palier.server.replies import Reply

PAGE = 20
HARVEST = 200
"""Lessons made at one click."""


async def show(visit: Visit, made: str = "") -> Reply:
    """`GET /console/lessons?route=R&state=queued&kind=K&after=ID`."""
    query = visit.query
    asked = {name: query.get(name, "") for name in ("route", "kind")}
    asked["state"] = query.get("state", "queued")
    for name, words in (("state", STATES), ("kind", KINDS)):
        if asked[name] and asked[name] not in words:
            raise InvalidRequest(f"`{name}` is one of {', '.join(words)}", param=name)
    lessons, after = await visit.palier.list_lessons(visit.principal, limit=PAGE, after=query.get("after", ""), **asked)
    count = await visit.palier.lessons.count(asked["route"])
    return visit.page(
        "lessons.html",
        lessons=lessons,
        after=after,
        asked=asked,
        count=count,
        states=STATES,
        kinds=KINDS,
        made=made,
    )


async def accept(visit: Visit) -> Reply:
    """`POST /console/lessons/{id}/accept`: from now on it may be taught."""
    lesson = await _lesson(visit)
    (changed,) = await visit.palier.lessons.accept([lesson.id], who=visit.principal.name)
    return _card(visit, changed, "accepted")


async def reject(visit: Visit) -> Reply:
    """`POST /console/lessons/{id}/reject`, with a `reason` if there is one."""
    lesson = await _lesson(visit)
    reason = visit.form.get("reason", "").strip()
    (changed,) = await visit.palier.lessons.reject([lesson.id], who=visit.principal.name, reason=reason)
    return _card(visit, changed, "rejected")


async def edit(visit: Visit) -> Reply:
    """`POST /console/lessons/{id}/edit`: another `question` or `answer`; with `accept`, it may then be taught."""
    lesson = await _lesson(visit)
    question, answer = (_lines(visit.form.get(name, "")) for name in ("question", "answer"))
    changed = Edit(
        question=None if question == _lines(lesson.question) else question,
        answer=None if answer == _lines(lesson.answer) else answer,
    )
    desk, who = visit.palier.lessons, visit.principal.name
    if changed != Edit():
        lesson = await desk.edit(lesson.id, changed, who=who)
    if visit.form.get("accept") == "yes":
        (lesson,) = await desk.accept([lesson.id], who=who)
        return _card(visit, lesson, "accepted")
    return _card(visit, lesson, "edited")


async def harvest(visit: Visit) -> Reply:
    """`POST /console/lessons/harvest`: make lessons of what was asked on a route."""
    route = visit.about = visit.form.get("route", "")
    if route not in visit.routes:
        raise NotFound(f"there is no route `{route[:80]}`", param="route")
    found = await visit.palier.lessons.harvest(route, limit=HARVEST)
    return await show(visit, visit.words("lessons.made", n=visit.words.number(sum(found.added.values()))))


async def _lesson(visit: Visit) -> Lesson:
    visit.about = visit.places["id"]
    return await visit.palier.read_lesson(visit.about, visit.principal)


def _card(visit: Visit, lesson: Lesson, done: str) -> Reply:
    return visit.page("lesson.html", lesson=lesson, done=visit.words(f"lessons.done_{done}"))


def _lines(text: str) -> str:
    """Text as a form sends it, with the ends of lines as they are kept."""
    return text.replace("\r\n", "\n").strip()
