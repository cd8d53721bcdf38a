"""From a draft to the probability that it is good enough: named signals, combined by a small fitted logistic model.

Two models, for a quotation and for a generated draft, each in a readable file under `fitted/` that says what it was
fitted on. Fitted again by benchmarks/fit_confidence.py. A signal that is missing or unknown is an error, never a 0.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from palier.routing.calibrator import Calibrator
from palier.routing.grounding import signals
from palier.types import Draft, Features, Prompt


class FittedConfidence:
    """Implements `interfaces.Confidence` with the weights of the package."""

    def features(self, prompt: Prompt, draft: Draft) -> Features:
        """The draft's own signals where its tier gave some (a quotation), else how it stands to its evidence."""
        return dict(draft.features) if draft.features else signals(prompt, draft)

    def probability(self, features: Features, *, generates: bool) -> float:
        """In [0, 1]. Raises `ValueError` where `features` are not those of the fitted model.

        A tier that generates nothing and was calibrated when it was taught (a head) brings its `probability`.
        """
        if not generates and "probability" in features:
            return _own(features["probability"])
        if features.get("quoted") == 0.0 or features.get("empty") == 1.0:
            return 0.0  # nothing was said
        return _fitted("generating" if generates else "quoting").probability(features)


def _own(probability: float) -> float:
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"confidence: feature probability is {probability}")
    return probability


@cache
def _fitted(name: str) -> Calibrator:
    text = files("palier.routing").joinpath(f"fitted/{name}.json").read_bytes()
    return msgspec.json.decode(text, type=Calibrator)
