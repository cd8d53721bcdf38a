"""Probability and threshold to decision, in words that a person can check.

`decide` is pure, so that the gateway and `palier replay` cannot differ.
"""

from __future__ import annotations

from palier.types import Decision

DEFAULT_THRESHOLD = 0.5


def decide(probability: float | None, threshold: float, *, calibrated: bool = False) -> Decision:
    """Stay when the draft is probably good enough, else climb.

    `probability` is None for what has no confidence (a tool call): it stays only where nothing is asked of it.
    A threshold of 0 asks nothing.
    """
    mark = "" if calibrated else ", not calibrated"
    if threshold <= 0:
        known = "" if probability is None else f"; confidence {probability:.2f}{mark}"
        reason = f"no threshold to reach{known}"
        return Decision(action="stay", reason=reason, confidence=probability, threshold=0.0, calibrated=calibrated)
    if probability is None:
        reason = f"it has no confidence, and {threshold:.2f} is asked{mark}"
        return Decision(action="climb", reason=reason, threshold=threshold, calibrated=calibrated)
    stays = probability >= threshold
    return Decision(
        action="stay" if stays else "climb",
        reason=f"{probability:.2f} {'>=' if stays else '<'} {threshold:.2f}{mark}",
        confidence=probability,
        threshold=threshold,
        calibrated=calibrated,
    )
