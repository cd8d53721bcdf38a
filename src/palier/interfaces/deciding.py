"""Draft to probability to decision."""

from __future__ import annotations

from typing import Protocol

from palier.interfaces.models import Vectors
from palier.types import Decision, Draft, Features, Prompt


class Confidence(Protocol):
    """Draft to the probability that it is good enough."""

    def features(self, prompt: Prompt, draft: Draft) -> Features:
        """Named signals, all finite."""
        ...

    def probability(self, features: Features, *, generates: bool) -> float:
        """In [0, 1]."""
        ...


class Rule(Protocol):
    """What a policy says of one tier: its own probability, from which one a draft is served, and what need not be."""

    @property
    def threshold(self) -> float: ...

    @property
    def asks(self) -> bool:
        """Whether the question's vector is a signal."""
        ...

    def probability(self, features: Features) -> float | None:
        """In [0, 1]; None where the signals are not those it was fitted on."""
        ...

    def asked(self, vector: Vectors | None) -> Features:
        """The signal of a question, vector (1, d); none where it was fitted on none."""
        ...

    def passes_over(self, features: Features) -> str:
        """Why a tier need not be asked, by the question's signal; empty where it may."""
        ...

    def cuts(self, early: float | None) -> str:
        """Why a draft need not go on, by the mean log-probability of its first tokens; empty where it may."""
        ...

    def in_vain(self, features: Features) -> str:
        """Why a whole draft with these signals is not kept, whatever its probability; empty where it may be."""
        ...


class Decide(Protocol):
    """Probability to decision, pure: the gateway and `palier replay` call the same one."""

    def __call__(self, probability: float | None, threshold: float, *, guarantee: str = "") -> Decision: ...
