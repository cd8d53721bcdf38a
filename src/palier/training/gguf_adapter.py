"""A LoRA adapter as the engine reads it: a GGUF of type `adapter` (llama.cpp, `convert_lora_to_gguf.py`).

Of each projection two tensors, `blk.N.attn_q.weight.lora_a` (rank, in) and `.lora_b` (out, rank). Of a Llama, the rows
of `lora_b` of queries and keys are permuted as those of the base weights are. Scale is `adapter.lora.alpha` / rank.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palier.errors import ConfigurationError, MissingExtra
from palier.training.base_from_gguf import HINT, PROJECTIONS, Gguf, permuted

Floats = NDArray[np.float32]
_PEFT = re.compile(r"(?:base_model\.model\.)?model\.layers\.(\d+)\.\w+\.(\w+)\.lora_([AB])(?:\.\w+)?\.weight")


def named(tensors: Mapping[str, Floats], base: Gguf) -> dict[str, Floats]:
    """PEFT's tensors under the names and in the order of rows that the engine has them.

    Raises `ConfigurationError` for a tensor that is of no projection, or one half without the other.
    """
    found: dict[str, Floats] = {}
    for name, values in tensors.items():
        match = _PEFT.fullmatch(name)
        if match is None or match[2] not in PROJECTIONS:
            raise ConfigurationError(f"the adapter holds `{name[:120]}`, which is of no projection of a layer")
        layer, part, half = match[1], PROJECTIONS[match[2]], match[3]
        if half == "B" and base.architecture == "llama" and part in ("attn_q", "attn_k"):
            values = permuted(values, base.heads if part == "attn_q" else base.key_heads)
        found[f"blk.{layer}.{part}.weight.lora_{half.lower()}"] = np.ascontiguousarray(values, np.float32)
    whole = {name.rpartition(".")[0] for name in found}
    if alone := sorted(stem for stem in whole if not {f"{stem}.lora_a", f"{stem}.lora_b"} <= found.keys()):
        raise ConfigurationError(f"the adapter has one half alone of {alone[0]}")
    return dict(sorted(found.items()))


def write(path: Path, tensors: Mapping[str, Floats], base: Gguf, *, alpha: float, name: str, base_sha256: str) -> None:
    """Write the adapter of PEFT's `tensors` (float32) to `path`. The same adapter is the same file.

    Raises `OSError` where the file cannot be written, and what `named` raises.
    """
    try:
        import gguf
    except ImportError:
        raise MissingExtra("adapters are written by the package `gguf`", hint=HINT) from None
    found = named(tensors, base)
    writer = gguf.GGUFWriter(path, base.architecture)
    try:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
        writer.add_name(name)
        writer.add_string("palier.base_sha256", base_sha256)
        for tensor, values in found.items():
            writer.add_tensor(tensor, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
