"""Kind `scope`: is this what the assistant is for? Nearest classes of examples, and when none is near, out.

A head (`heads.file`) names the class; its highest linear score, which falls where no class is near, says whether any
is (max-logit: Hendrycks et al., 2022). The score is calibrated: the share of the assistant's own questions, not taught,
that lie further in. 0.98 refuses about 2 in 100 of them. Fitted by `palier guard fit scope` (`training.scope`),
measured by benchmarks/scope.py.
"""

from __future__ import annotations

import logging

import numpy as np

from palier.config import Guard as Settings
from palier.errors import ConfigurationError
from palier.guards.failing import failing
from palier.heads import file as head_file
from palier.heads.excerpt import Excerpt
from palier.heads.file import Head
from palier.heads.ngrams import MAX_CHARACTERS
from palier.interfaces import Encoder, Resources
from palier.interfaces.guarding import Context, Verdict

log = logging.getLogger("palier.guards")


def build(name: str, settings: Settings, resources: Resources) -> Scope:
    """A `Scope` from `[guards.NAME]`. Raises `ConfigurationError`: no file, not fitted for this, another encoder."""
    if not settings.file:
        raise ConfigurationError(
            f"guard `{name}` has no `file`", hint="palier guard fit scope --examples FILE -o scope.head makes one"
        )
    path = resources.resolve(settings.file)
    try:
        head = head_file.load(path)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"guard `{name}`: {error.message}", hint="palier guard fit scope --examples FILE -o FILE makes one"
        ) from None
    if head.header.reject is None:
        raise ConfigurationError(
            f"guard `{name}`: {path} is a head that rejects nothing", hint="palier guard fit scope makes one that does"
        )
    encoder, header = resources.encoder, head.header
    if head.embeds and (header.encoder, header.dimension) != (encoder.name, encoder.dimension):
        raise ConfigurationError(
            f"guard `{name}` was fitted with the encoder {header.encoder}, and here is {encoder.name}",
            hint="fit it again with this one: palier guard fit scope",
        )
    if header.reads == "both" and header.excerpt is None:
        log.warning(
            "guard %s: %s does not say what was embedded of long texts when it was fitted; of long ones it now embeds"
            " the middle, and may refuse more or fewer than it says: fit it again (palier guard fit scope)",
            name,
            path,
        )
    return Scope(name, settings, head, encoder)


class Scope:
    """`interfaces.Guard`. It looks at the first `MAX_CHARACTERS` of a text: what it is about is told by a part."""

    sentences = False
    shares = True

    def __init__(self, name: str, settings: Settings, head: Head, encoder: Encoder) -> None:
        self.name = name
        self._settings = settings
        self._head = head
        self._encoder = encoder
        self._excerpt = head.header.excerpt or (Excerpt() if head.header.reads == "both" else None)
        reject = head.header.reject
        assert reject is not None
        self.fitted_to = head.header.trained.sketch
        self._inside = np.asarray(reject.inside)
        self.threshold = settings.threshold if settings.threshold is not None else 1 - reject.refused

    async def check(self, text: str, context: Context) -> Verdict:
        """See `interfaces.Guard`. The score is calibrated, in [0, 1]; a text without a word is out."""
        text = text.strip()
        told = f"; by its first {MAX_CHARACTERS} characters" if len(text) > MAX_CHARACTERS else ""
        text = text[:MAX_CHARACTERS]
        embedded = self._excerpt.of(text) if self._excerpt else text
        vectors = await self._encoder.encode([embedded]) if self._head.embeds else None
        linear = self._head.linear([text], vectors)[0]
        nearest = self._head.header.labels[int(linear.argmax())]
        score = 1.0 if not text.strip() else head_file.further_in(self._inside, float(linear.max()))
        if score <= self.threshold:
            return Verdict(score=score, reason=f"nearest: {nearest}{told}")
        return failing(self._settings, context, f"out of scope; the nearest is {nearest}{told}", score=score)
