"""What a route's answers depend on, and what they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from palier.app import Palier
from palier.config import parse
from palier.types import Document

BASE: dict[str, Any] = {
    "models": {
        "small": {"kind": "fake", "file": "script.jsonl", "adapters": {"tone": "tone.gguf"}},
        "big": {"kind": "fake"},
    },
    "routes": {
        "r": {
            "collections": ["notes"],
            "system": "Be brief.",
            "tiers": [
                {"model": "small", "adapter": "tone", "highest_label": "internal"},
                {"model": "big", "highest_label": "internal"},
            ],
        }
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "script.jsonl").write_text('{"answer": "yes"}\n')
    (tmp_path / "tone.gguf").write_bytes(b"weights")
    return tmp_path


async def of(folder: Path, tree: dict[str, Any], document: str = "") -> dict[str, str]:
    async with Palier.open(parse(tree, root=folder)) as palier:
        if document:
            await palier.put_documents([Document(collection="notes", id="d", text=document)])
        return (await palier.status())[0].fingerprint


def changed(*path: Any, to: Any) -> dict[str, Any]:
    def put(node: Any, keys: tuple[Any, ...]) -> Any:
        if not keys:
            return to
        if isinstance(node, list):
            return [put(part, keys[1:]) if index == keys[0] else part for index, part in enumerate(node)]
        return {**node, keys[0]: put(node.get(keys[0]), keys[1:])}

    tree: dict[str, Any] = put(BASE, path)
    return tree


TIER = ("routes", "r", "tiers", 0)


@pytest.mark.parametrize(
    ("path", "to", "names"),
    [
        (("models", "small", "model"), "other", {"tier-1.model"}),
        (("models", "small", "languages"), ["fr"], {"tier-1.model"}),
        (("models", "big", "kind"), "extract", {"tier-2.model", "tier-2.threshold"}),
        (("routes", "r", "system"), "Be long.", {"tier-1.prompt", "tier-2.prompt"}),
        ((*TIER, "system"), "Be long.", {"tier-1.prompt"}),
        ((*TIER, "passages"), 1, {"tier-1.receives"}),
        ((*TIER, "highest_label"), "restricted", {"tier-1.receives"}),
        ((*TIER, "max_tokens"), 7, {"tier-1.writes"}),
        ((*TIER, "adapter"), "", {"tier-1.adapter"}),
        (("routes", "r", "passages"), 3, {"retrieval", "tier-1.receives", "tier-2.receives"}),
        (("routes", "r", "collections"), ["notes", "more"], {"retrieval"}),
        (("routes", "r", "message_label"), "public", {"messages"}),
        ((*TIER, "threshold"), 0.9, set()),
        (("routes", "r", "tiers", 1, "threshold"), 0.9, {"tier-2.threshold"}),
        (("models", "small", "max_concurrent"), 3, set()),
        (("models", "small", "title"), "Small one", set()),
    ],
)
async def test_a_setting_changes_what_depends_on_it(
    folder: Path, path: tuple[Any, ...], to: Any, names: set[str]
) -> None:
    before, after = await of(folder, BASE), await of(folder, changed(*path, to=to))
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == names


async def test_files_are_known_by_what_they_hold(folder: Path) -> None:
    before = await of(folder, BASE)
    (folder / "tone.gguf").write_bytes(b"Weights")
    (folder / "script.jsonl").write_text('{"answer": "no"}\n')
    after = await of(folder, BASE)
    assert {name for name in before if before[name] != after[name]} == {"tier-1.adapter", "tier-1.model"}
    (folder / "tone.gguf").unlink()
    assert "missing" in (await of(folder, BASE))["tier-1.adapter"]


async def test_documents_change_every_day_and_are_no_part_of_it(folder: Path) -> None:
    assert await of(folder, BASE) == await of(folder, BASE, document="The bell rings at noon.")


async def test_the_encoder_is_part_of_it(folder: Path) -> None:
    async with Palier.open(parse(BASE, root=folder)) as palier:
        (status,) = await palier.status()
        assert status.fingerprint["encoder"] == palier.encoder.name
