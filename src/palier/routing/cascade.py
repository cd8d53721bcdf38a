"""Probability and threshold to decision, in words that a person can check.

`decide` is pure, so that the gateway and `palier replay` cannot differ.
"""

from __future__ import annotations

import math

from palier.types import Decision

DEFAULT_THRESHOLD = 0.5
NEVER = math.inf
"""The threshold of a tier that must not keep anything."""


def decide(probability: float | None, threshold: float, *, guarantee: str = "") -> Decision:
    """Stay when the draft is probably good enough, else climb.

    `probability` is None for what has no confidence (a tool call): it stays only where nothing is asked of it.
    A threshold of 0 asks nothing; one above 1 (`NEVER`) keeps nothing, and `guarantee` then says why. Else `guarantee`
    says in words what stands behind the threshold; without one it is not calibrated.
    """
    if threshold > 1:
        return Decision(action="climb", reason=guarantee or "nothing is kept", confidence=probability)
    calibrated = bool(guarantee)
    mark = "" if calibrated else ", not calibrated"
    if threshold <= 0:
        known = "" if probability is None else f"; confidence {probability:.2f}{mark}"
        reason = f"no threshold to reach{known}"
        return Decision(action="stay", reason=reason, confidence=probability, threshold=0.0, calibrated=calibrated)
    if probability is None:
        reason = f"it has no confidence, and {threshold:.2f} is asked{mark}"
        return Decision(action="climb", reason=reason, threshold=threshold, calibrated=calibrated)
    stays = probability >= threshold
    places = 2 if abs(probability - threshold) >= 0.005 else 4  # 0.78 < 0.78 would explain nothing
    compared = f"{probability:.{places}f} {'>=' if stays else '<'} {threshold:.{places}f}"
    return Decision(
        action="stay" if stays else "climb",
        reason=f"{compared}: {guarantee}" if guarantee else f"{compared}{mark}",
        confidence=probability,
        threshold=threshold,
        calibrated=calibrated,
    )
