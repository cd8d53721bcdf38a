"""Models: what was taught for a route and what became of it; a version answers, and is taken back, at a click."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator

import msgspec
import pytest
from tests.heads import taught
from tests.serving import Served, served
from tests.unit.app.test_students import OTHER, OWN, QUESTION, ROUTE, another
from tests.unit.server.console.conftest import HOSTILE, Person

from palier.access import Role
from palier.evals.figures import Estimate
from palier.stores.versions import SqliteVersions
from palier.testing.versions import version_of
from palier.training.promote import Check, Ruling, Terms
from palier.types import Label
from palier.versions import Standing, Version

People = Callable[..., Person]
TREE = {
    "data": "data",
    "models": {
        "intents": {"kind": "head", "file": "own.head"},
        "large": {"kind": "fake", "file": "script.jsonl", "price": {"input": 0.4, "output": 1.6}},
    },
    "routes": {
        ROUTE: {"audit": 0, "tiers": [{"model": "intents"}, {"model": "large", "highest_label": "internal"}]},
        "other": {"tiers": [{"model": "large", "highest_label": "confidential"}]},
    },
}
RULING = Ruling(
    passed=True,
    checks=(
        Check(name="quality", passed=True, reason=f"it is not worse {HOSTILE}", figure=Estimate(value=0.01)),
        Check(name="guards", passed=False, reason="one more was stopped"),
    ),
    use=1,
    terms=Terms(),
    cases=400,
    gained=0.01,
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "own.head").write_bytes(taught(("ngrams",)).content)
    (folder / "script.jsonl").write_text(json.dumps({"answer": "asked above"}) + "\n")
    with served(TREE, folder) as running:
        yield running


async def _keep(gateway: Served, version: Version, content: bytes, *, passed: bool) -> None:
    folder = gateway.palier.folder
    place = folder.students / version.id
    place.mkdir(parents=True)
    (place / "student.head").write_bytes(content)
    versions = SqliteVersions.open(folder.state)
    await versions.add(version, [])
    if passed:
        await versions.shadow(version.id, msgspec.to_builtins(RULING))
    await versions.close()


def bring(gateway: Served, *, passed: bool = True) -> Version:
    """A version, in shadow where it passed."""
    content = another()
    files = {"student.head": hashlib.sha256(content).hexdigest()}
    version = version_of(ROUTE, student="head", policy="", files=files, collections=(), readers=(), who="ann")
    gateway.run(_keep(gateway, version, content, passed=passed))
    return version


def told(gateway: Served) -> str:
    return gateway.run(gateway.palier.ask(QUESTION, route=ROUTE)).text


def test_a_version_answers_at_a_click_and_is_taken_back_at_another(people: People) -> None:
    operator, viewer = people(Role.OPERATOR), people(Role.VIEWER)
    gateway = operator.gateway
    version = bring(gateway)
    path = f"/console/models/versions/{version.id}"
    for person, may in ((operator, True), (viewer, False)):
        shown = person.get(path).text
        assert f'<form method="post" action="{path}/promote">' in shown or not may
        assert ("/promote" in shown) == may
        assert "one more was stopped" in shown
        assert "<script>alert" not in shown
        assert (">ann<" in shown) == may, "names are for operators"
    assert viewer.post(f"{path}/promote").status_code == 403
    assert told(gateway) == OWN
    assert version.id in operator.post(f"{path}/promote").text
    assert told(gateway) == OTHER
    assert gateway.run(gateway.palier.students.standing(ROUTE)) == Standing(live=version.id, best=version.id)
    assert "/console/models/rollback" in operator.get("/console/models").text
    assert "/console/models/rollback" not in viewer.get("/console/models").text
    assert viewer.post("/console/models/rollback", {"route": ROUTE}).status_code == 403
    assert operator.post("/console/models/rollback", {"route": ROUTE, "why": "worse"}).status_code == 200
    assert told(gateway) == OWN
    (*_, last) = gateway.run(gateway.palier.students.history(ROUTE, version.id))
    assert (last.state, last.who, last.why) == ("retired", operator.name, "worse")
    again = operator.post("/console/models/rollback", {"route": ROUTE})
    assert (again.status_code, "nothing is promoted" in again.text) == (400, True)
    actions = gateway.run(gateway.palier.access.actions.page(who=operator.name))
    assert [(one.what, one.about, one.outcome) for one in actions][:3] == [
        ("version.rollback", ROUTE, "invalid_request"),
        ("version.rollback", ROUTE, "done"),
        ("version.promote", version.id, "done"),
    ]
    assert "Dollars a request" in people(Role.REVIEWER).get(f"{path}?effect=yes").text


def test_what_did_not_pass_does_not_answer(people: People) -> None:
    operator = people(Role.OPERATOR)
    version = bring(operator.gateway, passed=False)
    assert "/promote" not in operator.get(f"/console/models/versions/{version.id}").text
    assert operator.post(f"/console/models/versions/{version.id}/promote").status_code == 400
    assert told(operator.gateway) == OWN


def test_only_what_the_key_may_ask_is_shown(people: People) -> None:
    person = people(Role.OPERATOR, routes=("other",))
    version = bring(person.gateway)
    shown = person.get("/console/models").text
    assert version.id not in shown
    assert "intents" not in shown
    assert "$0.40 in, $1.6 out" in shown
    assert Label.CONFIDENTIAL in shown
    assert person.get(f"/console/models/versions/{version.id}").status_code == 404
    assert person.post(f"/console/models/versions/{version.id}/promote").status_code == 404
    assert person.post("/console/models/rollback", {"route": ROUTE}).status_code == 404
    assert people(Role.VIEWER).get("/console/models/versions/none").status_code == 404
