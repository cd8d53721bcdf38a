"""The adapter as the engine reads it: names, the order of rows, and no half alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests import tiny_gguf

from palier.errors import ConfigurationError
from palier.training import gguf_adapter
from palier.training.base_from_gguf import Gguf, permuted

STEM = "base_model.model.model.layers.1.self_attn.{}_proj.lora_{}.weight"


def halves(part: str, rows: int = 64) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(1)
    return {
        STEM.format(part, "A"): chance.standard_normal((2, 64)).astype(np.float32),
        STEM.format(part, "B"): chance.standard_normal((rows, 2)).astype(np.float32),
    }


def test_queries_and_keys_of_a_llama_are_permuted_and_nothing_else(tiny: Path, tmp_path: Path) -> None:
    llama = Gguf(tiny)
    for part, rows, heads in (("q", 64, 4), ("k", 32, 2), ("v", 32, 0), ("o", 64, 0)):
        given = halves(part, rows)
        found = gguf_adapter.named(given, llama)
        name = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output"}[part]
        assert list(found) == [f"blk.1.{name}.weight.lora_a", f"blk.1.{name}.weight.lora_b"]
        low, high = given[STEM.format(part, "A")], given[STEM.format(part, "B")]
        np.testing.assert_array_equal(found[f"blk.1.{name}.weight.lora_a"], low)
        np.testing.assert_array_equal(found[f"blk.1.{name}.weight.lora_b"], permuted(high, heads) if heads else high)
    qwen = Gguf(tiny_gguf.write(tmp_path / "qwen.gguf", "qwen2"))
    given = halves("q")
    np.testing.assert_array_equal(
        gguf_adapter.named(given, qwen)["blk.1.attn_q.weight.lora_b"], given[STEM.format("q", "B")]
    )


def test_what_is_no_adapter_of_projections_is_refused(tiny: Path) -> None:
    base = Gguf(tiny)
    with pytest.raises(ConfigurationError, match="of no projection"):
        gguf_adapter.named({"base_model.model.lm_head.lora_A.weight": np.zeros((2, 2), np.float32)}, base)
    one = dict(list(halves("q").items())[:1])
    with pytest.raises(ConfigurationError, match=r"one half alone of blk\.1\.attn_q"):
        gguf_adapter.named(one, base)


def test_the_same_adapter_is_the_same_file(tiny: Path, tmp_path: Path) -> None:
    base = Gguf(tiny)
    for name in ("a", "b"):
        gguf_adapter.write(tmp_path / name, halves("q"), base, alpha=4.0, name="x", base_sha256="0" * 64)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
