"""Audited answers judged in the console: blind, all or none, in the order of the draw, by whoever may read them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import msgspec
import pytest
from tests.unit.server.console.conftest import HOSTILE, Person

from palier.access import Role
from palier.audits import Audit, Judgement
from palier.config import label_source
from palier.testing.audits import done_of, tier_of, words_of
from palier.testing.traces import content_of, trace_of

People = Callable[..., Person]
_count = iter(range(1_000))


def drawn(person: Person, *, evidence: tuple[str, ...] = (), same: bool = False, place: float = 0.5) -> Audit:
    """An audit of the route `other` that waits for a judge."""
    name = f"audit-{next(_count)}"
    trace = msgspec.structs.replace(
        trace_of(name, route="other", content=content_of()), evidence=evidence, unquoted=None
    )
    drafts = {"tier-1": f"small said {HOSTILE}", "tier-2": f"small said {HOSTILE}" if same else "large said"}
    audit = done_of(
        name,
        route="other",
        place=place,
        tiers=(tier_of("tier-1"), tier_of("tier-2")),
        words=words_of(name, drafts),
    )
    person.gateway.run(person.gateway.palier._drawn.draw(trace, audit))
    return audit


def waiting(text: str) -> dict[str, str]:
    """The hidden fields of the form."""
    form = text.partition('id="judge"')[2].partition("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


@pytest.fixture(autouse=True)
def _emptied(people: People) -> None:
    """What other tests left is judged."""
    owner = people()
    while fields := waiting(owner.get("/console/judge?route=other").text):
        owner.post("/console/judge", {**fields, "draft-0": "right", "draft-1": "right"})


def test_a_reviewer_judges_blind_and_goes_on(people: People) -> None:
    person = people(Role.REVIEWER)
    second, first = drawn(person, place=0.7), drawn(person, place=0.2, same=True)
    shown = person.get("/console/judge?route=other").text
    assert waiting(shown)["trace"] == first.trace
    form = shown.partition('id="judge"')[2].partition("</form>")[0]
    assert "tier-1" not in form
    assert "model of" not in form
    assert "<script>alert" not in form
    assert "draft-1" not in form, "what two tiers wrote alike is one answer"
    reply = person.post("/console/judge", {**waiting(shown), "draft-0": "wrong"})
    shown = person.get(reply.headers["location"]).text
    assert waiting(shown)["trace"] == second.trace
    (skip,) = re.findall(r'id="skip" href="([^"]+)"', shown)
    skipped = person.get(unescape(skip)).text
    assert not waiting(skipped)
    person.post("/console/judge", {**waiting(shown), "draft-0": "right", "draft-1": "wrong"})
    done = person.gateway.run(person.gateway.palier.audits.done(route="other", source="person"))
    said = {audit.trace: audit.judged("person") for audit in done}
    assert {one.correct for one in said[first.trace].values()} == {False}
    assert len(said[first.trace]) == 2
    assert sorted(one.correct is True for one in said[second.trace].values()) == [False, True]
    assert {one.who for one in said[second.trace].values()} == {person.name}


def test_what_the_routes_own_source_judged_is_counted_as_done(people: People) -> None:
    person = people(Role.REVIEWER)
    before = person.get("/console/judge?route=other").text
    assert "judged without a person" not in before
    audit = drawn(person)
    assert ", 1 not yet" in person.get("/console/judge?route=other").text
    source = label_source(person.gateway.palier.settings.routes["other"])
    said = [
        Judgement(trace=audit.trace, tier=tier, source=source, correct=True, who="", created=1.0)
        for tier in ("tier-1", "tier-2")
    ]
    person.gateway.run(person.gateway.palier.audits.judge(said))
    shown = person.get("/console/judge?route=other").text
    assert "Nothing is left to judge" in shown
    assert ", 0 not yet · 1 judged without a person, by" in shown
    assert source in unescape(shown)


def test_every_draft_needs_a_verdict_and_twice_is_once_too_often(people: People) -> None:
    person = people(Role.REVIEWER)
    drawn(person)
    fields = waiting(person.get("/console/judge?route=other").text)
    assert person.post("/console/judge", {**fields, "draft-0": "right"}).status_code == 400
    assert person.post("/console/judge", {**fields, "draft-0": "right", "draft-1": "maybe"}).status_code == 400
    whole = {**fields, "draft-0": "right", "draft-1": "wrong"}
    assert person.post("/console/judge", {**whole, "after": "x"}).status_code == 400
    assert person.post("/console/judge", whole).status_code == 303
    assert person.post("/console/judge", whole).status_code == 404
    assert person.get("/console/judge?route=nowhere").status_code == 404


def test_what_one_may_not_read_is_left_to_others(people: People) -> None:
    reviewer = people(Role.REVIEWER)
    audit = drawn(reviewer, evidence=("gone/document#0",))
    assert not waiting(reviewer.get("/console/judge?route=other").text)
    assert waiting(people(Role.ADMIN).get("/console/judge?route=other").text)["trace"] == audit.trace
    assert people(Role.VIEWER).get("/console/judge").status_code == 403
