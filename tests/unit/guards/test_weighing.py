"""The fitted sums: their signs, and files that are none."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.errors import ConfigurationError
from palier.guards.supporting import COPIED, SIGNS
from palier.guards.weighing import SHIPPED, Sum, load

WEIGHTS = load()
shares = st.fixed_dictionaries({name: st.floats(0, 1) for name in SIGNS})


@given(shares, st.sampled_from(sorted(SIGNS)), st.floats(0, 1))
def test_more_of_what_speaks_for_it_never_makes_it_less_supported(
    signals: dict[str, float], name: str, other: float
) -> None:
    for one in (WEIGHTS.same, WEIGHTS.foreign):
        before, after = one.support(signals), one.support({**signals, name: other})
        assert 0 <= before <= 1
        assert (after - before) * (other - signals[name]) * SIGNS[name] >= 0


def test_a_copy_is_supported_by_the_weights_of_the_package() -> None:
    assert 1 - WEIGHTS.same.support(COPIED) < WEIGHTS.threshold / 2


def test_the_cause_is_what_cost_most() -> None:
    one = Sum(intercept=0.0, weights={"words": 1.0, "figures": -3.0})
    assert one.cause({"words": 0.0, "figures": 1.0}) == "figures"
    assert one.cause({"words": 0.0, "figures": 0.0}) == "words"
    assert Sum(intercept=0.0, weights={}).cause({}) == ""
    assert Sum(intercept=9e99, weights={}).support({}) == 1.0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"palier_grounding": 2}, "format 2"),
        ({"threshold": 1.0}, "threshold"),
        ({"same": {"intercept": 0.0, "weights": {"words": -1.0}}}, "none it may have"),
        ({"same": {"intercept": 0.0, "weights": {"luck": 1.0}}}, "none it may have"),
        ({"foreign": 3}, "foreign"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, change: dict[str, object], why: str) -> None:
    file = tmp_path / "weights.json"
    file.write_bytes(msgspec.json.encode({**msgspec.json.decode(SHIPPED.read_bytes()), **change}))
    with pytest.raises(ConfigurationError, match=why):
        load(file)


def test_what_is_no_file_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "none.json")
    (tmp_path / "large.json").write_bytes(b" " * 2**21)
    with pytest.raises(ConfigurationError, match="more than"):
        load(tmp_path / "large.json")
    (tmp_path / "deep.json").write_bytes(b"[" * 100_000)
    with pytest.raises(ConfigurationError, match="no weights"):
        load(tmp_path / "deep.json")
