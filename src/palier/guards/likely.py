"""What a passage does for a sentence in a small model's eyes: how much likelier it is with it than without.

Opt-in, since it is slow: the model writes each sentence twice, token by token. The lift is a mean over tokens, so that
a long sentence and a short one are judged alike, and it moves the support that words and figures give by a fitted
weight (`weighing.Lift`). Measured by benchmarks/grounding_logprob.py.
"""

from __future__ import annotations

from palier.interfaces.guarding import Scorer
from palier.types import Message

MOST_PASSAGE, MOST_QUESTION = 800, 400
"""Characters of the passage and (the last) of the question that the model reads."""
_NOTHING_ASKED = "…"


async def lift(scorer: Scorer, text: str, question: str, passage: str) -> float:
    """Nats a token that `passage` adds to the log-probability of `text`, the answer. Raises what the scorer raises."""
    asked = question.strip()[-MOST_QUESTION:] or _NOTHING_ASKED
    without = await scorer.logprobs((Message(role="user", content=asked),), text)
    read = f"{passage.strip()[:MOST_PASSAGE]}\n\n{asked}"
    beside = await scorer.logprobs((Message(role="user", content=read),), text)
    gains = [b - a for a, b in zip(without, beside, strict=True) if a is not None and b is not None]
    return sum(gains) / len(gains) if gains else 0.0
