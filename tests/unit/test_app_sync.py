"""The twin for notebooks and scripts."""

from __future__ import annotations

from pathlib import Path

from palier import SyncPalier
from palier.config import parse
from palier.types import Document, Label

TREE = {
    "data": "data",
    "models": {"large": {"kind": "fake", "file": "script.jsonl"}},
    "routes": {"support": {"collections": ["shelf"], "tiers": [{"model": "large"}], "message_label": "public"}},
}


def test_the_synchronous_twin(tmp_path: Path) -> None:
    (tmp_path / "script.jsonl").write_text('{"answer": "29.99 euros [1]"}\n')
    with SyncPalier.open(parse(TREE, root=tmp_path)) as palier:
        palier.put_documents(
            [Document(id="a", collection="shelf", text="The fibre costs 29.99 euros.", label=Label.PUBLIC)]
        )
        assert palier.search("fibre")[0].document == "a"
        assert palier.ask("What does the fibre cost?").text == "29.99 euros [1]"
