"""Whether both engines serve the same student: log-probabilities of the same tokens, side by side.

The embedded engine writes an answer greedily and says how likely each of its tokens was; torch reads the same tokens
from the same weights. The engine multiplies in eight bits (llama.cpp, Q8 activations), so they never agree to the last
digit: how far they are apart without the adapter is measured beside it, and how much the adapter itself changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from palier.errors import InvalidRequest
from palier.metrics.intervals import bca
from palier.models.engine_tokens import EngineTokens, Written
from palier.training import lora
from palier.training.lora import Scores
from palier.training.lora_plan import Row
from palier.types import Data

LIMIT = 32
"""Tokens of an answer that are compared."""


class Agreement(Data, frozen=True, kw_only=True):
    """Two engines on the same tokens. Differences are of log-probabilities, in nats."""

    tokens: int
    mean_difference: float
    """Mean absolute difference, with its 95 % interval over prompts."""
    low: float | None
    high: float | None
    most: float
    same_token: float
    """Share of tokens that are the likeliest to both."""
    same_answer: float
    """Share of greedy answers that are the same from beginning to end."""


class Fidelity(Data, frozen=True, kw_only=True):
    """Agreement under the adapter, and of the base alone; and what the adapter changes, by torch."""

    prompts: int
    adapter: Agreement
    base: Agreement
    changed: float
    """Mean absolute difference of log-probability that the adapter makes to its own answers."""
    changed_answers: float
    """Share of greedy answers of the engine that are others with the adapter than without."""
    merged: Agreement | None = None


async def compare(
    tokens: EngineTokens,
    adapter: str,
    prompts: Sequence[tuple[int, ...]],
    *,
    weights: Path,
    peft: Path,
    merged: Path | None = None,
    limit: int = LIMIT,
    threads: int = 0,
) -> Fidelity:
    """Compare the engine's `adapter` with the PEFT folder that it was exported beside, on `prompts` in tokens."""
    if not prompts:
        raise InvalidRequest("there is no prompt to compare on")
    own = [await tokens.greedy(prompt, limit, adapter) for prompt in prompts]
    plain = [await tokens.greedy(prompt, limit) for prompt in prompts]
    rows, base_rows = _rows(prompts, own), _rows(prompts, plain)
    taught, bare = await lora.scores(rows, weights, adapter=peft, plain=[*rows, *base_rows], threads=threads)
    change = [
        abs(a - b) for one, other in zip(taught, bare, strict=False) for a, b in zip(one[0], other[0], strict=True)
    ]
    whole = (await lora.scores(rows, weights, merged=merged, threads=threads))[0] if merged else None
    return Fidelity(
        prompts=len(prompts),
        adapter=agreement(own, taught),
        base=agreement(plain, bare[len(rows) :]),
        changed=round(float(np.mean(change)), 5),
        changed_answers=round(float(np.mean([a.tokens != b.tokens for a, b in zip(own, plain, strict=True)])), 4),
        merged=agreement(own, whole) if whole else None,
    )


def agreement(written: Sequence[Written], scores: Scores) -> Agreement:
    """Of what one engine wrote, and what the other makes of it (log-probabilities, and the likeliest tokens)."""
    sums, same, most = [], [], 0.0
    for one, (logprobs, likeliest) in zip(written, scores, strict=True):
        known = [abs(a - b) for a, b in zip(one.logprobs, logprobs, strict=True) if a is not None]
        sums.append((sum(known), len(known)))
        most = max(most, *known, 0.0)
        same.append([a == b for a, b in zip(one.tokens, likeliest, strict=True)])
    table = np.array(sums, float)
    value, low, high = bca(table, lambda total: total[..., 0] / np.maximum(total[..., 1], 1), np.arange(len(table)))
    flat = [right for row in same for right in row]
    return Agreement(
        tokens=len(flat),
        mean_difference=round(value, 5),
        low=None if np.isnan(low) else round(low, 5),
        high=None if np.isnan(high) else round(high, 5),
        most=round(most, 5),
        same_token=round(float(np.mean(flat)), 5) if flat else 1.0,
        same_answer=round(float(np.mean([all(row) for row in same])), 4),
    )


def _rows(prompts: Sequence[tuple[int, ...]], written: Sequence[Written]) -> list[Row]:
    return [Row(tuple(prompt), one.tokens) for prompt, one in zip(prompts, written, strict=True)]
