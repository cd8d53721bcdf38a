"""A language model of a few thousand weights, random, in a GGUF that the engine loads in no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

WIDTH, LAYERS, HEADS, KEY_HEADS, INNER = 64, 2, 4, 2, 96
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write(path: Path, architecture: str = "llama", *, seed: int = 0, spread: float = 0.3) -> Path:
    """A model of `architecture` (llama, qwen2, qwen3) with the bytes for tokens."""
    import gguf

    chance = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    tokens = [*_bytes(), "he", "<|im_start|>", "<|im_end|>"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([*[gguf.TokenType.NORMAL] * 257, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL])
    writer.add_token_merges(["h e"])
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(258)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)

    def matrix(name: str, *shape: int) -> None:
        writer.add_tensor(name, (chance.standard_normal(shape) * spread).astype(np.float32))

    def norm(name: str, size: int) -> None:
        writer.add_tensor(name, (1 + 0.1 * chance.standard_normal(size)).astype(np.float32))

    matrix("token_embd.weight", len(tokens), WIDTH)
    norm("output_norm.weight", WIDTH)
    size = WIDTH // HEADS
    for n in range(LAYERS):
        block = f"blk.{n}."
        norm(f"{block}attn_norm.weight", WIDTH)
        norm(f"{block}ffn_norm.weight", WIDTH)
        for part, rows in (("q", WIDTH), ("k", KEY_HEADS * size), ("v", KEY_HEADS * size)):
            matrix(f"{block}attn_{part}.weight", rows, WIDTH)
            if architecture == "qwen2":
                writer.add_tensor(f"{block}attn_{part}.bias", chance.standard_normal(rows).astype(np.float32))
        matrix(f"{block}attn_output.weight", WIDTH, WIDTH)
        if architecture == "qwen3":
            norm(f"{block}attn_q_norm.weight", size)
            norm(f"{block}attn_k_norm.weight", size)
        matrix(f"{block}ffn_gate.weight", INNER, WIDTH)
        matrix(f"{block}ffn_up.weight", INNER, WIDTH)
        matrix(f"{block}ffn_down.weight", WIDTH, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _bytes() -> list[str]:
    """A character for each byte, as byte-level tokenizers of GPT-2's kind have them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(n) if n in plain else chr(next(others)) for n in range(256)]
