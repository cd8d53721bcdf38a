"""The assembled whole, from Python: real stores, real retrieval, scripted tiers."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from palier import Palier
from palier.config import Settings, parse
from palier.errors import ConfigurationError, DataFolderBusy, InvalidRequest, NotFound
from palier.types import Completed, Delta, Document, Label, Message


def settings(folder: Path, **changed: Any) -> Settings:
    script = folder / "script.jsonl"
    script.write_text('{"pattern": "fibre", "answer": "29.99 euros [1]"}\n{"answer": "nothing to say"}\n')
    tree: dict[str, Any] = {
        "data": "data",
        "models": {"quote": {"kind": "extract"}, "large": {"kind": "fake", "file": "script.jsonl"}},
        "routes": {
            "support": {
                "collections": ["shelf"],
                "tiers": [{"model": "quote", "threshold": 1.0}, {"model": "large", "highest_label": "internal"}],
            }
        },
    }
    return parse({**tree, **changed}, root=folder)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def palier(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Palier]:
    """One for all: opening it starts worker processes, and no test here leaves a mark on another."""
    async with Palier.open(settings(tmp_path_factory.mktemp("palier"))) as opened:
        await opened.put_documents(
            [
                Document(
                    id="fibre.md", collection="shelf", text="The fibre costs 29.99 euros a month.", label=Label.PUBLIC
                ),
                Document(
                    id="ceo.md",
                    collection="shelf",
                    text="The salary of the director is 9,000 euros.",
                    label=Label.RESTRICTED,
                ),
            ]
        )
        yield opened


async def test_a_question_climbs_from_the_quotation_to_the_large_tier(palier: Palier) -> None:
    result = await palier.ask("What does the fibre cost?")
    assert (result.tier, result.text) == ("tier-2", "29.99 euros [1]")
    assert [step.outcome for step in result.steps] == ["climbed", "answered"]
    assert result.sources[0].document == "shelf/fibre.md"
    assert (await palier.traces.get(result.id)) is not None


async def test_restricted_evidence_stays(palier: Palier) -> None:
    result = await palier.ask("What is the salary of the director?")
    assert result.status == "abstained"
    assert "restricted" in result.decision.reason


async def test_restricted_words_stay_whoever_writes_them(palier: Palier) -> None:
    result = await palier.ask("Put this nicely: the salary of the director is 9,000 euros, fibre included")
    assert result.status == "abstained"
    assert result.label is Label.RESTRICTED
    await palier.warm()


async def test_a_tier_can_be_asked_by_name(palier: Palier) -> None:
    result = await palier.ask("What does the fibre cost?", route="support", tier="tier-1")
    assert result.tier == "tier-1"
    assert "29.99 euros a month" in result.text


async def test_a_conversation_and_parameters(palier: Palier) -> None:
    turns = [Message(role="user", content="Tell me of the fibre"), Message(role="user", content="Its price?")]
    result = await palier.ask(turns, temperature=0.0, max_tokens=1)
    assert result.status in {"answered", "abstained"}


async def test_a_stream_ends_with_its_outcome(palier: Palier) -> None:
    events = [event async for event in palier.stream(palier.request("What does the fibre cost?", stream=True))]
    assert "".join(e.text for e in events if isinstance(e, Delta)) == "29.99 euros [1]"
    assert isinstance(events[-1], Completed)


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"route": "suport"}, NotFound, "support"),
        ({"tier": "tier-9"}, NotFound, "tier-1, tier-2"),
        ({"temprature": 1.0}, InvalidRequest, "temprature"),
    ],
)
async def test_what_is_not_there_is_named(
    palier: Palier, asked: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await palier.ask("?", **asked)


@pytest.mark.parametrize(
    ("question", "parameters", "named"),
    [
        ("Hello?", {"temperature": "hot"}, "temperature"),
        ("Hello?", {"n": "two"}, "`n`"),
        ("Hello?", {"response_format": 3}, "response_format"),
        ("Hello?", {"tokens": 3}, "unknown parameter: tokens"),
        ("half \ud83d", {}, "surrogate"),
    ],
)
async def test_what_cannot_be_asked_is_named(
    palier: Palier, question: str, parameters: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidRequest, match=named):
        await palier.ask(question, **parameters)


async def test_a_second_palier_is_told_who_holds_the_folder(palier: Palier) -> None:
    with pytest.raises(DataFolderBusy, match="process"):
        async with Palier.open(palier.settings):
            pass


async def test_the_key_is_made_once_for_its_owner_alone(palier: Palier) -> None:
    assert stat.S_IMODE(palier.folder.key_file.stat().st_mode) == 0o600
    assert palier.key == palier.folder.access_key()


async def test_a_country_that_is_none_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean `FRA`"):
        async with Palier.open(settings(tmp_path, carbon={"zone": "France"})):
            pass


async def test_documents_come_and_go(palier: Palier) -> None:
    await palier.put_documents([Document(id="cat.md", collection="pets", text="The cat sleeps on the mat.")])
    assert [d.id for d in await palier.list_documents("pets")] == ["cat.md"]
    assert [hit.document for hit in await palier.search("where does the cat sleep", ["pets"])] == ["cat.md"]
    assert await palier.delete_documents("pets", ["cat.md"]) == 1
    assert await palier.get_document("pets", "cat.md") is None
    assert await palier.search("where does the cat sleep", ["pets"]) == []


async def test_health_names_each_model_and_warming_leaves_them_ready(palier: Palier) -> None:
    await palier.warm()
    assert {name: part["ok"] for name, part in (await palier.health()).items()} == {"quote": True, "large": True}


async def test_a_model_of_no_kind_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="extract"):
        async with Palier.open(settings(tmp_path, models={"quote": {"kind": "extrct"}, "large": {"kind": "fake"}})):
            pass


async def test_a_collection_raises_its_documents(tmp_path: Path) -> None:
    document = Document(id="a", collection="shelf", text="The fibre costs 29.99 euros.", label=Label.PUBLIC)
    async with Palier.open(settings(tmp_path)) as opened:
        await opened.put_documents([document])
        assert [hit.label for hit in await opened.search("fibre")] == [Label.PUBLIC]
    closed = settings(tmp_path, collections={"shelf": {"label": "confidential"}})
    async with Palier.open(closed) as opened:
        assert [hit.label for hit in await opened.search("fibre")] == [Label.CONFIDENTIAL], "those that were there"
        for label in (Label.PUBLIC, Label.RESTRICTED):
            await opened.put_documents([msgspec.structs.replace(document, id=label, label=label)])
        found = {hit.document: hit.label for hit in await opened.search("fibre")}
        assert found == {"a": "confidential", "public": "confidential", "restricted": "restricted"}
        result = await opened.ask("What does the fibre cost?")
        assert result.status == "abstained"
        assert [step.verdict for step in result.steps] == ["allow", "abstain"]


async def test_a_lost_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    async with Palier.open(settings(tmp_path)) as opened:
        await opened.ledger.keep_map("a", 2e9, b"{}")
    key = tmp_path / "data" / "vault.key"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(ConfigurationError, match="is not there") as raised:
        async with Palier.open(settings(tmp_path)):
            pass
    assert "--without-lost-key" in raised.value.hint
    assert not key.exists()
    key.write_bytes(kept)
    key.chmod(0o600)
    async with Palier.open(settings(tmp_path)) as opened:
        assert await opened.ledger.map_of("a") == b"{}"
