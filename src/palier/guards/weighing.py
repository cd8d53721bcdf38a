"""Signals to a support in [0, 1]: two logistic sums, one for passages in the sentence's language, one for others.

Their weights are plain numbers in a JSON file, each of the sign that `supporting.SIGNS` says: more of what speaks for a
sentence never makes it less supported. Fitted by `python -m benchmarks.fit_grounding`. A file of `palier guard fit
grounding` holds the same, what its examples taught beside them (`taught`), and a SHA-256 of it all.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from palier.errors import ConfigurationError
from palier.guards.supporting import SIGNS
from palier.guards.taught import Taught
from palier.types import Data

SHIPPED = Path(__file__).with_name("grounding.json")
FORMAT = 1
_MOST = 2**20


class Sum(Data, frozen=True, kw_only=True):
    """A logistic sum: `intercept` plus each signal times its weight."""

    intercept: float
    weights: dict[str, float]

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if name not in SIGNS or not math.isfinite(weight) or weight * SIGNS[name] < 0:
                raise ValueError(f"the weight {weight} of `{name[:40]}` is none it may have")
        if not math.isfinite(self.intercept):
            raise ValueError("the intercept is no number")

    def support(self, signals: Mapping[str, float]) -> float:
        """In [0, 1]; a signal that is not there is 0."""
        linear = self.intercept + sum(weight * signals.get(name, 0.0) for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(min(linear, 500.0), -500.0)))

    def likeness(self, signals: Mapping[str, float]) -> float:
        """The support if nothing spoke against it."""
        return self.support({name: value for name, value in signals.items() if SIGNS[name] > 0})

    def cause(self, signals: Mapping[str, float]) -> str:
        """The signal that cost most."""
        lost = {
            name: weight * ((1.0 if SIGNS[name] > 0 else 0.0) - signals.get(name, 0.0))
            for name, weight in self.weights.items()
        }
        return max(lost, key=lambda name: lost[name], default="")


class Lift(Data, frozen=True, kw_only=True):
    """How far a small model's log-probabilities move a support: its log-odds, by `weight` a nat over `centre`."""

    weight: float
    centre: float
    """The lift (`likely.lift`) that changes nothing."""
    least: float = -2.0
    most: float = 4.0
    """What is further is taken for this."""

    def __post_init__(self) -> None:
        if not (self.weight >= 0 and self.least <= self.centre <= self.most and math.isfinite(self.weight)):
            raise ValueError("the weight of log-probabilities is none it may have")

    def moved(self, support: float, lift: float) -> float:
        """The support that is left of `support` where the lift is this: more lift is never less."""
        held = min(max(support, 1e-9), 1 - 1e-9)
        linear = math.log(held / (1 - held)) + self.weight * (min(max(lift, self.least), self.most) - self.centre)
        return 1 / (1 + math.exp(-linear))


class Weights(Data, frozen=True, kw_only=True):
    """What a `grounding` guard was fitted to."""

    palier_grounding: int
    same: Sum
    foreign: Sum
    threshold: float
    """The score (1 - support) from which a sentence does not pass."""
    fitted_on: str = ""
    licence: str = ""
    by: str = ""
    lift: Lift | None = None
    """For a guard that names a model."""
    taught: Taught | None = None
    """By whose examples, where it was fitted to some."""
    sha256: str = ""
    """Of the rest, where examples taught it: what was changed since, by hand or by accident, is not used."""

    def __post_init__(self) -> None:
        if self.palier_grounding != FORMAT:
            raise ValueError(f"it has format {self.palier_grounding}, and this palier reads {FORMAT}")
        if not 0 < self.threshold < 1:
            raise ValueError(f"its threshold is {self.threshold}")
        if self.taught is not None and self.sha256 != _digest(msgspec.to_builtins(self)):
            raise ValueError("its SHA-256 is another: it was changed, or cut short")

    @property
    def limit(self) -> float:
        """The threshold of what judges: what was taught, or else the weights of the package."""
        return self.taught.threshold if self.taught is not None else self.threshold


def dump(general: Weights, taught: Taught) -> bytes:
    """The file of what examples taught, beside the weights of the package as they were when it was judged."""
    said = msgspec.to_builtins(general) | {"taught": msgspec.to_builtins(taught)}
    content = msgspec.json.encode(said | {"sha256": _digest(said)}, order="deterministic")
    return msgspec.json.format(content, indent=1) + b"\n"


def _digest(said: dict[str, Any]) -> str:
    """The SHA-256 of all that it says but this."""
    rest = {name: value for name, value in said.items() if name != "sha256"}
    return hashlib.sha256(msgspec.json.encode(rest, order="sorted")).hexdigest()


@cache
def load(path: Path = SHIPPED) -> Weights:
    """The weights in a file. Raises `ConfigurationError` that says what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST + 1)
        if len(content) > _MOST:
            raise ValueError(f"it has more than {_MOST} bytes")
        return msgspec.json.decode(content, type=Weights)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} holds no weights of grounding: {error}",
            hint="palier guard fit grounding --examples FILE -o FILE makes one",
        ) from None
