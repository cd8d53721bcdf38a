"""Overview and Guarantee: their figures as they are, with gaps where nothing is known."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from tests.unit.server.console.conftest import Person

from palier.access import Role
from palier.server.console.overview import SPANS, edges

People = Callable[..., Person]


def plots(text: str) -> list[dict[str, object]]:
    return [json.loads(unescape(given)) for given in re.findall(r'data-plot="([^"]+)"', text)]


@pytest.mark.parametrize("span", list(SPANS))
def test_a_span_ends_with_the_hour_or_day_that_it_is(span: str) -> None:
    step, count = SPANS[span]
    now = 1_800_000_123.0
    found = edges(span, now)
    assert len(found) == count + 1
    assert found[-2] <= now < found[-1]
    assert all(edge % step == 0 for edge in found)
    assert edges(span, found[-1])[-2] == found[-1], "the next begins where this one ends"


def test_an_operator_sees_what_went_by(people: People) -> None:
    person = people(Role.OPERATOR)
    before = person.get("/console/overview").text
    person.post("/console/ask", {"route": "support", "question": "When?"})
    shown = person.get("/console/overview?span=24h&route=support").text
    drawn = plots(shown)
    assert len(drawn) == 6
    assert all(len(plot["x"]) == 24 for plot in drawn)  # type: ignore[arg-type]
    (requests,) = drawn[0]["series"]  # type: ignore[misc]
    assert requests["values"][-1] >= 1
    (quality,) = drawn[2]["series"]  # type: ignore[misc]
    assert set(quality["values"]) == {None}, "nothing was judged, which is no 0"
    assert "none judged" in shown
    assert before != shown
    for wrong, status in (("span=year", 400), ("route=nowhere", 404)):
        assert person.get(f"/console/overview?{wrong}").status_code == status
    assert people(Role.REVIEWER).get("/console/overview").status_code == 403


def test_a_budget_is_shown_as_far_as_it_is_spent(people: People) -> None:
    person, other = people(Role.OPERATOR), people(Role.OPERATOR, routes=("other",))
    budget = person.gateway.palier.budgets.of("support")
    assert budget is not None
    budget.add(budget.now(), "cost", 41.3, 3)
    shown = person.get("/console/overview").text
    for said in ("$41 this month", "soft limit $40", "hard limit $50", "over the soft limit", "requests it cannot"):
        assert said in shown, said
    assert "this month" not in person.get("/console/overview?route=other").text
    assert "this month" not in other.get("/console/overview").text


def test_everybody_sees_what_is_promised(people: People) -> None:
    person = people(Role.VIEWER, routes=("other",))
    shown = person.get("/console/guarantee").text
    assert "Nothing is promised" in shown
    assert "the route names no policy" in shown
    assert person.get("/console/guarantee?route=support").status_code == 404
    assert people().get("/console/guarantee?route=support").status_code == 200
