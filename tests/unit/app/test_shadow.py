"""A version in shadow: asked beside what is served, kept apart, under the same rules; and never in anybody's way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.heads import taught
from tests.unit.app.test_students import OTHER, OWN, QUESTION, ROUTE, another, kept

from palier import Palier
from palier.app import shadow as module
from palier.config import parse
from palier.errors import ConfigurationError
from palier.types import Document, Label, Principal, Request
from palier.versions import Shadowed, ShadowWords

ANN, BOB = Principal(name="ann"), Principal(name="bob")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.head").write_bytes(taught(("ngrams",)).content)
    (tmp_path / "script.jsonl").write_text('{"answer": "asked above"}\n')
    return tmp_path


@asynccontextmanager
async def opened(
    folder: Path, *, shadow: float = 1.0, more: dict[str, Any] | None = None, **changed: Any
) -> AsyncIterator[Palier]:
    """Palier with what is in shadow asked of all requests."""
    tiers = [{"model": "intents", "threshold": 0.3}, {"model": "large", "highest_label": "restricted"}]
    tree = {
        "data": "data",
        "learning": {"shadow": shadow},
        "models": {
            "intents": {"kind": "head", "file": "own.head"},
            "large": {"kind": "fake", "file": "script.jsonl"},
        },
        "routes": {ROUTE: {"audit": 0, "tiers": tiers, **changed}},
        **(more or {}),
    }
    async with Palier.open(parse(tree, root=folder)) as p:
        yield p


async def said(p: Palier, version: str) -> list[Shadowed]:
    await p.shadow.finish()
    return list(await p.shadows.list(version, words=True))


async def test_it_answers_beside_and_nobody_is_served_by_it(folder: Path) -> None:
    version = await kept(folder, another())
    async with opened(folder) as p:
        result = await p.ask(QUESTION, principal=ANN)
        assert (result.text, len(result.steps)) == (OWN, 1)
        assert await p.shadows.list(version.id) == []
        (one,) = await said(p, version.id)
        assert (one.trace, one.route, one.outcome, one.home, one.agrees) == (result.id, ROUTE, "kept", True, False)
        assert one.latency_ms > 0
        assert one.served_ms == result.steps[0].latency_ms
        trace = await p.traces.get(result.id)
        assert trace is not None
        assert trace.content is not None
        assert one.words == ShadowWords(label=Label.INTERNAL, expires=trace.content.expires, answer=OTHER)
        assert OTHER not in str(trace)
        await p.ask("what does it cost, the modem number 2")
        assert (await said(p, version.id))[0].agrees is True
        assert await p.students.history(ROUTE, version.id) == await p.students.history(ROUTE)
        assert p.counts.shadows == {(ROUTE, "kept"): 2}
        assert len(await p.traces.list()) == 2, "what it says is no request"


async def test_what_it_would_not_keep_climbs_in_no_tier(folder: Path) -> None:
    version = await kept(folder, another())
    tiers = [{"model": "intents", "threshold": 1.0}, {"model": "large", "highest_label": "restricted"}]
    async with opened(folder, tiers=tiers) as p:
        assert (await p.ask(QUESTION)).text == "asked above"
        calls = len(p.models["large"].calls)  # type: ignore[attr-defined]
        (one,) = await said(p, version.id)
        assert (one.outcome, one.home, one.agrees) == ("climbed", False, False)
        assert one.words is not None
        assert one.words.answer == OTHER
        assert len(p.models["large"].calls) == calls  # type: ignore[attr-defined]


async def test_the_route_and_the_share_say_who_is_drawn(folder: Path) -> None:
    version = await kept(folder, another())
    async with opened(folder, shadow=0.0) as p:
        await p.ask(QUESTION)
        assert await said(p, version.id) == []
    async with opened(folder, shadow=0.3) as p:
        drawn = [p.shadow._draws(Request(id=f"r{n}", route=ROUTE, messages=())) for n in range(2_000)]
        assert 0.26 < sum(drawn) / 2_000 < 0.34
        assert drawn == [p.shadow._draws(Request(id=f"r{n}", route=ROUTE, messages=())) for n in range(2_000)]
    async with opened(folder) as p:
        await p.ask(QUESTION, tier="tier-2")
        assert await said(p, version.id) == [], "it would not have been asked"


async def test_who_may_not_read_what_it_was_taught_on_gets_nothing_of_it(folder: Path) -> None:
    version = await kept(folder, another(), collections=("board",), label=Label.CONFIDENTIAL)
    async with opened(folder) as p:
        await p.put_documents([Document(id="d", collection="board", text="Secret.", label=Label.INTERNAL)])
        await p.change_readers("board", allow=("user:ann",), everyone=False)
        for principal in (BOB, ANN):
            await p.ask(QUESTION, principal=principal)
        first, second = await said(p, version.id)
        assert {first.outcome, second.outcome} == {"kept", "barred"}
        barred, answered = (first, second) if first.outcome == "barred" else (second, first)
        assert (barred.words, barred.agrees) == (None, None)
        assert answered.words is not None
        assert answered.words.label is Label.CONFIDENTIAL


async def test_the_guards_of_the_route_look_at_it(folder: Path) -> None:
    version = await kept(folder, another())
    (folder / "rules.toml").write_text(f'[[rules]]\nname = "goodbye"\nwords = ["{OTHER}"]\naction = "climb"\n')
    polite = {"polite": {"kind": "policy", "file": "rules.toml"}}
    async with opened(folder, more={"guards": polite}, guards={"output": ["polite"]}) as p:
        assert (await p.ask(QUESTION)).text == OWN
        (one,) = await said(p, version.id)
        assert (one.outcome, one.guard) == ("stopped", "polite")


async def test_a_question_that_a_guard_refuses_is_not_put_to_it(folder: Path) -> None:
    version = await kept(folder, another())
    (folder / "rules.toml").write_text('[[rules]]\nname = "fibre"\nwords = ["fibre"]\naction = "refuse"\n')
    polite = {"polite": {"kind": "policy", "file": "rules.toml"}}
    async with opened(folder, more={"guards": polite}, guards={"input": ["polite"]}) as p:
        assert (await p.ask(QUESTION)).tier is None
        assert await said(p, version.id) == []


async def test_what_is_forgotten_meanwhile_is_not_kept(folder: Path) -> None:
    version = await kept(folder, another())
    async with opened(folder) as p:
        await p.ask(QUESTION, principal=ANN)
        await p.forget(user="ann")
        assert await said(p, version.id) == []
        assert p.counts.shadows == {(ROUTE, "dropped"): 1}
        await p.ask(QUESTION, principal=ANN)
        assert len(await said(p, version.id)) == 1
        assert (await p.forget(user="ann")).counts["shadows"] == 1
        (left,) = await said(p, version.id)
        assert left.words is None


async def test_without_words_kept_it_keeps_none(folder: Path) -> None:
    version = await kept(folder, another())
    async with opened(folder, more={"store": {"record_content": False}}) as p:
        await p.ask(QUESTION)
        (one,) = await said(p, version.id)
        assert (one.outcome, one.agrees, one.words) == ("kept", False, None)


async def test_a_busy_gateway_drops_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    version = await kept(folder, another())
    async with opened(folder) as p:
        p.shadow.load = lambda: 0.5
        await p.ask(QUESTION)
        assert await said(p, version.id) == []
        p.shadow.load = lambda: 0.1
        await p.ask(QUESTION)
        assert len(await said(p, version.id)) == 1, "few are at work, and were waited for long enough"
        p.shadow.load = lambda: 0.0
        for _ in range(module.WAITING + 3):
            await p.ask(QUESTION)
        assert len(await said(p, version.id)) == 1 + module.WAITING
        assert p.counts.shadows == {(ROUTE, "dropped"): 4, (ROUTE, "kept"): 1 + module.WAITING}


async def test_what_is_at_work_is_left_where_requests_come(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    version = await kept(folder, another())
    async with opened(folder) as p:
        await p.ask(QUESTION)
        cast = p.shadow.casts[ROUTE]

        class Slow:
            async def search(self, *_: Any, **__: Any) -> list[Any]:
                p.shadow.load = lambda: 1.0
                await asyncio.sleep(30)
                return []

        parts = module.replace(cast.parts, retriever=Slow(), collections=("notes",))
        (offered,) = p.shadow._waiting
        p.shadow._waiting[0] = offered._replace(cast=module.replace(cast, parts=parts))
        started = time.monotonic()
        assert await said(p, version.id) == []
        assert time.monotonic() - started < 5


async def test_a_request_is_not_slower_and_does_not_fail_for_it(folder: Path) -> None:
    """Whatever it does: what it is told takes microseconds, and its end is not waited for."""
    version = await kept(folder, another())
    async with opened(folder) as p:
        p.shadow.start()
        results = await asyncio.gather(*(p.ask(QUESTION) for _ in range(20)))
        assert {result.text for result in results} == {OWN}
        for _ in range(200):
            if sum(p.counts.shadows.values()) == 20:
                break
            await asyncio.sleep(0.02)
        counted = p.counts.shadows
        assert counted[ROUTE, "kept"] + counted[ROUTE, "dropped"] == 20
        assert counted[ROUTE, "kept"] == len(await p.shadows.list(version.id)) > 0


async def test_one_that_was_judged_beside_a_running_gateway_is_found(folder: Path) -> None:
    async with opened(folder) as p:
        await p.ask(QUESTION)
        version = await kept(folder, another())
        await p.returning.look()
        await p.ask(QUESTION)
        assert len(await said(p, version.id)) == 1
        assert f"{version.id} answers in shadow" in (await p.status())[0].student
        await p.students.promote(version.id)
        await p.returning.look()
        assert p.shadow.casts == {}
        assert (await p.ask(QUESTION)).text == OTHER


async def test_one_that_cannot_be_asked_is_told_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    await kept(folder, b"no head")
    async with opened(folder) as p:
        await p.returning.look()
        await p.returning.look()
        assert (await p.ask(QUESTION)).text == OWN
        assert sum("answers nothing in shadow" in record.message for record in caplog.records) == 1


async def test_beside_one_that_cannot_be_asked_no_other_stays(folder: Path) -> None:
    await kept(folder, b"no head")
    async with opened(folder) as p:
        await p.returning.look()
        good = await kept(folder, another())
        await p.returning.look()
        assert p.shadow.casts[ROUTE].version == good
        await p.students.promote(good.id)
        await p.returning.look()
        assert p.shadow.casts == {}, "what answers is in nobody's shadow"


def test_a_share_is_a_share(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="shadow is 2"):
        parse({"learning": {"shadow": 2}}, root=folder)
