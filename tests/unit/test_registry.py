"""Kinds that another package brings, as an entry point."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from palier import registry
from palier.errors import ConfigurationError
from palier.metrics.labels import Accuracy

ENTRIES = """
[palier.metrics]
shortness = collections:Counter
accuracy = collections:Counter
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package that is installed beside palier, as one is before the process begins."""
    about = tmp_path / "acme-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(tmp_path)
    registry._elsewhere.cache_clear()
    yield
    registry._elsewhere.cache_clear()


@pytest.mark.usefixtures("elsewhere")
def test_another_package_adds_a_kind_and_replaces_none() -> None:
    from collections import Counter

    assert registry.find("metrics", "shortness") is Counter
    assert "shortness" in registry.kinds("metrics")
    assert registry.find("metrics", "accuracy") is Accuracy
    with pytest.raises(ConfigurationError) as caught:
        registry.find("metrics", "shortnes")
    assert "did you mean `shortness`" in str(caught.value.hint)


def test_what_nobody_brings_is_not_there() -> None:
    with pytest.raises(ConfigurationError, match="there is no kind `shortness` of metrics"):
        registry.find("metrics", "shortness")
