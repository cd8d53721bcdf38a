"""Records to a policy with a guarantee (`palier calibrate`), and a policy judged on other records (`palier replay`)."""

from __future__ import annotations

from palier.calibrate.policies import Outcome, calibrate
from palier.calibrate.questions import vectors
from palier.calibrate.reading import Reading, read
from palier.calibrate.replay import Replayed, needs_questions, replay

__all__ = ["Outcome", "Reading", "Replayed", "calibrate", "needs_questions", "read", "replay", "vectors"]
