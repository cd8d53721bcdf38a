"""Kind `head`: answers with one of the labels it was taught, from a sentence embedding. It generates nothing.

It reads the last user turn alone: no system prompt, no earlier turns, no documents. It always names one of its labels;
`probability` says how sure it is, calibrated on examples it had not seen, and is its confidence. Taught by
`palier distill --student head` (`training.heads`); measured by benchmarks/heads.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import numpy as np
from numpy.typing import NDArray

from palier.cards import ModelCard
from palier.config import Model as Settings
from palier.errors import ConfigurationError
from palier.heads import file as head_file
from palier.heads.file import Head
from palier.heads.ngrams import MAX_CHARACTERS
from palier.interfaces import Encoder, Resources
from palier.models import catalogue
from palier.models.scripted import cut
from palier.types import Cited, Delta, Event, Features, Finish, Metered, Prompt, Usage

CAPABILITIES = frozenset({"chat", "max_tokens", "stop", "seed", "temperature", "top_p"})
"""`seed`, `temperature` and `top_p` are honoured because nothing here is left to chance."""


def build(name: str, settings: Settings, resources: Resources) -> HeadModel:
    """A `HeadModel` from `[models.NAME]`. Raises `ConfigurationError`: no file, no head, or one of another encoder."""
    if not settings.file:
        raise ConfigurationError(
            f"model `{name}` has no `file`", hint="the file of a head: palier distill --student head makes one"
        )
    path = resources.resolve(settings.file)
    head = head_file.load(path)
    trained = head.header.trained
    default = ModelCard(
        name=name,
        kind="head",
        title=f"names one of {len(head.header.labels)} labels, taught on {trained.examples} examples",
        licence=trained.licence,
        parameters=sum(array.size for array in head.arrays.values()),
        size=path.stat().st_size,
        languages=head.header.languages,
        capabilities=CAPABILITIES,
        customisation=("full",),
        on_premises=True,
        generates=False,
        source=trained.source,
    )
    return HeadModel(head, resources.encoder, catalogue.card(name, settings, default))


class HeadModel:
    """`interfaces.Model`. Raises `ConfigurationError` where `encoder` is not the one that `head` was taught with."""

    def __init__(self, head: Head, encoder: Encoder, card: ModelCard) -> None:
        check_encoder(head, encoder, card.name)
        self.card = card
        self.head = head
        self._encoder = encoder

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `interfaces.Model`: the label, then `Cited` with its signals and no passage."""
        question = prompt.question or next((m.content for m in reversed(prompt.messages) if m.role == "user"), "")
        probabilities = await self.probabilities(question)
        label = self.head.header.labels[int(probabilities.argmax())]
        text, reason = cut(label, prompt.parameters)
        yield Delta(text=text)
        yield Cited(passages=(), features=signals(probabilities))
        yield Finish(reason=reason)
        yield Metered(usage=Usage())

    async def probabilities(self, question: str) -> NDArray[np.float64]:
        """Of each label, (labels,). Raises as the encoder does."""
        question = question[:MAX_CHARACTERS]
        vectors = await self._encoder.encode([question]) if self.head.embeds else None
        result: NDArray[np.float64] = self.head.probabilities([question], vectors)[0]
        return result

    async def health(self) -> tuple[bool, str]:
        return True, "ready"

    async def close(self) -> None:
        """Nothing is held."""


def check_encoder(head: Head, encoder: Encoder, name: str) -> None:
    """Vectors of two encoders are not comparable, and nothing would show it but wrong answers."""
    header = head.header
    if head.embeds and (header.encoder, header.dimension) != (encoder.name, encoder.dimension):
        raise ConfigurationError(
            f"head `{name}` was taught with the encoder {header.encoder} ({header.dimension} numbers), and here is "
            f"{encoder.name} ({encoder.dimension})",
            hint="teach it again with this one: palier distill --student head",
        )


def signals(probabilities: NDArray[np.float64]) -> Features:
    """`probability` of the label, `margin` to the next one's, `entropy` of all as a share of the most: in [0, 1]."""
    first, second = np.sort(probabilities)[::-1][:2].tolist()
    some = probabilities[probabilities > 0]
    entropy = float(-(some * np.log(some)).sum() / np.log(len(probabilities)))
    return {"probability": first, "margin": first - second, "entropy": min(max(entropy, 0.0), 1.0)}
