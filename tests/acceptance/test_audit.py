"""The audit sample on a real gateway: who is asked, what never leaves, what survives, and how it becomes records."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import pytest_asyncio
from tests.commands import called

from palier.app import Palier
from palier.config import parse
from palier.pipeline import audit
from palier.routing.records import Record
from palier.routing.records import parse as parse_record
from palier.server.http import serve
from palier.server.remote import RemotePalier
from palier.stores.folder import DataFolder
from palier.testing.upstream import Upstream, answers, refuses, stalls
from palier.types import Document, Label

BELL = "The bell of the chapel rings at noon every day."
ROUTES = tuple(f"route-{n}" for n in range(6))
TREASURE = "The treasure of the chapel is below the altar."


@dataclass
class House:
    """A client, a gateway whose every request is audited, and its cloud, on one event loop."""

    client: httpx2.AsyncClient
    palier: Palier
    cloud: Upstream
    route: str = ""

    async def ask(self, question: str, **fields: Any) -> dict[str, Any]:
        body = {"model": self.route, "messages": [{"role": "user", "content": question}], **fields}
        reply = await self.client.post("/v1/chat/completions", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def until(self, **wanted: int) -> None:
        async with asyncio.timeout(20):
            while True:
                count = await self.palier.audits.count(route=self.route)
                if all(getattr(count, name) == value for name, value in wanted.items()):
                    return
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with Upstream() as cloud:
        endpoint = {"kind": "endpoint", "base_url": cloud.url, "model": "large", "retries": 0}
        route = {
            "collections": ["notes"],
            "audit": 1.0,
            "tiers": [
                {"model": "quote", "threshold": 0.01},
                {"model": "local", "threshold": 1.0, "highest_label": "restricted"},
                {"model": "cloud", "highest_label": "internal"},
            ],
        }
        tree = {
            "server": {"port": 0},
            "models": {
                "quote": {"kind": "extract"},
                "local": {"kind": "fake"},
                "cloud": {**endpoint, "price": {"input": 1.0, "output": 1.0}},
            },
            "routes": dict.fromkeys(ROUTES, route),
        }
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with Palier.open(parse(tree, root=tmp_path_factory.mktemp("house"))) as palier:
            await palier.put_documents(
                [
                    Document(id="bell.md", collection="notes", title="The bell", text=BELL, label=Label.PUBLIC),
                    Document(id="treasure.md", collection="notes", text=TREASURE, label=Label.RESTRICTED),
                ]
            )
            gateway = asyncio.create_task(serve(palier, ready=ready.set_result))
            headers = {"Authorization": f"Bearer {palier.key}"}
            async with httpx2.AsyncClient(base_url=await ready, headers=headers, timeout=20) as client:
                yield House(client, palier, cloud)
            gateway.cancel()
            with suppress(asyncio.CancelledError):
                await gateway


@pytest.fixture
def house(open_house: House) -> House:
    """The house with a route and a cloud that nobody has used yet."""
    open_house.route = ROUTES[ROUTES.index(open_house.route) + 1] if open_house.route else ROUTES[0]
    open_house.cloud.calls, open_house.cloud.script = [], []
    open_house.cloud.default = answers("The bell rings at noon.", usage=(100, 10))
    return open_house


@pytest.mark.asyncio(loop_scope="module")
async def test_every_permitted_tier_answers_a_drawn_request_after_its_answer(house: House) -> None:
    reply = await house.ask("When does the bell ring?")
    assert reply["palier"]["tier"] == "tier-1"
    assert [step["tier"] for step in reply["palier"]["steps"]] == ["tier-1"], "what the audit asks is not told"
    await house.until(done=1)
    (done,) = await house.palier.audits.done(route=house.route, words=True)
    assert done.trace == reply["id"]
    assert [(tier.name, tier.outcome, tier.reused) for tier in done.tiers] == [
        ("tier-1", "drafted", True),
        ("tier-2", "drafted", False),
        ("tier-3", "drafted", False),
    ]
    assert done.words is not None
    assert done.words.drafts["tier-3"] == "The bell rings at noon."
    assert all("confidence" in tier.features for tier in done.tiers)
    assert len(done.judged("agreement f1>=0.6 with tier-3")) == 3
    trace = await house.palier.traces.get(reply["id"])
    assert trace is not None
    assert [step.tier for step in trace.steps] == ["tier-1"]
    assert trace.cost.value == 0.0, "what the audit cost is counted apart"
    assert (await house.palier.audits.count(route=house.route)).cost == pytest.approx(110 / 1e6)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_may_not_leave_does_not_leave_for_an_audit(house: House) -> None:
    for question in ("Where is the treasure of the chapel?", "Where is the treasure below the altar?"):
        await house.ask(question)
    body = {"model": house.route, "messages": [{"role": "user", "content": "When does the bell ring?"}]}
    labelled = await house.client.post("/v1/chat/completions", json=body, headers={"X-Palier-Label": "confidential"})
    assert labelled.status_code == 200
    await house.until(done=3)
    assert house.cloud.calls == []
    for done in await house.palier.audits.done(route=house.route):
        assert (done.tiers[2].outcome, done.tiers[1].outcome) == ("skipped", "drafted")
        assert done.judgements == ()
    waiting = await house.palier.audits.queue(route=house.route, sources=["person"])
    assert len(waiting) == 3, "not watched until a person judges"
    await house.ask("When does the bell ring?")
    await house.until(done=4)
    assert len(house.cloud.calls) == 1
    assert b"altar" not in house.cloud.calls[0].body


@pytest.mark.asyncio(loop_scope="module")
async def test_old_words_of_a_document_that_was_replaced_do_not_leave(house: House) -> None:
    note = Document(id="well.md", collection="notes", text="The well holds 40,000 euros.", label=Label.PUBLIC)
    await house.palier.put_documents([note])
    load, house.palier.auditor.load = house.palier.auditor.load, lambda: 1.0  # it waits
    try:
        assert (await house.ask("What does the well hold?"))["palier"]["tier"] == "tier-1"
        await house.palier.put_documents([msgspec.structs.replace(note, text="The well holds water.")])
    finally:
        house.palier.auditor.load = load
    await house.until(lost=1)
    assert house.cloud.calls == []
    await house.palier.delete_documents("notes", ["well.md"])


@pytest.mark.asyncio(loop_scope="module")
async def test_a_dead_cloud_harms_no_answer_and_is_asked_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "RETRY_S", 0.05)
    monkeypatch.setattr(audit, "POLL_S", 0.05)
    house.cloud.script = [refuses(503), refuses(503)]
    assert (await house.ask("When does the bell ring?"))["palier"]["tier"] == "tier-1"
    await house.until(done=1)
    assert len(house.cloud.calls) == 3
    house.cloud.script = [refuses(503)] * audit.ATTEMPTS
    await house.ask("When does the bell ring, then?")
    await house.until(done=2)
    (done,) = await house.palier.audits.queue(route=house.route, sources=["agreement f1>=0.6 with tier-3"])
    assert done.tiers[2].outcome == "failed"


@pytest.mark.asyncio(loop_scope="module")
async def test_raw_completions_and_tiers_by_name_are_not_drawn(house: House) -> None:
    await house.ask("When does the bell ring?", model=f"{house.route}/tier-1")
    raw = await house.client.post("/v1/completions", json={"model": f"{house.route}/tier-2", "prompt": "Once upon"})
    assert raw.status_code == 200
    count = await house.palier.audits.count(route=house.route)
    assert (count.drawn, count.done) == (0, 0)


@pytest.mark.asyncio(loop_scope="module")
async def test_feedback_over_http(house: House) -> None:
    trace = (await house.ask("When does the bell ring?"))["id"]

    async def rate(**body: Any) -> httpx2.Response:
        return await house.client.post("/v1/palier/feedback", json=body)

    first = await rate(id=trace, rating="down", comment="No \U0001f600")
    assert first.status_code == 200
    assert (first.json()["trace"], first.json()["rating"], first.json()["comment"]) == (trace, "down", "No \U0001f600")
    assert (await rate(id=trace[-12:], score=0.5)).json()["trace"] == trace
    (kept,) = await house.palier.feedback.ratings(trace)
    assert (kept.rating, kept.score, kept.comment) == (None, 0.5, "")
    assert (await rate(id="chatcmpl-absent", rating="up")).status_code == 404
    for wrong in (
        {"rating": "up", "score": 1},
        {},
        {"rating": "sideways"},
        {"score": 2},
        {"rating": "up", "comment": 3},
    ):
        reply = await rate(id=trace, **wrong)
        assert reply.status_code == 400, wrong
    assert (await house.client.post("/v1/palier/feedback", content=b"{")).status_code == 400
    unkeyed = await house.client.post(
        "/v1/palier/feedback", json={"id": trace, "rating": "up"}, headers={"Authorization": ""}
    )
    assert unkeyed.status_code == 401


# --- from the command line ----------------------------------------------------------------------------------------------

SETTINGS = """
[redaction]
names = "off"
[models.quote]
kind = "extract"
[models.cloud]
kind = "endpoint"
model = "large"
retries = 0
base_url = "URL"
[routes.support]
collections = ["notes"]
audit = 1.0
[[routes.support.tiers]]
model = "quote"
threshold = 0.01
[[routes.support.tiers]]
model = "cloud"
highest_label = "internal"
"""
AGREEMENT = "agreement f1>=0.6 with tier-2"
HOSTILE = "\x1b]0;owned\x07 It rings at noon."


class Home:
    """A folder with a palier.toml, and commands run in it."""

    def __init__(self, path: Path, cloud: Upstream) -> None:
        self.path = path
        self.cloud = cloud
        (path / "palier.toml").write_text(SETTINGS.replace("URL", cloud.url))
        (path / "bell.md").write_text(f"# The bell\n\n{BELL}\n")
        (path / "treasure.md").write_text(f"# The treasure\n\n{TREASURE}\n")
        self.environment = {**{k: v for k, v in os.environ.items() if k != "PALIER_CONFIG"}, "NO_COLOR": "1"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "palier", *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.path, env=self.environment, text=True, **pipes)

    async def run(self, *arguments: str, status: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(called, self.path, *arguments, status=status, stdin=stdin)

    async def judge(self, stdin: str) -> tuple[str, str]:
        """What a person sees who judges, in a process of its own."""
        process = self.start("label", "--route", "support")
        out, err = await asyncio.to_thread(process.communicate, stdin, 90)
        assert process.returncode == 0, (out, err)
        return out, err

    async def ask(self, question: str) -> dict[str, Any]:
        return json.loads((await self.run("ask", question, "--json")).stdout)

    async def serve(self) -> subprocess.Popen[str]:
        process = self.start("serve", "--port", "0", "--until-eof")
        assert process.stderr is not None
        assert "palier answers on" in await asyncio.to_thread(process.stderr.readline)
        return process

    async def audits(self) -> dict[str, Any]:
        return json.loads((await self.run("sample", "--json")).stdout.splitlines()[0])

    async def until(self, **wanted: int) -> None:
        """Until the gateway's audits are so far."""
        gateway = await RemotePalier.connect(DataFolder(self.path / ".palier").admin_socket)
        assert gateway is not None
        async with asyncio.timeout(60):
            while not wanted.items() <= msgspec.structs.asdict(await gateway.audits.count()).items():
                await asyncio.sleep(0.05)

    async def records(self, *options: str) -> tuple[list[Record], str]:
        done = await self.run("traces", "export", "--records", *options)
        return [parse_record(line, n) for n, line in enumerate(done.stdout.splitlines(), 1)], done.stderr


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with Upstream(script=[stalls()], default=answers(HOSTILE)) as cloud:
        made = Home(tmp_path, cloud)
        await made.run("ingest", "bell.md", "--label", "public", "--collection", "notes")
        await made.run("ingest", "treasure.md", "--label", "restricted", "--collection", "notes")
        yield made


@pytest.mark.timeout(240)  # two dozen commands, on a machine that may have other work
async def test_a_killed_gateway_loses_no_audit_and_a_person_judges_it(home: Home) -> None:
    gateway = await home.serve()
    bell = await home.ask("When does the bell ring?")
    treasure = await home.ask("Where is the treasure of the chapel?")
    assert (bell["tier"], treasure["tier"]) == ("tier-1", "tier-1")
    async with asyncio.timeout(60):
        while not home.cloud.calls:
            await asyncio.sleep(0.05)
    assert (await home.audits())["drawn"] == 2, "the cloud stalls: the audit still runs when the gateway dies"
    gateway.kill()
    gateway.wait()
    gateway = await home.serve()
    await home.until(drawn=0, done=2)

    (agreed,), told = await home.records()
    assert (agreed.id, agreed.label_source, agreed.sampled) == (bell["trace"], AGREEMENT, "audit")
    assert "1 audited requests are left out, not watched" in told
    screen, told = await home.judge("what?\n\nY\n")
    assert "below the altar" in screen
    assert "tier-" not in screen
    assert "1 judged, 0 left" in told
    (judged,), _ = await home.records("--label-source", "person", "--with-text")
    assert (judged.id, judged.text) == (treasure["trace"], "Where is the treasure of the chapel?")
    assert (judged.tiers[0].correct, judged.tiers[1].skipped) == (True, True)

    await home.run("feedback", bell["trace"][-12:], "--down", "--comment", "Too \x1b[2Jlate")
    shown = await home.run("traces", "show", bell["trace"])
    assert "feedback of local: down: Too" in shown.stdout
    assert "\x1b" not in shown.stdout
    counted = await home.audits()
    assert (counted["feedback"]["down"], counted["judged"], counted["unjudged"]) == (1, 1, 1)
    assert gateway.stdin is not None
    gateway.stdin.close()
    assert await asyncio.to_thread(gateway.wait, 20) == 0
    assert (await home.records())[0] == [agreed], "and without a gateway"
    await home.run("feedback", bell["trace"], "--up", "--down", status=2)
