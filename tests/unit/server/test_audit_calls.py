"""Audits, judgements and feedback through the admin socket are those of the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from palier.app import Palier
from palier.config import parse
from palier.errors import InvalidRequest, NotFound
from palier.server.admin import AdminServer
from palier.server.remote import RemotePalier
from palier.stores.audits import SqliteAudits
from palier.testing.audits import done_of, drawn, judgement_of
from palier.types import Principal


@pytest.fixture
async def palier(tmp_path: Path) -> AsyncIterator[Palier]:
    route = {"tiers": [{"model": "fake", "highest_label": "restricted"}]}
    async with Palier.open(
        parse({"models": {"fake": {"kind": "fake"}}, "routes": {"support": route}}, root=tmp_path)
    ) as p:
        yield p


@pytest.fixture
async def gateway(palier: Palier) -> AsyncIterator[RemotePalier]:
    async with AdminServer(palier, palier.folder.admin_socket):
        connected = await RemotePalier.connect(palier.folder.admin_socket)
        assert connected is not None
        yield connected


async def test_audits_and_judgements(gateway: RemotePalier, palier: Palier) -> None:
    await drawn(cast(SqliteAudits, palier.audits), done_of("a", 1.0, place=0.2), done_of("b", 2.0, place=0.1))
    assert await gateway.audits.done(words=True) == await palier.audits.done(words=True)
    assert [audit.trace for audit in await gateway.audits.done(route="support", after=1.0, after_id="a")] == ["b"]
    assert [audit.trace for audit in await gateway.audits.queue(route="support", sources=["person"])] == ["b", "a"]
    await gateway.audits.judge([judgement_of("a"), judgement_of("a", "tier-2", correct=None, score=0.5)])
    assert (await palier.audits.done())[0].judgements == (await gateway.audits.done(source="person", limit=1))[
        0
    ].judgements
    count = await gateway.audits.count(route="support", sources=["person"])
    assert count == await palier.audits.count(route="support", sources=["person"])
    assert (count.judged, count.unjudged) == (1, 1)
    drafts = [("a", "tier-1"), ("a", "tier-9")]
    assert await gateway.audits.undrafted(drafts) == await palier.audits.undrafted(drafts) == drafts[1:]
    with pytest.raises(NotFound, match="tier-9"):
        await gateway.audits.judge([judgement_of("a", "tier-9")])


async def test_feedback(gateway: RemotePalier, palier: Palier) -> None:
    asked = await palier.ask("Hello?")
    kept = await gateway.rate(asked.id[-12:], rating="up", comment="thanks")
    assert await gateway.feedback.ratings(asked.id) == await palier.feedback.ratings(asked.id) == [kept]
    assert (await gateway.feedback.count("support")).up == 1
    with pytest.raises(NotFound, match="no trace"):
        await gateway.rate("absent", rating="up")
    with pytest.raises(InvalidRequest, match="not both"):
        await gateway.rate(asked.id)


async def test_one_rates_what_one_asked(gateway: RemotePalier, palier: Palier) -> None:
    ann, bob = Principal(name="ann"), Principal(name="bob")
    asked = await palier.ask("Hello?", principal=ann)
    await gateway.rate(asked.id, principal=ann, score=0.5)
    with pytest.raises(NotFound):
        await gateway.rate(asked.id, principal=bob, score=0.0)
    await gateway.rate(asked.id, rating="down")
    assert [(f.principal, f.rating, f.score) for f in await palier.feedback.ratings(asked.id)] == [
        ("ann", None, 0.5),
        ("local", "down", None),
    ]
