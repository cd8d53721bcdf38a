"""The engine's weights in torch: the same log-probabilities of the same tokens, whatever the architecture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import tiny_gguf

from palier.config import Model
from palier.errors import ConfigurationError
from palier.interfaces import Resources
from palier.models import engine
from palier.models.engine_tokens import EngineTokens
from palier.privacy.connector import HttpConnector
from palier.training import base_from_gguf, fidelity
from palier.training.base_from_gguf import Gguf
from palier.types import Message


@pytest.mark.parametrize("architecture", base_from_gguf.ARCHITECTURES)
async def test_both_engines_agree(extra: None, tmp_path: Path, architecture: str) -> None:
    from palier.training.lora_model import Student
    from palier.training.lora_plan import Row

    file = tiny_gguf.write(tmp_path / "tiny.gguf", architecture, seed=3)
    connector = HttpConnector()
    settings = Model(kind="engine", weights=str(file), context=256, threads=1)
    model = engine.build("tiny", settings, Resources(connector, None, None, tmp_path, Path))  # type: ignore[arg-type]
    tokens = EngineTokens(model)
    prompts = [await tokens.prompt([Message(role="user", content=f"Quelle heure est-il, {n} ?")]) for n in range(4)]
    written = [await tokens.greedy(prompt, 12) for prompt in prompts]
    await model.close()
    await connector.close()

    judged = Student(Gguf(file), "cpu").judged([Row(p, w.tokens) for p, w in zip(prompts, written, strict=True)])
    found = fidelity.agreement(written, judged)
    assert found.tokens > 20
    assert found.mean_difference < 0.02
    assert found.same_token > 0.95


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_the_order_of_rows_comes_back(heads: int, half: int, columns: int) -> None:
    values = np.arange(heads * 2 * half * columns, dtype=np.float32).reshape(heads * 2 * half, columns)
    there = base_from_gguf.permuted(values, heads)
    np.testing.assert_array_equal(base_from_gguf.unpermuted(there, heads), values)
    # Of the first head: what is rotated together, half a head apart, stands side by side.
    np.testing.assert_array_equal(there[:2], values[[0, half]])


def test_what_cannot_be_taught_is_said(extra: None, tmp_path: Path) -> None:
    import gguf

    with pytest.raises(ConfigurationError, match="cannot be read as GGUF"):
        Gguf(tmp_path / "nowhere.gguf")
    (tmp_path / "none.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ConfigurationError, match="cannot be read as GGUF"):
        Gguf(tmp_path / "none.gguf")
    writer = gguf.GGUFWriter(tmp_path / "other.gguf", "mamba")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ConfigurationError, match="architecture `mamba`, and students are taught on llama"):
        Gguf(tmp_path / "other.gguf")
