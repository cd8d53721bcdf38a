"""Erasure in an open palier: a user, or a document with what was answered from it, and not a byte more or less."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from palier import Palier
from palier.config import parse
from palier.errors import InvalidRequest, NotFound, StoreError
from palier.forgetting import Forgetting, Recording
from palier.privacy.ledger import Chain
from palier.privacy.sealing import Sealer
from palier.routing import policy as policies
from palier.routing.calibrator import Calibrator, Feature
from palier.routing.policy import Guarantee, Policy, PolicyTier
from palier.routing.seen import Seen
from palier.stores.audits import SqliteAudits
from palier.stores.erasure import ErasableKnowledge, ErasableLedger, ErasableTraces
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.ledger import SqliteLedger
from palier.stores.traces import SqliteTraces
from palier.testing.audits import audit_of, drawn
from palier.testing.documents import DIMENSION, ENCODER, analyse
from palier.testing.ledger import clearance_of
from palier.testing.traces import content_of, trace_of
from palier.types import Document, Label, Message, Principal, Trace

MARIE = Principal(name="marie-dupontel")
BOB = Principal(name="bob")
RULES = [
    {"pattern": "^Wait", "answer": "Quokkaville, after a while.", "first_s": 0.4},
    {"pattern": "quokka", "answer": "The quokkalamp costs 12 euros [1]."},
    {"answer": "At noon [1]."},
]


def _files(folder: Path) -> bytes:
    """Every byte of the data folder, case folded, as terms are."""
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()).lower()


def _tree(**changed: Any) -> dict[str, Any]:
    route = {
        "collections": ["shelf"],
        "audit": 1.0,
        "passages": 1,
        "tiers": [{"model": "quote", "threshold": 1.0}, {"model": "large", "highest_label": "restricted"}],
        **changed,
    }
    return {
        "data": "data",
        "models": {"quote": {"kind": "extract"}, "large": {"kind": "fake", "file": "script.jsonl"}},
        "routes": {"support": route},
    }


@pytest.fixture
async def palier(tmp_path: Path) -> AsyncIterator[Palier]:
    (tmp_path / "script.jsonl").write_text("\n".join(map(json.dumps, RULES)))
    async with Palier.open(parse(_tree(policy="policy.json"), root=tmp_path)) as opened:
        await opened.put_documents([_document("lamp", "The quokkalamp costs 12 euros at Quokkaville."), *_others()])
        yield opened


def _document(id: str, text: str) -> Document:
    return Document(id=id, collection="shelf", text=text, title=f"About {id}", label=Label.INTERNAL)


def _others() -> list[Document]:
    return [_document(f"bell{i}", f"The bell of chapel {i} rings at noon.") for i in range(40)]


async def _trace(palier: Palier, id: str) -> Trace:
    found = await palier.traces.get(id)
    assert found is not None
    return found


async def test_nothing_of_a_user_stays_in_any_file(palier: Palier) -> None:
    asked = [await palier.ask(f"Which zebrafinch is number {i}?", principal=MARIE) for i in range(30)]
    other = await palier.ask("When does the bell ring?", principal=BOB)
    await palier.rate(asked[0].id, principal=MARIE, rating="down", comment="zebrafinch was wrong")
    await palier.rate(other.id, rating="up", comment="bob is content")
    await palier.auditor.complete()
    assert b"zebrafinch" in _files(palier.folder.path)

    before = await palier.forget(user="marie-dupontel", dry_run=True)
    assert b"zebrafinch" in _files(palier.folder.path)
    found = await palier.forget(user="marie-dupontel")
    assert (before.counts, before.dry_run) == (found.counts, True)
    assert found.counts == {
        "requests": 30,
        "contents": 30,
        "audits": 30,
        "shadows": 0,
        "comments": 1,
        "feedback": 1,
        "judgements": 0,
        "payloads": 0,
        "maps": 0,
        "lessons": 0,
        "reviews": 0,
        "trainings": 0,
        "actions": 0,
        "sources": 0,
    }
    left = _files(palier.folder.path)
    assert b"zebrafinch" not in left
    assert b"marie" not in left

    kept = await _trace(palier, asked[0].id)
    assert (kept.principal, kept.content, kept.evidence, kept.forgotten) == ("forgotten", None, (), True)
    assert kept.cost == asked[0].cost
    assert (await palier.feedback.ratings(asked[0].id))[0].principal == "forgotten"
    assert (await palier.audits.count()).lost == 30
    whole = await _trace(palier, other.id)
    assert whole.content is not None
    assert whole.principal == "bob"
    assert (await palier.feedback.ratings(other.id))[0].comment == "bob is content"
    assert set((await palier.forget(user="marie-dupontel")).counts.values()) == {0}


async def test_a_document_takes_along_what_was_answered_from_it(palier: Palier) -> None:
    lamp = await palier.ask("What does the quokka lamp cost?", principal=BOB)
    bell = await palier.ask("When does the bell of chapel 3 ring?", principal=BOB)
    # A later turn, found nothing of the lamp and says it all again.
    turns = [
        Message(role="user", content="What does it cost?"),
        Message(role="assistant", content=lamp.text),
        Message(role="user", content="And when does the bell of chapel 7 ring?"),
    ]
    later = await palier.ask(turns, principal=BOB)
    assert not any("lamp" in key for key in (await _trace(palier, later.id)).evidence)
    await palier.rate(lamp.id, principal=BOB, rating="up", comment="the quokkalamp, indeed")
    await palier.auditor.complete()
    assert b"quokka" in _files(palier.folder.path)

    before = await palier.forget(document="shelf/lamp", dry_run=True)
    found = await palier.forget(document="shelf/lamp")
    assert before.counts == found.counts
    assert found.counts["documents"] == found.counts["passages"] == found.counts["comments"] == 1
    assert (found.counts["requests"], found.counts["contents"]) == (2, 2)
    left = _files(palier.folder.path)
    assert b"quokka" not in left
    assert b"lamp" not in left
    assert await palier.get_document("shelf", "lamp") is None
    assert [hit.document for hit in await palier.search("bell of chapel 3", limit=1)] == ["bell3"]

    assert (await _trace(palier, bell.id)).content is not None
    kept = await _trace(palier, lamp.id)
    assert (kept.principal, kept.content, kept.evidence, kept.forgotten) == ("bob", None, (), True)
    assert set((await palier.forget(document="shelf/lamp")).counts.values()) == {0}


async def test_a_document_is_not_taken_for_one_that_begins_as_it_does(palier: Palier) -> None:
    await palier.put_documents([_document("lamp#2", "A quokkalamp of the second kind costs 90 euros.")])
    second = await palier.ask("What does a quokkalamp of the second kind cost?", principal=BOB)
    assert (await _trace(palier, second.id)).evidence == ("shelf/lamp#2#0",)
    assert (await palier.forget(document="shelf/lamp")).counts["requests"] == 0
    assert await palier.get_document("shelf", "lamp#2") is not None


@pytest.mark.parametrize("subject", [{"user": "marie-dupontel"}, {"document": "shelf/lamp"}])
async def test_a_request_on_its_way_does_not_bring_it_back(palier: Palier, subject: dict[str, Any]) -> None:
    asked = asyncio.create_task(palier.ask("Wait: what does the quokkalamp cost?", principal=MARIE))
    await asyncio.sleep(0.2)
    assert not asked.done()
    await palier.forget(**subject)
    result = await asked
    assert result.status == "answered"  # who asked is told; nothing of it is kept
    kept = await _trace(palier, result.id)
    assert kept.forgotten
    assert kept.content is None
    assert b"quokka" not in _files(palier.folder.path) or "user" in subject
    assert (await palier.audits.count()).drawn == 0
    again = await palier.ask("When does the bell ring?", principal=MARIE)
    assert (await _trace(palier, again.id)).content is not None
    with pytest.raises(NotFound):
        await palier.rate(result.id, rating="up")


async def test_a_lost_audit_is_not_brought_back(palier: Palier) -> None:
    await palier.ask("Which zebrafinch is it?", principal=MARIE)
    (audit,) = await palier.audits.due(1e12, 1)  # type: ignore[attr-defined]
    await palier.forget(user="marie-dupontel")
    assert not await palier.audits.keep(audit)  # type: ignore[attr-defined]
    assert await palier.auditor.complete() == 0
    assert b"zebrafinch" not in _files(palier.folder.path)


@pytest.mark.parametrize("subject", [{}, {"user": "a", "document": "b/c"}, {"document": "b"}, {"document": "/c"}])
async def test_what_names_nothing_is_refused(palier: Palier, subject: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        await palier.forget(**subject)


# --- what left, and what was replaced in it


class House:
    """The stores and what records into them, without models."""

    def __init__(self, folder: Path) -> None:
        self.knowledge = SqliteKnowledge.open(folder / "knowledge.db", ENCODER, DIMENSION, analyse)
        self.traces = SqliteTraces.open(folder / "traces.db")
        self.ledger = SqliteLedger.open(folder / "ledger.db", Sealer((bytes(32),)), Chain(), payload_days=9.0)
        self.audits = SqliteAudits(self.traces.database)
        self.forgetting = Forgetting(
            ErasableKnowledge(self.knowledge.database),
            (ErasableLedger(self.ledger),),
            ErasableTraces(self.traces.database),
            {},
        )
        self.recording = Recording(self.traces, self.audits, self.forgetting)

    async def leave(self, request: str) -> None:
        """A request sends its words to a cloud, with a placeholder in them."""
        await self.ledger.keep_map(request, 9e9, b"zebrafinch")
        await self.ledger.enter(clearance_of(request), "cloud.example", b"zebrafinch")

    async def record(self, request: str, who: str, created: float) -> None:
        trace = trace_of(request, created, content=content_of("zebrafinch"))
        await self.recording.record(msgspec.structs.replace(trace, principal=who))

    async def sealed(self) -> dict[str, tuple[bool, bool]]:
        """Of each entry's request: whether the bytes that left, and the map, are there."""
        found = {}
        for sequence in range(1, 9):
            if (link := await self.ledger.get(sequence)) is not None:
                name = link.entry.clearance.request
                payload, kept = await self.ledger.payload(sequence), await self.ledger.map_of(name)
                found[name] = (payload is not None, kept is not None)
        return found


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = House(tmp_path)
    yield opened
    for store in (opened.knowledge, opened.traces, opened.ledger):
        await store.close()


async def test_what_left_is_forgotten_and_that_it_left_is_not(house: House) -> None:
    for name, who in (("a", "marie"), ("b", "bob")):
        await house.leave(name)
        await house.record(name, who, time.time())
    await house.leave("late")  # on its way
    before = await house.forgetting.forget(user="marie", dry_run=True)
    found = await house.forgetting.forget(user="marie")
    assert (before.counts, found.counts["payloads"], found.counts["maps"]) == (found.counts, 1, 1)
    assert await house.sealed() == {"a": (False, False), "b": (True, True), "late": (True, True)}
    await house.record("late", "marie", found.before - 1.0)
    assert await house.sealed() == {"a": (False, False), "b": (True, True), "late": (False, False)}
    trace = await house.traces.get("late")
    assert trace is not None
    assert (trace.principal, trace.content, trace.forgotten) == ("forgotten", None, True)


async def test_an_audit_on_its_way_leaves_nothing_either(house: House) -> None:
    await drawn(house.recording, audit_of("a"), audit_of("b"))
    await house.forgetting.forget(user="local")
    await house.leave("a")
    assert not await house.recording.keep(audit_of("a"))
    assert await house.sealed() == {"a": (False, False)}
    await house.recording.draw(trace_of("c", content=content_of()), audit_of("c"))  # created long before
    assert (await house.audits.count()).drawn == 0


async def test_a_store_that_fails_leaves_the_traces_to_find_the_rest_by(house: House) -> None:
    await house.leave("a")
    await house.record("a", "marie", time.time())
    await house.ledger.close()
    with pytest.raises(StoreError):
        await house.forgetting.forget(user="marie")
    trace = await house.traces.get("a")
    assert trace is not None
    assert trace.principal == "marie"


# --- what was fitted on them


def _policy(*ids: str) -> Policy:
    calibrator = Calibrator(features=(Feature(name="confidence", mean=0.0, scale=1.0, coefficient=1.0),), intercept=0.0)
    promise = Guarantee(
        target="kept",
        risk=0.1,
        confidence=0.95,
        labels=300,
        certified=300,
        kept=150,
        observed=0.05,
        upper=0.09,
        fitted="2026-11-25",
    )
    tiers = (PolicyTier(name="tier-1", threshold=0.7, calibrator=calibrator), PolicyTier(name="tier-2"))
    return Policy(tiers=tiers, guarantee=promise, seen=Seen.of(ids) if ids else None)


async def test_policies_say_whether_they_have_seen_it(palier: Palier, tmp_path: Path) -> None:
    asked = [(await palier.ask(f"What is {i}?", principal=MARIE)).id for i in range(4)]
    other = [(await palier.ask(f"What is {i}?", principal=BOB)).id for i in range(4)]
    file = tmp_path / "policy.json"
    assert (await palier.forget(user=MARIE.name, dry_run=True)).artefacts == ()

    file.write_bytes(policies.dump(_policy(*asked[:3], *other)))
    (artefact,) = (await palier.forget(user=MARIE.name, dry_run=True)).artefacts
    assert (artefact.requests, artefact.earlier, artefact.fitted) == (3, 0, "2026-11-25")
    (artefact,) = (await palier.forget(user=MARIE.name)).artefacts
    assert (artefact.requests, artefact.earlier, artefact.questions) == (3, 0, False)
    (artefact,) = (await palier.forget(user=MARIE.name)).artefacts  # as after one that was killed at the end
    assert (artefact.requests, artefact.earlier) == (0, 3)

    file.write_bytes(policies.dump(_policy(*other)))
    assert (await palier.forget(user=MARIE.name)).artefacts == ()
    file.write_bytes(policies.dump(_policy()))
    (artefact,) = (await palier.forget(user=MARIE.name)).artefacts
    assert artefact.requests is None
    file.write_text("no policy")
    (artefact,) = (await palier.forget(user=MARIE.name)).artefacts
    assert (artefact.requests, artefact.fitted) == (None, "")


async def test_so_do_those_of_versions_whether_they_answer_or_not(palier: Palier, tmp_path: Path) -> None:
    asked = (await palier.ask("What is a quokka?", principal=MARIE)).id
    for name, ids in (("head-1", [asked]), ("head-2", ["another"]), ("head-3", [asked, "case"])):
        place = palier.folder.students / name
        place.mkdir(parents=True)
        (place / "policy.json").write_bytes(policies.dump(_policy(*ids)))
    found = (await palier.forget(user=MARIE.name)).artefacts
    assert [(one.version, one.route, one.requests) for one in found] == [("head-1", "", 1), ("head-3", "", 1)]


def test_what_a_policy_has_seen_is_no_part_of_its_name() -> None:
    assert policies.identity(_policy("a", "b")) == policies.identity(_policy())
    assert policies.parse(policies.dump(_policy("a", "b")), where="here") == _policy("b", "a")
    assert msgspec.json.decode(policies.dump(_policy()))["seen"] is None
