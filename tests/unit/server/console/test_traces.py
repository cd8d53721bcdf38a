"""Traces and what left, as pages show them: to whom they may be shown, and inert."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from tests.unit.server.console.conftest import HOSTILE, Person

from palier.access import Role
from palier.server.console.traces import bars
from palier.testing.traces import trace_of
from palier.types import Clearance, Guarded, Label, Step

People = Callable[..., Person]


def asked(person: Person, question: str) -> str:
    """The id of what was just asked."""
    person.post("/console/ask", {"route": "support", "question": question})
    (trace,) = person.gateway.run(person.gateway.palier.list_traces(limit=1)).traces
    return trace.id


def test_whoever_asked_finds_it_and_opens_it(people: People) -> None:
    person = people(Role.VIEWER)
    trace = asked(person, f"When does it ring? {HOSTILE}")
    listed = person.get("/console/traces?q=does it RING").text
    assert f"/console/traces/{trace}" in listed
    shown = person.get(f"/console/traces/{trace}").text
    assert "⟨U+202E⟩fdp.exe" in shown
    assert "<script>alert" not in shown
    assert "notes/bell#0" in shown
    part = person.get("/console/traces?status=answered&since=1h", **{"HX-Request": "true"}).text
    assert f"/console/traces/{trace}" in part
    assert "<html" not in part
    assert trace not in person.get("/console/traces?status=failed").text
    back = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert "<html" in person.get("/console/traces", **back).text


def test_another_viewer_does_not(people: People) -> None:
    trace = asked(people(Role.VIEWER), "When does it ring, in secret?")
    other = people(Role.VIEWER)
    assert trace not in other.get("/console/traces").text
    assert trace not in other.get("/console/traces?q=in secret").text
    assert other.get(f"/console/traces/{trace}").status_code == 404


def test_that_somebody_reads_anothers_words_is_on_record(people: People) -> None:
    author, reviewer = people(Role.VIEWER), people(Role.REVIEWER)
    trace = asked(author, "When does it ring?")
    assert author.get(f"/console/traces/{trace}").status_code == 200
    assert reviewer.get(f"/console/traces/{trace}").status_code == 200
    actions = reviewer.gateway.run(reviewer.gateway.palier.access.actions.page(what="trace.read"))
    assert [(one.who, one.about) for one in actions][:1] == [(reviewer.name, trace)]
    assert author.name not in {one.who for one in actions}


@pytest.mark.parametrize("query", ["since=2h", "before=x", "before=nan", "before=1e999"])
def test_a_query_that_means_nothing_is_refused(people: People, query: str) -> None:
    assert people().get(f"/console/traces?{query}").status_code == 400


def test_a_waterfall_is_of_what_took_time() -> None:
    step = Step(tier="tier-1", model="m", outcome="answered", reason="", began_ms=40.0, latency_ms=50.0)
    skipped = Step(tier="tier-0", model="m", outcome="skipped", reason="")
    guard = Guarded(guard="g", place="input", action="pass", took_ms=10.0)
    none = msgspec.structs.replace(trace_of("t"), steps=(skipped,), guards=(), latency_ms=0.0, timings={})
    trace = msgspec.structs.replace(
        none, steps=(skipped, step), guards=(guard,), latency_ms=100.0, timings={"retrieve_ms": 30.0}
    )
    assert [(bar.kind, bar.x, bar.width) for bar in bars(trace)] == [
        ("guard", 0.0, 10.0),
        ("retrieval", 10.0, 30.0),
        ("tier", 40.0, 50.0),
    ]
    assert bars(none) == []


def test_operators_see_what_left_and_viewers_do_not(people: People) -> None:
    operator = people(Role.OPERATOR)
    ledger, run = operator.gateway.palier.ledger, operator.gateway.run
    for n, label in enumerate((Label.PUBLIC, Label.INTERNAL)):
        cleared = Clearance(
            purpose="draft", destination=f"cloud-{n} <b>", request=f"ask-{n}", label=label, redacted={"PERSON": 2}
        )
        run(ledger.enter(cleared, "cloud.example", b"words that left"))
    shown = operator.get("/console/ledger").text
    assert "cloud-0 &lt;b&gt;" in shown
    assert "words that left" not in shown
    narrowed = operator.get("/console/ledger?label=internal").text
    assert "cloud-1" in narrowed
    assert 'href="/console/ledger/1"' not in narrowed
    assert "cloud.example" in operator.get("/console/ledger/2").text
    for wrong in ("/console/ledger/99", "/console/ledger/x", f"/console/ledger/{'9' * 30}"):
        assert operator.get(wrong).status_code == 404
    assert operator.get("/console/ledger?label=secret").status_code == 400
    assert people(Role.REVIEWER).get("/console/ledger").status_code == 403


def test_what_left_is_offered_where_something_did(people: People) -> None:
    operator = people(Role.OPERATOR)
    trace = asked(operator, "When does it ring?")
    path, offered = f"/console/traces/{trace}", f"/console/ledger?trace={trace}"
    assert offered not in operator.get(path).text, "its model is on the premises"
    cleared = Clearance(purpose="draft", destination="cloud", request=trace, label=Label.PUBLIC)
    operator.gateway.run(operator.gateway.palier.ledger.enter(cleared, "cloud.example", b"words"))
    assert offered in operator.get(path).text
    assert trace in operator.get(offered).text


def test_reasons_are_in_the_language_of_the_reader(people: People) -> None:
    person = people(Role.VIEWER)
    trace = asked(person, "When does it ring?")
    shown = person.get(f"/console/traces/{trace}", **{"Accept-Language": "fr"}).text
    assert "aucun seuil à atteindre" in shown
    assert "aucune puissance n’est déclarée" in shown
    assert "no threshold" not in shown
    assert "no threshold to reach" in person.get(f"/console/traces/{trace}").text
    lost = person.get("/console/traces/none", **{"Accept-Language": "fr"}).text
    assert "il n’y a pas de trace <code>none</code>" in lost
