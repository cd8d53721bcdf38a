"""The weights that the engine serves, as a torch model: no hub is asked, and both have the very same base.

Quantised tensors are read as the numbers that the engine takes them for (`gguf.quants`, the format's own package). A
GGUF of a Llama holds the rows of its query and key projections in another order than transformers does (llama.cpp,
`conversion/llama.py`, `permute`): within each head, the halves that are rotated together stand side by side.

Only the training process imports this: it loads torch.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palier.errors import ConfigurationError, MissingExtra

HINT = 'pip install "palier[train]"'
ARCHITECTURES = ("llama", "qwen2", "qwen3")
"""Of the GGUF's `general.architecture`."""

_OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_INSIDE = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
PROJECTIONS = {torch.rpartition(".")[2]: gguf for gguf, torch in _INSIDE.items() if torch.endswith("_proj")}
"""transformers' names of the projections of a layer -> the GGUF's."""


class Gguf:
    """A GGUF of weights that can be taught: its facts, and its tensors one at a time.

    Raises `ConfigurationError` for what is none, or is of an architecture that is not known here.
    """

    def __init__(self, path: Path) -> None:
        try:
            import gguf
        except ImportError:
            raise MissingExtra("weights are read by the package `gguf`", hint=HINT) from None
        self.path = path
        try:
            self._reader = gguf.GGUFReader(path)
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise ConfigurationError(f"{path} cannot be read as GGUF: {str(error)[:200]}") from None
        self._dequantise = gguf.dequantize
        self.architecture = str(self.fact("general.architecture"))
        if self.architecture not in ARCHITECTURES:
            raise ConfigurationError(
                f"{path.name} is of architecture `{self.architecture[:40]}`, and students are taught on "
                f"{', '.join(ARCHITECTURES)}",
                hint="choose a base of one of these: palier models --customisation lora",
            )
        if any(tensor.name == "rope_freqs.weight" for tensor in self._reader.tensors) or self._own(
            "rope.scaling.type", "none"
        ) not in ("none", ""):
            raise ConfigurationError(f"{path.name} stretches its positions, which is not taught here yet")

    def fact(self, key: str, default: Any = None) -> Any:
        """A value of the file's header."""
        field = self._reader.get_field(key)
        found = default if field is None else field.contents()
        if found is None:
            raise ConfigurationError(f"{self.path.name} does not say its `{key}`")
        return found

    def _own(self, key: str, default: Any = None) -> Any:
        return self.fact(f"{self.architecture}.{key}", default)

    @property
    def heads(self) -> int:
        """Query heads of a layer."""
        return int(self._own("attention.head_count"))

    @property
    def key_heads(self) -> int:
        """Key and value heads of a layer."""
        return int(self._own("attention.head_count_kv", self.heads))

    @property
    def context(self) -> int:
        """Tokens it was made for."""
        return int(self._own("context_length"))

    def settings(self) -> dict[str, Any]:
        """The configuration as transformers names it."""
        names = {tensor.name for tensor in self._reader.tensors}
        width = int(self._own("embedding_length"))
        (vocabulary,) = (int(t.shape[-1]) for t in self._reader.tensors if t.name == "token_embd.weight")
        found: dict[str, Any] = {
            "vocab_size": vocabulary,
            "hidden_size": width,
            "intermediate_size": int(self._own("feed_forward_length")),
            "num_hidden_layers": int(self._own("block_count")),
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_heads,
            "head_dim": int(self._own("attention.key_length", width // self.heads)),
            "max_position_embeddings": self.context,
            "rms_norm_eps": float(self._own("attention.layer_norm_rms_epsilon")),
            "rope_parameters": {"rope_type": "default", "rope_theta": float(self._own("rope.freq_base", 10_000.0))},
            "tie_word_embeddings": "output.weight" not in names,
            "bos_token_id": self.fact("tokenizer.ggml.bos_token_id", -1),
            "eos_token_id": self.fact("tokenizer.ggml.eos_token_id", -1),
        }
        if self.architecture == "llama":
            found["attention_bias"] = "blk.0.attn_q.bias" in names
        return {name: value for name, value in found.items() if value != -1}

    def tensors(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Each tensor under transformers' name, in its order of rows; float32."""
        for tensor in self._reader.tensors:
            stem, _, kind = tensor.name.rpartition(".")
            name = _name(stem)
            if name is None:
                raise ConfigurationError(f"{self.path.name} holds `{tensor.name}`, which is not taught here yet")
            shape = tuple(int(size) for size in reversed(tensor.shape))
            values = np.asarray(self._dequantise(tensor.data, tensor.tensor_type), np.float32).reshape(shape)
            if self.architecture == "llama" and stem.endswith((".attn_q", ".attn_k")):
                values = unpermuted(values, self.heads if stem.endswith("q") else self.key_heads)
            yield f"{name}.{kind}", values


def _name(stem: str) -> str | None:
    if stem in _OUTSIDE:
        return _OUTSIDE[stem]
    block, number, part = ([*stem.split(".", 2), "", ""])[:3]
    if block == "blk" and number.isdecimal() and part in _INSIDE:
        return f"model.layers.{number}.{_INSIDE[part]}"
    return None


def permuted(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows (heads * size, ...) from transformers' order to the GGUF's, of queries or keys of a Llama."""
    size = values.shape[0] // heads
    return values.reshape(heads, 2, size // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def unpermuted(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """The inverse of `permuted`."""
    size = values.shape[0] // heads
    return values.reshape(heads, size // 2, 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def load(base: Gguf, *, device: str = "cpu", half: bool = False) -> Any:
    """The causal language model of transformers that `base` is, frozen, on `device`; `half`: in bfloat16.

    Raises `MissingExtra` without torch and transformers, `ConfigurationError` where tensors lack or do not fit.
    """
    torch, kind = imported(base.architecture)
    torch.manual_seed(0)
    settings = kind.config_class(**base.settings(), attn_implementation="sdpa")
    with torch.device("meta"):
        model = kind(settings)
    dtype = torch.bfloat16 if half else torch.float32
    state = {name: torch.from_numpy(np.array(v)).to(device, dtype) for name, v in base.tensors()}
    if settings.tie_word_embeddings:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    try:
        missing, unexpected = model.load_state_dict(state, assign=True, strict=False)
    except RuntimeError as error:
        raise ConfigurationError(f"{base.path.name} does not fit its own header: {str(error)[:300]}") from None
    if missing or unexpected:
        raise ConfigurationError(f"{base.path.name} lacks {missing[:3]} and has {unexpected[:3]} besides")
    if settings.tie_word_embeddings:
        model.tie_weights()
    # Its frequencies are in no file: made again, off the device that holds nothing.
    model.model.rotary_emb = type(model.model.rotary_emb)(settings).to(device)
    model.requires_grad_(False)
    return model.eval()


def imported(architecture: str) -> tuple[Any, Any]:
    """torch, and the class of transformers for `architecture`. Raises `MissingExtra`."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            import torch
            import transformers
    except ImportError as error:
        raise MissingExtra(f"students are taught by torch and transformers: {error}", hint=HINT) from None
    names = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
    return torch, getattr(transformers, names[architecture])
