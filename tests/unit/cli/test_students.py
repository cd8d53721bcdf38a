"""`palier versions`, `promote`, `rollback`, without a gateway and with one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from tests.heads import taught
from tests.promised import own_policy
from tests.serving import served
from tests.unit.app.test_gate import shuffled, suite
from tests.unit.app.test_students import ROUTE, kept
from typer.testing import CliRunner

from palier import Palier
from palier.cli import app
from palier.config import Learning, load
from palier.routing import policy as policies
from palier.server.admin import AdminServer
from palier.versions import Version

TOML = """
data = "data"
[redaction]
names = "off"
[models.intents]
kind = "head"
file = "own.head"
[models.large]
kind = "fake"
file = "script.jsonl"
[routes.intents]
audit = 0
[[routes.intents.tiers]]
model = "intents"
threshold = 0.3
[[routes.intents.tiers]]
model = "large"
highest_label = "internal"
"""


def ran(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == status, done.output
    return done.stdout


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    """A version that is better than the route's own, and a suite beside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    Path("palier.toml").write_text(TOML)
    Path("own.head").write_bytes(shuffled())
    Path("script.jsonl").write_text('{"answer": "asked above"}\n')
    found = suite()
    Path("suite").mkdir()
    labels = json.dumps(list(found.labels))
    Path("suite/suite.toml").write_text(f'name = "s"\ntask = "classification"\nroute = "{ROUTE}"\nlabels = {labels}\n')
    rows = [{"id": c.id, "input": c.input, "reference": c.references[0], "split": c.split} for c in found.cases]
    Path("suite/cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return asyncio.run(kept(tmp_path, taught(("ngrams",)).content, ruled=False))


def test_judged_promoted_and_taken_back(made: Version) -> None:
    assert made.id[-12:] in ran("versions")
    out = ran("promote", made.id, "--suite", "suite", "--margin", "0.05", "--as", "ann")
    assert f"{made.id} passes" in out
    assert "coverage" in out
    assert "live, best" in ran("versions", ROUTE)
    (row,) = [json.loads(line) for line in ran("versions", "--json").splitlines()]
    assert (row["id"], row["state"]) == (made.id, "live")
    assert "the route's own answers on intents" in ran("rollback")
    assert "retired" in ran("versions")
    ran("rollback", status=2)


def test_what_does_not_pass_exits_3_and_changes_nothing(made: Version, tmp_path: Path) -> None:
    ran("promote", made.id, "--suite", "suite", "--margin", "0.05")
    bad = asyncio.run(kept(tmp_path, shuffled(), ruled=False))
    out = ran("promote", bad.id[-12:], "--suite", "suite", "--margin", "0.05", status=3)
    assert "does not pass" in out
    assert "refused" in ran("versions")
    said = json.loads(ran("promote", bad.id, "--suite", "suite", "--json", status=3))
    assert said["passed"] is False
    ran("promote", "v-none", "--suite", "suite", status=2)


def test_one_in_shadow_is_promoted_by_its_ruling(made: Version) -> None:
    ran("promote", made.id, status=2)
    ran("promote", made.id, "--suite", "suite", "--margin", "0.05", "--shadow")
    assert "shadow" in ran("versions")
    assert f"{made.id} answers in shadow" in ran("status")
    assert f"{made.id} passes" in ran("promote", made.id, "--as", "ann")
    assert "live, best" in ran("versions")
    ran("rollback")
    ran("promote", made.id, status=2)


def test_promote_certifies_where_the_route_promises_something(made: Version, tmp_path: Path) -> None:
    """As `learn` does; with a suite that is too small it says what is missing, and nothing answers."""
    policy = asyncio.run(own_policy(load(Path("palier.toml"))))
    Path("own.policy.json").write_bytes(policies.dump(policy))
    Path("palier.toml").write_text(TOML.replace("audit = 0", 'audit = 0\npolicy = "own.policy.json"'))
    done = CliRunner().invoke(app, ["promote", made.id, "--suite", "suite", "--margin", "0.05"])
    assert done.exit_code == 3, done.output
    assert f"{made.id} is not certified" in done.stderr
    shown = ran("versions", made.id)
    assert "not certified: " in shown
    assert f"the route promises     {policy.guarantee}" in shown
    last = json.loads(ran("versions", made.id, "--json"))["calibration"]["last"]
    assert last["labels"] > 0
    assert last["why"] in shown


def test_a_version_shows_what_became_of_it_and_what_it_does(made: Version) -> None:
    ran("promote", made.id, "--suite", "suite", "--margin", "0.05", "--shadow", "--as", "ann")
    settings = load(Path("palier.toml"))
    question = "cancel my fibre the box number 3"

    async def asks(count: int) -> None:
        declared = msgspec.structs.replace(settings, learning=Learning(shadow=1.0))
        async with Palier.open(declared) as p:
            for _ in range(count):
                await p.ask(question)
                await p.shadow.finish()

    asyncio.run(asks(3))
    out = ran("versions", made.id[-12:])
    assert out.startswith(f"{made.id}: head, tier tier-1 of {ROUTE}, shadow\n")
    assert "shadow by ann: it passed the gate" in out
    assert "in shadow: 3 requests" in out
    assert "would stay home        100.0 % [43.9, 100.0]; now 0.0 % [0.0, 56.1]" in out
    said = json.loads(ran("versions", made.id, "--json"))
    assert (said["state"], said["shadow"]["requests"], len(said["history"])) == ("shadow", 3, 2)
    out = ran("versions", made.id, "--differences", "2")
    assert out.count(question) == 2
    assert out.count("shadow  terminate my contract (kept)") == 2
    assert json.loads(ran("versions", made.id, "--differences", "1", "--json"))["served"] == "asked above"
    assert ran("versions", made.id, "--effect") == ""

    ran("promote", made.id)
    asyncio.run(asks(2))
    out = ran("versions", made.id, "--effect")
    assert "before: 3 requests" in out
    assert "after: 2 requests" in out
    assert "it takes 30 a side to tell anything" in out
    assert "not drawn by lot" in out
    effect = json.loads(ran("versions", made.id, "--effect", "--json"))
    assert effect["before"]["figures"]["climbs"]["value"] == 1.0
    assert effect["after"]["figures"]["climbs"]["value"] == 0.0
    ran("versions", "v-none", status=2)


def test_a_running_gateway_changes_at_once(made: Version, tmp_path: Path) -> None:
    settings = load(Path("palier.toml"))
    with served(
        {"data": "data", "models": _plain(settings.models), "routes": _plain(settings.routes)}, tmp_path
    ) as gateway:
        admin = AdminServer(gateway.palier, gateway.palier.folder.admin_socket)
        gateway.run(admin.__aenter__())
        question = "cancel my fibre the box number 3"
        assert gateway.run(gateway.palier.ask(question)).text == "asked above"
        ran("promote", made.id, "--suite", "suite", "--margin", "0.05", "--shadow")
        assert gateway.run(gateway.palier.ask(question)).text == "asked above"
        assert f"{made.id}: head" in ran("versions", made.id)
        assert ran("versions", made.id, "--effect") == ran("versions", made.id, "--differences", "1") == ""
        ran("promote", made.id, "--suite", "suite", "--margin", "0.05")
        assert gateway.run(gateway.palier.ask(question)).text == "terminate my contract"
        ran("rollback", ROUTE)
        assert gateway.run(gateway.palier.ask(question)).text == "asked above"
        gateway.run(admin.__aexit__())


def _plain(sections: object) -> object:
    return msgspec.to_builtins(sections)


def accuracies(out: str) -> dict[str, float]:
    report = json.loads(out)
    return {one["name"]: one["metrics"][report["quality"]]["all"]["value"] for one in report["candidates"]}


def test_a_benchmark_measures_what_is_live_and_names_it(made: Version, tmp_path: Path) -> None:
    bench = ("bench", "suite", "--candidates", "intents,cascade", "--split", "dev", "--json")
    before = json.loads(ran(*bench))
    assert before.get("versions", {}) == {}
    ran("promote", made.id, "--suite", "suite", "--margin", "0.05")
    served = ran(*bench, "--html", "page.html")
    assert json.loads(served)["versions"] == {ROUTE: made.id}
    assert f"{made.id} on {ROUTE}" in Path("page.html").read_text()
    assert any(made.id in note and "--declared" in note for note in json.loads(served)["notes"])
    declared = ran(*bench, "--declared")
    assert json.loads(declared).get("versions", {}) == {}
    assert accuracies(declared) == accuracies(json.dumps(before))
    assert accuracies(served)["intents"] > accuracies(declared)["intents"] + 0.5
    (tmp_path / "data" / "students" / made.id / "student.head").write_bytes(b"changed")
    broken = json.loads(ran(*bench))
    assert broken.get("versions", {}) == {}
    assert any("measured as the settings say" in note and "was changed" in note for note in broken["notes"])


@pytest.mark.usefixtures("made")
def test_a_benchmark_asks_a_student_only_for_those_whom_it_may_serve(tmp_path: Path) -> None:
    narrow = asyncio.run(kept(tmp_path, taught(("ngrams",)).content, collections=("secrets",)))

    async def close_to_others() -> None:
        async with Palier.open(tmp_path / "palier.toml") as p:
            await p.change_readers("secrets", allow=("user:ann",), everyone=False)
            await p.students.promote(narrow.id)

    asyncio.run(close_to_others())
    bench = ("bench", "suite", "--candidates", "intents", "--split", "dev", "--json")
    (own,) = json.loads(ran(*bench))["candidates"]
    (other,) = json.loads(ran(*bench, "--as", "bob"))["candidates"]
    assert own["answered"] == own["asked"]
    assert other["answered"] == 0
