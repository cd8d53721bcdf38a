"""What a wrong palier.toml is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from palier.config import parse
from palier.errors import ConfigurationError

TIER = {"model": "x"}


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"server": {"prot": 1}}, "did you mean `port`?"),
        ({"serve": {}}, "did you mean `server`?"),
        ({"server": {"retention_days": 3}}, r"belongs in \[store\]"),
        ({"models": {"q": {"kind": "extract", "threshold": 3}}}, r"belongs in \[\[routes.NAME.tiers\]\]"),
        ({"models": {"q": {"kind": "extract", "nonsense": 3}}}, "settings.md lists every setting"),
        ({"routes": {"a": {"tiers": [{**TIER, "threshhold": 1}]}}}, "did you mean `threshold`?"),
        ({"routes": {"a": {"message_label": "interne"}}}, "one of public, internal, confidential, restricted"),
        ({"routes": {"a": {"tiers": [{**TIER, "threshold": "0.6"}]}}}, "write it without quotes"),
    ],
)
def test_what_is_wrong_and_what_was_meant(tree: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=words):
        parse(tree, root=tmp_path)
