"""From a draft to the probability that it is good enough: named signals, combined by a small fitted logistic model.

Two models, for a quotation and for a generated draft, each in a readable file under `fitted/` that says what it was
fitted on. Fitted again by benchmarks/fit_confidence.py. A signal that is missing or unknown is an error, never a 0.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from palier.routing.grounding import signals
from palier.types import Draft, Features, Prompt

_CLIP = 4.0
"""Standard deviations beyond which a signal says no more: nothing so far out was seen when the weights were fitted."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """Probability = sigmoid(intercept + coefficients . clipped standardised signals)."""

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float

    @classmethod
    def parse(cls, fitted: dict[str, Any]) -> Logistic:
        """From the content of a weights file. Raises `ValueError` where it does not fit together."""
        signals = fitted["features"]
        rows = [(s["name"], s["mean"], s["scale"], s["coefficient"]) for s in signals]
        if (
            not rows
            or any(row[2] <= 0 for row in rows)
            or not all(map(math.isfinite, (n for r in rows for n in r[1:])))
        ):
            raise ValueError("weights: every feature needs a finite mean, coefficient and positive scale")
        names, means, scales, coefficients = zip(*rows, strict=True)
        return cls(names, means, scales, coefficients, float(fitted["intercept"]))

    def probability(self, features: Features) -> float:
        """In (0, 1). Raises `ValueError` that names what is missing, unknown or not finite."""
        if features.keys() != set(self.names):
            missing, unknown = set(self.names) - features.keys(), features.keys() - set(self.names)
            raise ValueError(f"confidence: features missing {sorted(missing)}, unknown {sorted(unknown)}")
        total = self.intercept
        for name, mean, scale, weight in zip(self.names, self.means, self.scales, self.coefficients, strict=True):
            value = features[name]
            if not math.isfinite(value):
                raise ValueError(f"confidence: feature {name} is {value}")
            total += weight * min(max((value - mean) / scale, -_CLIP), _CLIP)
        return 1.0 / (1.0 + math.exp(-total)) if total > -700 else 0.0


class FittedConfidence:
    """Implements `interfaces.Confidence` with the weights of the package."""

    def features(self, prompt: Prompt, draft: Draft) -> Features:
        """The draft's own signals where its tier gave some (a quotation), else how it stands to its evidence."""
        return dict(draft.features) if draft.features else signals(prompt, draft)

    def probability(self, features: Features, *, generates: bool) -> float:
        """In [0, 1]. Raises `ValueError` where `features` are not those of the fitted model."""
        if features.get("quoted") == 0.0 or features.get("empty") == 1.0:
            return 0.0  # nothing was said
        return _fitted("generating" if generates else "quoting").probability(features)


@cache
def _fitted(name: str) -> Logistic:
    text = files("palier.routing").joinpath(f"fitted/{name}.json").read_text(encoding="utf-8")
    return Logistic.parse(json.loads(text))
