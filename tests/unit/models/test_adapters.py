"""Adapters and where they come from: one of another base, or one that was changed, is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from palier.errors import ConfigurationError
from palier.models import adapters
from palier.models.adapters import Lineage
from palier.models.weights import hash_once
from palier.types import Label


@pytest.fixture(autouse=True)
def own_stamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALIER_MODELS", str(tmp_path / "models"))


def made(folder: Path, base: Path) -> Path:
    adapter = folder / "adapter.gguf"
    adapter.write_bytes(b"GGUF an adapter")
    found = Lineage(
        base="small",
        base_sha256=hash_once(base),
        adapter_sha256=hash_once(adapter),
        lessons=100,
        lessons_sha256="0" * 64,
        label=Label.CONFIDENTIAL,
        collections=("incidents",),
    )
    adapters.beside(adapter).write_bytes(msgspec.json.encode(found))
    return adapter


def test_one_for_this_base_is_known_with_its_lineage(tmp_path: Path) -> None:
    base = tmp_path / "base.gguf"
    base.write_bytes(b"GGUF one")
    found = adapters.check("v1", made(tmp_path, base), base)
    assert found is not None
    assert (found.label, found.collections) == (Label.CONFIDENTIAL, ("incidents",))


def test_one_for_another_base_is_refused_by_hash(tmp_path: Path) -> None:
    base, other = tmp_path / "base.gguf", tmp_path / "other.gguf"
    base.write_bytes(b"GGUF one")
    other.write_bytes(b"GGUF two")
    with pytest.raises(ConfigurationError, match=r"`v1` was taught on other weights: small with SHA-256") as caught:
        adapters.check("v1", made(tmp_path, base), other)
    assert "its own base" in caught.value.hint


def test_one_that_was_changed_is_refused(tmp_path: Path) -> None:
    base = tmp_path / "base.gguf"
    base.write_bytes(b"GGUF one")
    adapter = made(tmp_path, base)
    adapter.write_bytes(b"GGUF another adapter")
    with pytest.raises(ConfigurationError, match="not the file that its lineage tells of"):
        adapters.check("v1", adapter, base)


def test_one_without_a_lineage_is_its_owners_to_know(tmp_path: Path) -> None:
    adapter = tmp_path / "theirs.gguf"
    adapter.write_bytes(b"GGUF")
    assert adapters.check("theirs", adapter, adapter) is None
    with pytest.raises(ConfigurationError, match="adapter `gone` is not there"):
        adapters.check("gone", tmp_path / "gone.gguf", adapter)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b'{"palier_adapter": 2}', b"\xff"])
def test_a_lineage_that_is_none_is_said(tmp_path: Path, content: bytes) -> None:
    adapter = tmp_path / "adapter.gguf"
    adapter.write_bytes(b"GGUF")
    adapters.beside(adapter).write_bytes(content)
    with pytest.raises(ConfigurationError, match="no lineage of an adapter"):
        adapters.check("v1", adapter, adapter)
