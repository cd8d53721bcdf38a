"""What it means that a text does not pass, where the settings do not say."""

from __future__ import annotations

from collections.abc import Iterable

from palier.config import Guard as Settings
from palier.interfaces.guarding import Action, Context, Span, Verdict
from palier.types import GuardPlace

DEFAULTS: dict[GuardPlace, Action] = {"input": "refuse", "evidence": "mend", "draft": "climb", "output": "refuse"}
"""A passage that is mended and has no text is left out; a sentence too."""


def failing(
    settings: Settings, context: Context, reason: str, *, score: float | None = None, spans: Iterable[Span] = ()
) -> Verdict:
    """The verdict on a text that does not pass."""
    action: Action = settings.action or DEFAULTS[context.place]
    return Verdict(action=action, score=score, reason=reason, spans=tuple(spans))
