"""The small files that watches are kept in."""

from __future__ import annotations

from pathlib import Path

import pytest

from palier.errors import StoreError
from palier.stores.states import StateFile


def test_a_file_is_replaced_whole_and_its_owners_alone(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "drift")
    assert file.load("support") is None
    file.keep("support", b"one")
    file.keep("support", b"two")
    assert file.load("support") == b"two"
    assert [entry.name for entry in (tmp_path / "drift").iterdir()] == ["support.json"]
    assert (tmp_path / "drift" / "support.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "drift" / "support.json.new").mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        file.keep("support", b"three")
    assert file.load("support") == b"two"
    with pytest.raises(StoreError, match="no name of a file"):
        file.keep("../key", b"")
